"""The inventory: creating, reading, changing and deleting parts, and the permissions."""

import pytest

from app.models import inventory

MAX_QUANTITY = 2_147_483_647
WRITES = [("POST", "/inventory"), ("PUT", "/inventory/{id}"), ("GET", "/inventory/{id}/movements")]


def case_id(case):
    """Return a short test id for a case of a table."""
    return f"{case[0]}={case[1]!r:.20}"


# ---------------------------------------------------------------- creating
def test_create_returns_the_part_and_its_location(staff, left):
    """201 with Location and every field of the new record."""
    response = staff.post("/inventory", json={"name": "Brake pad", "price": 49.9, "quantity": 20, "sku": "BP-1042"})
    assert response.status_code == 201
    part = response.json
    assert response.headers["Location"] == f"/inventory/{part['id']}"
    assert part == {
        "id": part["id"],
        "name": "Brake pad",
        "price": 49.9,
        "quantity": 20,
        "sku": "BP-1042",
        "created_at": part["created_at"],
        "updated_at": part["created_at"],
    }
    assert staff.get(response.headers["Location"]).json == part


def test_quantity_and_sku_are_optional(staff, make, left):
    """`quantity` defaults to 0, without a movement, and `sku` to null. Many parts may have no sku."""
    for body in ({"name": "Oil", "price": 0}, {"name": "Oil", "price": 0, "quantity": 0, "sku": None}):
        part = make.made("/inventory", body)
        assert (part.price, part.quantity, part.sku) == (0, 0, None)
        assert left.movements_of(part) == []


@pytest.mark.parametrize("price", ["0", "0.1", "0.07", "1e1", "19.90", "99999999.99", "99999999.990"])
def test_price_is_stored_to_the_cent(staff, price):
    response = staff.post("/inventory", data=f'{{"name": "Oil", "price": {price}}}', content_type="application/json")
    assert response.status_code == 201
    assert response.json["price"] == float(price)


def test_text_is_trimmed_and_may_fill_the_column(staff):
    part = staff.post("/inventory", json={"name": f" {'é' * 255} ", "price": 1, "sku": f"\t{'ß' * 64}\n"}).json
    assert (part["name"], part["sku"]) == ("é" * 255, "ß" * 64)


WRONG_FIELDS = [
    *(("name", value) for value in (None, "", " ", "x" * 256, "a\nb", "a\0b", 7)),
    *(("price", value) for value in (None, -0.01, 0.001, 100_000_000, 99_999_999.995, "1", True, [])),
    *(("quantity", value) for value in (None, -1, MAX_QUANTITY + 1, 1.0, 1.5, "1", True)),
    *(("sku", value) for value in ("", " ", "x" * 65, "a\nb", 7)),
    *((name, -1) for name in ("id", "version", "price_cents", "color")),
]


@pytest.mark.parametrize("case", WRONG_FIELDS, ids=case_id)
def test_wrong_field_is_422_and_changes_nothing(staff, make, unchanged, case):
    """A bad, unknown or read-only field is named, in `POST` as in `PUT`."""
    field, value = case
    part = make.part()
    with unchanged():
        added = staff.post("/inventory", json={"name": "Oil", "price": 1, "quantity": 5} | {field: value})
        changed = staff.put(f"/inventory/{part.id}", json={"name": "Oil", "quantity": 5} | {field: value})
    for response in (added, changed):
        assert (response.status_code, list(response.json["errors"])) == (422, [field])


@pytest.mark.parametrize("field", ["name", "price"])
def test_name_and_price_are_required(staff, unchanged, field):
    body = {name: value for name, value in {"name": "Oil", "price": 1}.items() if name != field}
    with unchanged():
        response = staff.post("/inventory", json=body)
    assert (response.status_code, list(response.json["errors"])) == (422, [field])


# ---------------------------------------------------------------- the sku
def test_taken_sku_is_409(staff, make, unchanged):
    """The sku is case-sensitive, on every database."""
    first, second = make.part(sku="BP-1"), make.part(sku="BP-2")
    make.part(sku="bp-1")
    with unchanged():
        added = staff.post("/inventory", json={"name": "Other", "price": 1, "sku": " BP-1 ", "quantity": 3})
        changed = staff.put(f"/inventory/{second.id}", json={"sku": "BP-1", "quantity": 3, "name": "Other"})
    for response in (added, changed):
        assert response.status_code == 409
        assert response.json["errors"] == {"sku": ["is taken"]}
    assert staff.put(f"/inventory/{first.id}", json={"sku": "BP-1", "name": "Same"}).status_code == 200


def test_sku_can_be_used_again(admin, make):
    """After its part was deleted, got another sku, or got none."""
    deleted, renamed, cleared = (make.part(sku=f"S-{number}") for number in range(3))
    admin.delete(f"/inventory/{deleted.id}")
    admin.put(f"/inventory/{renamed.id}", json={"sku": "S-3"})
    assert admin.put(f"/inventory/{cleared.id}", json={"sku": None}).json["sku"] is None
    assert [make.part(sku=f"S-{number}").sku for number in range(3)] == ["S-0", "S-1", "S-2"]


# ---------------------------------------------------------------- changing
@pytest.mark.parametrize(("field", "value"), [("name", "Oil"), ("price", 0.5), ("quantity", 3), ("sku", "X"), ("sku", None)])
def test_update_changes_only_the_given_fields(staff, make, backdate, field, value):
    """And `updated_at`."""
    part = make.part(sku="BP-1")
    backdate(inventory, part)
    before = vars(part) | {"created_at": "2020-01-01T00:00:00Z"}
    response = staff.put(f"/inventory/{part.id}", json={field: value})
    assert response.status_code == 200
    assert response.json == before | {field: value, "updated_at": response.json["updated_at"]}
    assert response.json["updated_at"] > "2020-01-01T00:00:00Z"
    assert staff.get(f"/inventory/{part.id}").json == response.json


def test_update_to_the_current_values_changes_nothing(staff, make, left, backdate):
    """`{}` changes nothing, nor does counting the current quantity: no movement, and `updated_at` stays."""
    part = make.part(sku="BP-1")
    backdate(inventory, part)
    times = dict.fromkeys(("created_at", "updated_at"), "2020-01-01T00:00:00Z")
    same = {"name": part.name, "price": part.price, "quantity": 10, "sku": "BP-1"}
    for body in ({}, {"quantity": 10}, same):
        assert staff.put(f"/inventory/{part.id}", json=body).json == vars(part) | times
    assert left.movements_of(part) == [("received", 10)]


# ---------------------------------------------------------------- deleting
def test_deleted_part_is_404_but_stays_on_old_tickets(admin, make, left):
    """It is in no list; old tickets and the ledger keep it."""
    part, other = make.part(name="Pads", sku="BP-1"), make.part()
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 2}])
    response = admin.delete(f"/inventory/{part.id}")
    assert (response.status_code, response.data) == (204, b"")
    assert [each["id"] for each in admin.get("/inventory").json] == [other.id]
    assert admin.get("/inventory?q=pads").json == []
    for method, path in [("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/movements")]:
        assert admin.open(method, f"/inventory/{part.id}{path}", json={}).status_code == 404
    assert admin.get(f"/tickets/{ticket.id}").json["parts"][0]["name"] == "Pads"
    assert left.movements_of(part) == [("received", 10), ("used", -2)]


# ---------------------------------------------------------------- the list
def test_list_is_searched_and_paginated(customer, staff, make):
    """By ascending id; `?q=` matches name and sku, in any case."""
    pads, oil, belt = make.part(name="Brake Pads"), make.part(name="Oil 5%"), make.part(name="Belt", sku="pad_9")
    ids = {"pads": pads.id, "oil": oil.id, "belt": belt.id}
    for query, expected in [
        ("", ["pads", "oil", "belt"]),
        ("q=PAD", ["pads", "belt"]),
        ("q=pad_", ["belt"]),
        ("q=%25", ["oil"]),
        ("q=nothing", []),
        ("q=", ["pads", "oil", "belt"]),
        ("per_page=2", ["pads", "oil"]),
        ("per_page=2&page=2", ["belt"]),
        ("page=9", []),
        (f"after={pads.id}", ["oil", "belt"]),
        (f"after={pads.id}&q=pad", ["belt"]),
    ]:
        response = customer.get(f"/inventory?{query}")
        assert response.status_code == 200
        assert [part["id"] for part in response.json] == [ids[name] for name in expected], query
    make.boss.delete(f"/inventory/{oil.id}")
    assert [part["id"] for part in staff.get(f"/inventory?after={oil.id}").json] == [belt.id]
    assert staff.get("/inventory?page=1").headers["X-Total-Count"] == "2"


@pytest.mark.parametrize("query", ["page=0", "per_page=101", "per_page=x", f"after={MAX_QUANTITY}", f"q={'x' * 256}", "q=%00"])
def test_bad_query_parameter_is_422(customer, make, query):
    make.part()
    response = customer.get(f"/inventory?{query}")
    assert (response.status_code, list(response.json["errors"])) == (422, [query.partition("=")[0]])


# ---------------------------------------------------------------- permissions
@pytest.mark.parametrize(
    ("method", "path"), [*WRITES, ("DELETE", "/inventory/{id}"), ("GET", "/inventory"), ("GET", "/inventory/{id}")]
)
def test_request_without_a_token_is_401(anyone, staff, make, unchanged, method, path):
    """Even if the response is in the cache."""
    part = make.part()
    staff.get("/inventory")
    staff.get(f"/inventory/{part.id}")
    with unchanged():
        response = anyone.open(method, path.format(id=part.id), json={})
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("part", ["existing", "unknown"])
def test_permissions_of_each_role(customer, staff, admin, make, unchanged, part):
    """A role without permission gets 403, whatever the id."""
    exists = part == "existing"
    part_id = make.part().id if exists else MAX_QUANTITY
    with unchanged():
        for method, path in [*WRITES, ("DELETE", "/inventory/{id}")]:
            assert customer.open(method, path.format(id=part_id), json={}).status_code == 403
        assert staff.delete(f"/inventory/{part_id}").status_code == 403
    for person in (customer, staff, admin):
        assert person.get("/inventory").status_code == 200
        assert person.get(f"/inventory/{part_id}").status_code == (200 if exists else 404)
    for method, path in WRITES[1:]:
        assert staff.open(method, path.format(id=part_id), json={}).status_code == (200 if exists else 404)
    assert admin.delete(f"/inventory/{part_id}").status_code == (204 if exists else 404)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_stale_if_match_is_412_and_changes_nothing(admin, make, unchanged, method):
    """Even if only the stock has changed since."""
    part = make.part()
    stale = admin.get(f"/inventory/{part.id}").headers["ETag"]
    make.ticket(parts=[{"inventory_id": part.id}])
    with unchanged():
        assert admin.open(method, f"/inventory/{part.id}", json={}, headers={"If-Match": stale}).status_code == 412
    current = {"If-Match": admin.get(f"/inventory/{part.id}").headers["ETag"]}
    assert admin.open(method, f"/inventory/{part.id}", json={}, headers=current).status_code in (200, 204)
