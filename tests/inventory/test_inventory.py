"""The inventory: adding, showing, changing and deleting parts, and who may."""

import pytest

from app.models import inventory

MOST = 2_147_483_647
WRITES = [("POST", "/inventory"), ("PUT", "/inventory/{id}"), ("GET", "/inventory/{id}/movements")]


def named(case):
    """A short name for a case of a table."""
    return f"{case[0]}={case[1]!r:.20}"


# ---------------------------------------------------------------- adding one
def test_adding_a_part_answers_it_and_where_it_is(staff, left):
    """«POST /inventory»: 201, Location, and the new record with every field of the contract."""
    answer = staff.post("/inventory", json={"name": "Brake pad", "price": 49.9, "quantity": 20, "sku": "BP-1042"})
    assert answer.status_code == 201
    part = answer.json
    assert answer.headers["Location"] == f"/inventory/{part['id']}"
    assert part == {
        "id": part["id"],
        "name": "Brake pad",
        "price": 49.9,
        "quantity": 20,
        "sku": "BP-1042",
        "created_at": part["created_at"],
        "updated_at": part["created_at"],
    }
    assert staff.get(answer.headers["Location"]).json == part


def test_a_part_comes_without_stock_and_sku_unless_said(staff, make, left):
    """`quantity` is 0 and `sku` null where left out; no stock, no movement. Many parts may have no sku."""
    for body in ({"name": "Oil", "price": 0}, {"name": "Oil", "price": 0, "quantity": 0, "sku": None}):
        part = make.made("/inventory", body)
        assert (part.price, part.quantity, part.sku) == (0, 0, None)
        assert left.movements_of(part) == []


@pytest.mark.parametrize("price", ["0", "0.1", "0.07", "1e1", "19.90", "99999999.99", "99999999.990"])
def test_a_price_is_kept_to_the_cent(staff, price):
    """A JSON number with at most two decimals, from 0 to 99,999,999.99."""
    answer = staff.post("/inventory", data=f'{{"name": "Oil", "price": {price}}}', content_type="application/json")
    assert answer.status_code == 201
    assert answer.json["price"] == float(price)


def test_text_is_trimmed_and_may_be_as_long_as_the_column(staff):
    part = staff.post("/inventory", json={"name": f" {'é' * 255} ", "price": 1, "sku": f"\t{'ß' * 64}\n"}).json
    assert (part["name"], part["sku"]) == ("é" * 255, "ß" * 64)


WRONG_FIELDS = [
    *(("name", value) for value in (None, "", " ", "x" * 256, "a\nb", "a\0b", 7)),
    *(("price", value) for value in (None, -0.01, 0.001, 100_000_000, 99_999_999.995, "1", True, [])),
    *(("quantity", value) for value in (None, -1, MOST + 1, 1.0, 1.5, "1", True)),
    *(("sku", value) for value in ("", " ", "x" * 65, "a\nb", 7)),
    *((name, 1) for name in ("id", "created_at", "updated_at", "version", "price_cents", "color")),
]


@pytest.mark.parametrize("case", WRONG_FIELDS, ids=named)
def test_a_wrong_field_adds_and_changes_nothing(staff, make, unchanged, case):
    """A bad, unknown or read-only field is 422 and named, in `POST` as in `PUT`."""
    field, value = case
    part = make.part()
    with unchanged():
        added = staff.post("/inventory", json={"name": "Oil", "price": 1, "quantity": 5} | {field: value})
        changed = staff.put(f"/inventory/{part.id}", json={"name": "Oil", "quantity": 5} | {field: value})
    for answer in (added, changed):
        assert (answer.status_code, list(answer.json["errors"])) == (422, [field])


@pytest.mark.parametrize("field", ["name", "price"])
def test_a_part_needs_a_name_and_a_price(staff, unchanged, field):
    body = {name: value for name, value in {"name": "Oil", "price": 1}.items() if name != field}
    with unchanged():
        answer = staff.post("/inventory", json=body)
    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])


# ---------------------------------------------------------------- the sku
def test_a_sku_is_unique_where_given(staff, make, unchanged):
    """409, and the error names it; its case counts, on every database."""
    first, second = make.part(sku="BP-1"), make.part(sku="BP-2")
    make.part(sku="bp-1")
    with unchanged():
        added = staff.post("/inventory", json={"name": "Other", "price": 1, "sku": " BP-1 ", "quantity": 3})
        changed = staff.put(f"/inventory/{second.id}", json={"sku": "BP-1", "quantity": 3, "name": "Other"})
    for answer in (added, changed):
        assert answer.status_code == 409
        assert answer.json["errors"] == {"sku": ["is taken"]}
    assert staff.put(f"/inventory/{first.id}", json={"sku": "BP-1", "name": "Same"}).status_code == 200


def test_a_sku_is_free_again_once_it_is_given_up(admin, make):
    """A deleted record's `sku` is free again, and so is one that was changed or set to null."""
    deleted, renamed, cleared = (make.part(sku=f"S-{number}") for number in range(3))
    admin.delete(f"/inventory/{deleted.id}")
    admin.put(f"/inventory/{renamed.id}", json={"sku": "S-3"})
    assert admin.put(f"/inventory/{cleared.id}", json={"sku": None}).json["sku"] is None
    assert [make.part(sku=f"S-{number}").sku for number in range(3)] == ["S-0", "S-1", "S-2"]


# ---------------------------------------------------------------- changing one
@pytest.mark.parametrize(("field", "value"), [("name", "Oil"), ("price", 0.5), ("quantity", 3), ("sku", "X"), ("sku", None)])
def test_a_change_takes_any_subset_of_the_fields(staff, make, backdate, field, value):
    """What is left out stays, and `updated_at` moves."""
    part = make.part(sku="BP-1")
    backdate(inventory, part)
    before = vars(part) | {"created_at": "2020-01-01T00:00:00Z"}
    answer = staff.put(f"/inventory/{part.id}", json={field: value})
    assert answer.status_code == 200
    assert answer.json == before | {field: value, "updated_at": answer.json["updated_at"]}
    assert answer.json["updated_at"] > "2020-01-01T00:00:00Z"
    assert staff.get(f"/inventory/{part.id}").json == answer.json


def test_a_change_to_what_already_stands_changes_nothing(staff, make, left, backdate):
    """`{}` changes nothing, nor does counting what is there: no movement, and `updated_at` stays."""
    part = make.part(sku="BP-1")
    backdate(inventory, part)
    times = dict.fromkeys(("created_at", "updated_at"), "2020-01-01T00:00:00Z")
    same = {"name": part.name, "price": part.price, "quantity": 10, "sku": "BP-1"}
    for body in ({}, {"quantity": 10}, same):
        assert staff.put(f"/inventory/{part.id}", json=body).json == vars(part) | times
    assert left.movements_of(part) == [("received", 10)]


# ---------------------------------------------------------------- deleting one
def test_a_deleted_part_is_nowhere_but_on_old_tickets(admin, make, left):
    """«DELETE /inventory/<id>»: 204, afterwards 404 and in no list; old tickets and the ledger keep it."""
    part, other = make.part(name="Pads", sku="BP-1"), make.part()
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 2}])
    answer = admin.delete(f"/inventory/{part.id}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert [each["id"] for each in admin.get("/inventory").json] == [other.id]
    assert admin.get("/inventory?q=pads").json == []
    for method, path in [("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/movements")]:
        assert admin.open(method, f"/inventory/{part.id}{path}", json={}).status_code == 404
    assert admin.get(f"/tickets/{ticket.id}").json["parts"][0]["name"] == "Pads"
    assert left.movements_of(part) == [("received", 10), ("used", -2)]


# ---------------------------------------------------------------- the list
def test_the_list_is_searched_and_walked(customer, staff, make):
    """By ascending id; `?q=` looks in name and sku, in any case; pages and `after` as every list."""
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
        answer = customer.get(f"/inventory?{query}")
        assert answer.status_code == 200
        assert [part["id"] for part in answer.json] == [ids[name] for name in expected], query
    make.boss.delete(f"/inventory/{oil.id}")
    assert [part["id"] for part in staff.get(f"/inventory?after={oil.id}").json] == [belt.id]
    assert staff.get("/inventory?page=1").headers["X-Total-Count"] == "2"


@pytest.mark.parametrize("query", ["page=0", "per_page=101", "per_page=x", f"after={MOST}", f"q={'x' * 256}", "q=%00"])
def test_a_bad_value_of_a_parameter_is_named(customer, make, query):
    make.part()
    answer = customer.get(f"/inventory?{query}")
    assert (answer.status_code, list(answer.json["errors"])) == (422, [query.partition("=")[0]])


# ---------------------------------------------------------------- who may
@pytest.mark.parametrize(
    ("method", "path"), [*WRITES, ("DELETE", "/inventory/{id}"), ("GET", "/inventory"), ("GET", "/inventory/{id}")]
)
def test_nobody_unknown_sees_or_changes_a_part(anyone, staff, make, unchanged, method, path):
    """401 and `WWW-Authenticate: Bearer`, also where the answer is cached for others."""
    part = make.part()
    staff.get("/inventory")
    staff.get(f"/inventory/{part.id}")
    with unchanged():
        answer = anyone.open(method, path.format(id=part.id), json={})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("part", ["there", "not there"])
def test_parts_are_shown_to_all_written_by_staff_and_deleted_by_an_admin(customer, staff, admin, make, unchanged, part):
    """A role that may not: 403, whatever the id."""
    there = part == "there"
    part_id = make.part().id if there else MOST
    with unchanged():
        for method, path in [*WRITES, ("DELETE", "/inventory/{id}")]:
            assert customer.open(method, path.format(id=part_id), json={}).status_code == 403
        assert staff.delete(f"/inventory/{part_id}").status_code == 403
    for person in (customer, staff, admin):
        assert person.get("/inventory").status_code == 200
        assert person.get(f"/inventory/{part_id}").status_code == (200 if there else 404)
    for method, path in WRITES[1:]:
        assert staff.open(method, path.format(id=part_id), json={}).status_code == (200 if there else 404)
    assert admin.delete(f"/inventory/{part_id}").status_code == (204 if there else 404)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_stale_if_match_changes_no_part(admin, make, unchanged, method):
    """412, also where only the stock has changed since."""
    part = make.part()
    read = admin.get(f"/inventory/{part.id}").headers["ETag"]
    make.ticket(parts=[{"inventory_id": part.id}])
    with unchanged():
        assert admin.open(method, f"/inventory/{part.id}", json={}, headers={"If-Match": read}).status_code == 412
    current = {"If-Match": admin.get(f"/inventory/{part.id}").headers["ETag"]}
    assert admin.open(method, f"/inventory/{part.id}", json={}, headers=current).status_code in (200, 204)
