"""The cached inventory: never stale, whatever wrote, and never a reason to fail."""

import pytest

from app.blueprints.inventory.cache import InventoryCache
from app.extensions import cache
from app.utils.redis import RedisUnavailable


@pytest.fixture
def shelf(make):
    """Three parts, one of them on a ticket."""
    parts = [make.part(name=f"Part {number}", sku=f"S-{number}") for number in range(3)]
    return parts, make.ticket(parts=[{"inventory_id": parts[0].id, "quantity": 2}])


def read(person, parts):
    """All that is cached: the list, its pages, and each record (or that it is gone)."""
    paths = ["/inventory", "/inventory?page=1&per_page=2", f"/inventory?after={parts[0].id}"]
    return [person.get(path).json for path in (*paths, *(f"/inventory/{part.id}" for part in parts))]


def truth(person, parts):
    """The same from the database: a search is never cached, and finds all of them."""
    listed = person.get("/inventory?q=part").json
    by_id = {part["id"]: part for part in listed}
    gone = person.get("/inventory/2147483647").json
    after = [part for part in listed if part["id"] > parts[0].id]
    return [listed, listed[:2], after, *(by_id.get(part.id, gone) for part in parts)]


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
def test_no_write_leaves_anything_stale(admin, customer, make, shelf, write):
    """«Never stale: once a write has been answered, no worker serves the list from before it»; nor a record."""
    parts, ticket = shelf
    method, path, body = WRITES[write]
    if path == "/tickets":
        body = body | {name: getattr(ticket, name) for name in ("customer_id", "service_date", "description", "vin")}
    body = {
        key: [parts[0].id if line == "part" else {"inventory_id": parts[0].id} for line in value] if "parts" in key else value
        for key, value in (body or {}).items()
    }
    before = read(customer, parts)
    assert before == read(customer, parts) == truth(admin, parts)
    answer = admin.open(method, path.format(part=parts[0].id, ticket=ticket.id), **({"json": body} if body else {}))
    assert answer.status_code in (200, 201, 204)
    after = read(customer, parts)
    assert after == truth(admin, parts)
    assert after != before


def test_a_cached_answer_is_the_first_one_again(customer, shelf, statements):
    """Body and headers, and the database is not asked for a part."""
    parts, _ = shelf
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
        assert len(names) == len(set(names)), "what each request adds is not kept"


@pytest.mark.parametrize("cached", [False, True])
def test_who_holds_it_already_gets_304(customer, staff, shelf, cached):
    """`If-None-Match` gives 304 without a body, from the cache as without it, until the part is not what it was."""
    parts, ticket = shelf
    for path in ("/inventory", f"/inventory/{parts[0].id}"):
        held = {"If-None-Match": customer.get(path).headers["ETag"]}
        if not cached:
            with customer.app.app_context():
                cache.clear()
        answer = customer.get(path, headers=held)
        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["ETag"] == held["If-None-Match"]
        staff.put(f"/tickets/{ticket.id}/inventory", json={"add_parts": [{"inventory_id": parts[0].id}]})
        assert customer.get(path, headers=held).status_code == 200


def test_each_page_is_kept_apart(customer, shelf):
    """An answer is cached for its own query; parameters that mean nothing make no other one."""
    parts, _ = shelf
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


def test_what_is_not_there_is_not_cached(customer, make):
    """A record that is added after it was asked for is shown, and so is the first of an empty list."""
    assert customer.get("/inventory").json == []
    part = make.part()
    assert len(customer.get("/inventory").json) == 1
    assert customer.get(f"/inventory/{part.id + 1}").status_code == 404
    assert customer.get(f"/inventory/{make.part().id}").status_code == 200


def test_a_head_request_leaves_the_body_to_those_who_come_later(customer, make):
    make.part()
    head = customer.open("HEAD", "/inventory")
    assert (head.status_code, head.data) == (200, b"")
    answer = customer.get("/inventory")
    assert len(answer.json) == 1
    assert answer.headers["ETag"] == head.headers["ETag"]


def test_a_reader_who_began_before_a_write_leaves_nothing_stale(customer, staff, make, monkeypatch):
    """It has read the old list when the write comes, and stores it after the write was answered."""
    part = make.part(quantity=5)
    store, met = cache.set, []

    def store_late(key, value, timeout=None):
        if not met:
            met.append(staff.put(f"/inventory/{part.id}", json={"quantity": 1}).status_code)
        return store(key, value, timeout=timeout)

    monkeypatch.setattr(cache, "set", store_late)
    late = customer.get("/inventory").json
    assert met == [200]
    assert late[0]["quantity"] == 5
    assert customer.get("/inventory").json[0]["quantity"] == 1


@pytest.mark.parametrize("failing", ["read", "replace", "read replace"])
def test_a_cache_that_fails_turns_nothing_into_an_error(customer, staff, make, left, monkeypatch, failing):
    """What is read comes from the database, and «what is committed stays committed»."""
    part, ticket = make.part(quantity=5), make.ticket()

    def fail(*_args, **_kwargs):
        raise RedisUnavailable

    catalog = InventoryCache(None)  # Invalidations that fail stay pending: no other test may see them.
    monkeypatch.setattr(staff.app, "inventory_cache", catalog)
    for name in failing.split():
        monkeypatch.setattr(catalog.version, name, fail)
    assert staff.post("/inventory", json={"name": "Oil", "price": 1}).status_code == 201
    assert staff.put(f"/inventory/{part.id}", json={"quantity": 4}).status_code == 200
    lines = {"add_parts": [{"inventory_id": part.id}]}
    assert staff.put(f"/tickets/{ticket.id}/inventory", json=lines).status_code == 200
    for path in ("/inventory", f"/inventory/{part.id}"):
        assert customer.get(path).status_code == 200
    assert left.stock_of(part) == 3
