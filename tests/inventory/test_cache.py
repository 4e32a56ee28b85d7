"""The response cache of the inventory: never stale after any write, and never a reason for an error."""

import pytest

from app.blueprints.inventory.cache import InventoryCache
from app.extensions import cache
from app.utils.redis import RedisUnavailable


@pytest.fixture
def parts_and_ticket(make):
    """Return three parts and a ticket with one of them."""
    parts = [make.part(name=f"Part {number}", sku=f"S-{number}") for number in range(3)]
    return parts, make.ticket(parts=[{"inventory_id": parts[0].id, "quantity": 2}])


def read(person, parts):
    """Return all cached responses: the list, its pages, and each record or its 404."""
    paths = ["/inventory", "/inventory?page=1&per_page=2", f"/inventory?after={parts[0].id}"]
    return [person.get(path).json for path in (*paths, *(f"/inventory/{part.id}" for part in parts))]


def read_database(person, parts):
    """Return the same from the database: a search is never cached, and finds all of the parts."""
    listed = person.get("/inventory?q=part").json
    by_id = {part["id"]: part for part in listed}
    not_found = person.get("/inventory/2147483647").json
    after = [part for part in listed if part["id"] > parts[0].id]
    return [listed, listed[:2], after, *(by_id.get(part.id, not_found) for part in parts)]


WRITES = {
    "a part is added": ("POST", "/inventory", {"name": "Part 4", "price": 1, "quantity": 1}),
    "a part is added without stock": ("POST", "/inventory", {"name": "Part 4", "price": 1}),
    "a part has a new name": ("PUT", "/inventory/{part}", {"name": "Part new"}),
    "a part has a new price": ("PUT", "/inventory/{part}", {"price": 5}),
    "a part has no sku any more": ("PUT", "/inventory/{part}", {"sku": None}),
    "a part is counted": ("PUT", "/inventory/{part}", {"quantity": 3}),
    "a part is deleted": ("DELETE", "/inventory/{part}", None),
    "a ticket is opened with a part": ("POST", "/tickets", {"parts": [{"inventory_id": "part"}]}),
    "a part goes on a ticket": ("PUT", "/tickets/{ticket}/inventory", {"add_parts": [{"inventory_id": "part"}]}),
    "a part comes off a ticket": ("PUT", "/tickets/{ticket}/inventory", {"remove_parts": ["part"]}),
    "a ticket with a part is deleted": ("DELETE", "/tickets/{ticket}", None),
}


@pytest.mark.parametrize("write", WRITES)
def test_no_write_leaves_a_stale_response(admin, customer, make, parts_and_ticket, write):
    """After the response to a write, neither the list nor the record is served from before it."""
    parts, ticket = parts_and_ticket
    method, path, body = WRITES[write]
    if path == "/tickets":
        body = body | {name: getattr(ticket, name) for name in ("customer_id", "service_date", "description", "vin")}
    body = {
        key: [parts[0].id if line == "part" else {"inventory_id": parts[0].id} for line in value] if "parts" in key else value
        for key, value in (body or {}).items()
    }
    before = read(customer, parts)
    assert before == read(customer, parts) == read_database(admin, parts)
    response = admin.open(method, path.format(part=parts[0].id, ticket=ticket.id), **({"json": body} if body else {}))
    assert response.status_code in (200, 201, 204)
    after = read(customer, parts)
    assert after == read_database(admin, parts)
    assert after != before


def test_cached_response_equals_the_first_one(customer, parts_and_ticket, statements):
    """Body and headers, without a query of the inventory."""
    parts, _ = parts_and_ticket
    for path in ("/inventory", "/inventory?page=2&per_page=1", f"/inventory/{parts[0].id}"):
        first = customer.get(path)
        statements.clear()
        again = customer.get(path)
        assert [sql for sql in statements if "inventory" in sql] == []
        assert again.data == first.data
        for name in ("ETag", "Link", "X-Total-Count", "Cache-Control"):
            assert again.headers.get(name) == first.headers.get(name)
        assert (again.mimetype, "ETag" in again.headers) == ("application/json", True)
        names = [name for name, _ in again.headers]
        assert names == [name for name, _ in first.headers]
        assert len(names) == len(set(names)), "a header of the first request was cached"


@pytest.mark.parametrize("cached", [False, True])
def test_cached_response_is_304_until_the_part_changes(customer, staff, parts_and_ticket, cached):
    """The same holds for a response from the database."""
    parts, ticket = parts_and_ticket
    for path in ("/inventory", f"/inventory/{parts[0].id}"):
        headers = {"If-None-Match": customer.get(path).headers["ETag"]}
        if not cached:
            with customer.app.app_context():
                cache.clear()
        response = customer.get(path, headers=headers)
        assert (response.status_code, response.data) == (304, b"")
        assert response.headers["ETag"] == headers["If-None-Match"]
        staff.put(f"/tickets/{ticket.id}/inventory", json={"add_parts": [{"inventory_id": parts[0].id}]})
        assert customer.get(path, headers=headers).status_code == 200


def test_pages_are_cached_separately(customer, parts_and_ticket):
    """Each query has a cache key of its own; unknown parameters are ignored."""
    parts, _ = parts_and_ticket
    ids = [part.id for part in parts]
    for _ in range(2):
        for query, expected in [
            ("", ids),
            ("?per_page=1", ids[:1]),
            ("?page=2&per_page=1", ids[1:2]),
            ("?page=2&per_page=2", ids[2:]),
            (f"?after={ids[0]}", ids[1:]),
            (f"?after={ids[1]}", ids[2:]),
            ("?color=red", ids),
        ]:
            assert [part["id"] for part in customer.get(f"/inventory{query}").json] == expected


def test_404_and_empty_list_are_not_cached(customer, make):
    """A record that is added after its 404 is shown, and so is the first record of an empty list."""
    assert customer.get("/inventory").json == []
    part = make.part()
    assert len(customer.get("/inventory").json) == 1
    assert customer.get(f"/inventory/{part.id + 1}").status_code == 404
    assert customer.get(f"/inventory/{make.part().id}").status_code == 200


def test_head_request_does_not_cache_an_empty_body(customer, make):
    make.part()
    head = customer.open("HEAD", "/inventory")
    assert (head.status_code, head.data) == (200, b"")
    response = customer.get("/inventory")
    assert len(response.json) == 1
    assert response.headers["ETag"] == head.headers["ETag"]


def test_response_computed_before_a_write_is_not_served_after_it(customer, staff, make, monkeypatch):
    """The reader has read the old list when the write comes, and stores it after the write was answered."""
    part = make.part(quantity=5)
    store, statuses = cache.set, []

    def store_late(key, value, timeout=None):
        if not statuses:
            statuses.append(staff.put(f"/inventory/{part.id}", json={"quantity": 1}).status_code)
        return store(key, value, timeout=timeout)

    monkeypatch.setattr(cache, "set", store_late)
    parts_before = customer.get("/inventory").json
    assert statuses == [200]
    assert parts_before[0]["quantity"] == 5
    assert customer.get("/inventory").json[0]["quantity"] == 1


@pytest.mark.parametrize("failing", ["read", "replace", "read replace"])
def test_failing_cache_causes_no_error(customer, staff, make, left, monkeypatch, failing):
    """Reads come from the database, and committed writes stay."""
    part, ticket = make.part(quantity=5), make.ticket()

    def fail(*_args, **_kwargs):
        raise RedisUnavailable

    inventory_cache = InventoryCache(None)  # Failed invalidations stay pending: other tests must not see them.
    monkeypatch.setattr(staff.app, "inventory_cache", inventory_cache)
    for name in failing.split():
        monkeypatch.setattr(inventory_cache.version, name, fail)
    assert staff.post("/inventory", json={"name": "Oil", "price": 1}).status_code == 201
    assert staff.put(f"/inventory/{part.id}", json={"quantity": 4}).status_code == 200
    lines = {"add_parts": [{"inventory_id": part.id}]}
    assert staff.put(f"/tickets/{ticket.id}/inventory", json=lines).status_code == 200
    for path in ("/inventory", f"/inventory/{part.id}"):
        assert customer.get(path).status_code == 200
    assert left.stock_of(part) == 3
