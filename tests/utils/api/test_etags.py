"""Each record and list has an ETag. A matching If-None-Match gets 304, a stale If-Match gets 412."""

import pytest

CURRENT, STALE, ANY, WEAK, WEAK_STALE, ONE_OF_THREE = "current", "stale", "*", "weak", "weak and stale", "one of three"
RESOURCES = [
    "customer",
    "mechanic",
    "part",
    "ticket",
    "customers",
    "mechanics",
    "inventory",
    "tickets",
    "movements",
    "ticket mechanics",
    "my tickets",
]
WRITES = {
    "customer": ("PUT", "/customers/{customer}", {"name": "New"}, "/customers/{customer}"),
    "mechanic": ("PUT", "/mechanics/{mechanic}", {"salary": 5}, "/mechanics/{mechanic}"),
    "part": ("PUT", "/inventory/{part}", {"quantity": 5}, "/inventory/{part}"),
    "ticket": ("PUT", "/tickets/{ticket}", {"vin": "NEW"}, "/tickets/{ticket}"),
    "ticket mechanics": ("PUT", "/tickets/{ticket}/mechanics", {"mechanic_ids": []}, "/tickets/{ticket}"),
    "ticket parts": ("PUT", "/tickets/{ticket}/inventory", {"remove_parts": "{part}"}, "/tickets/{ticket}"),
    "delete customer": ("DELETE", "/customers/{customer}", None, "/customers/{customer}"),
    "delete mechanic": ("DELETE", "/mechanics/{mechanic}", None, "/mechanics/{mechanic}"),
    "delete part": ("DELETE", "/inventory/{part}", None, "/inventory/{part}"),
    "delete ticket": ("DELETE", "/tickets/{ticket}", None, "/tickets/{ticket}"),
    "unassign mechanic": ("DELETE", "/tickets/{ticket}/mechanics/{mechanic}", None, "/tickets/{ticket}"),
}
"""Name of a write → method, path, body, and the record whose ETag the write checks."""


@pytest.fixture
def ids(make):
    mechanic, part = make.mechanic(), make.part()
    ticket = make.ticket(mechanic_ids=[mechanic.id], parts=[{"inventory_id": part.id, "quantity": 2}])
    return {"customer": ticket.customer_id, "mechanic": mechanic.id, "part": part.id, "ticket": ticket.id}


@pytest.fixture
def paths(ids):
    """Return the path of each record and list."""
    records = {
        "customer": f"/customers/{ids['customer']}",
        "mechanic": f"/mechanics/{ids['mechanic']}",
        "part": f"/inventory/{ids['part']}",
        "ticket": f"/tickets/{ids['ticket']}",
    }
    lists = {name: f"/{name}" for name in ("customers", "mechanics", "inventory", "tickets")}
    lists |= {
        "movements": f"{records['part']}/movements",
        "ticket mechanics": f"{records['ticket']}/mechanics",
        "my tickets": "/tickets/my-tickets",
    }
    return records | lists


@pytest.fixture
def write(admin, ids):
    """Return a function that sends one of WRITES with an If-Match: ``write("part", CURRENT)``."""

    def send(name, kind, **headers):
        method, path, body, record = WRITES[name]
        etag = admin.get(record.format(**ids)).headers["ETag"]
        sent = {
            CURRENT: etag,
            STALE: '"0123456789abcdef01234567"',
            WEAK_STALE: 'W/"0123456789abcdef01234567"',
            ANY: "*",
            WEAK: f"W/{etag}",
            ONE_OF_THREE: f'"one", {etag}, "three"',
            None: None,
        }[kind]
        if body == {"remove_parts": "{part}"}:
            body = {"remove_parts": [ids["part"]]}
        headers |= {"If-Match": sent} if sent else {}
        return admin.open(method, path.format(**ids), headers=headers, **({"json": body} if body else {}))

    return send


@pytest.mark.parametrize("name", RESOURCES)
def test_matching_if_none_match_returns_304_without_a_body(name, admin, paths):
    full = admin.get(paths[name])
    etag = full.headers["ETag"]
    assert etag.startswith('"')
    assert full.headers["Cache-Control"] == "private, no-cache"  # The response depends on the caller.
    for if_none_match in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        response = admin.get(paths[name], headers={"If-None-Match": if_none_match})
        assert (response.status_code, response.data) == (304, b"")
        assert response.headers["ETag"] == etag
        assert "Content-Type" not in response.headers
        assert admin.open("HEAD", paths[name], headers={"If-None-Match": if_none_match}).status_code == 304
    for other in ('"other"', 'W/"other"', "", "nonsense"):
        response = admin.get(paths[name], headers={"If-None-Match": other})
        assert (response.status_code, response.data, response.headers["ETag"]) == (200, full.data, etag)


@pytest.mark.parametrize("name", ["customer", "mechanic", "part", "ticket"])
def test_update_returns_the_same_etag_as_get(name, admin, paths, write):
    before = admin.get(paths[name]).headers["ETag"]
    changed = write(name, None)
    after = admin.get(paths[name])
    assert changed.headers["ETag"] == after.headers["ETag"] != before
    assert changed.data == after.data
    assert admin.get(paths[name], headers={"If-None-Match": before}).status_code == 200


def test_create_returns_the_same_etag_as_get(admin):
    made = admin.post("/inventory", json={"name": "Pad", "price": 5})
    assert admin.get(made.headers["Location"]).headers["ETag"] == made.headers["ETag"]


def test_ticket_etag_changes_with_the_name_of_its_part(admin, paths):
    """The name of a part is not a column of the ticket, but is part of its response."""
    etags = {name: admin.get(paths[name]).headers["ETag"] for name in ("ticket", "tickets")}
    admin.put(paths["part"], json={"name": "Renamed"})
    for name, etag in etags.items():
        response = admin.get(paths[name], headers={"If-None-Match": etag})
        assert response.status_code == 200
        assert "Renamed" in response.text


@pytest.mark.parametrize("kind", [CURRENT, ANY, WEAK, ONE_OF_THREE, None])
@pytest.mark.parametrize("name", WRITES)
def test_current_if_match_is_accepted(name, kind, write, left):
    """Also a weak one: a proxy that compresses the answer makes its ETag weak."""
    before = left.everything()
    assert write(name, kind).status_code in (200, 204)
    assert left.everything() != before


@pytest.mark.parametrize("kind", [STALE, WEAK_STALE])
@pytest.mark.parametrize("name", WRITES)
def test_stale_if_match_is_412_and_changes_nothing(name, kind, write, unchanged):
    with unchanged():
        response = write(name, kind)
    assert (response.status_code, response.content_type) == (412, "application/problem+json")
    assert response.json["title"] == "Precondition Failed"


@pytest.mark.parametrize(
    "name", ["customer", "mechanic", "part", "ticket", "ticket mechanics", "ticket parts", "unassign mechanic"]
)
def test_etag_is_stale_after_one_write(name, admin, write, ids, unchanged):
    """A client that read before another client's write overwrites nothing of it."""
    method, path, body, record = WRITES[name]
    etag = admin.get(record.format(**ids)).headers["ETag"]
    assert write(name, None).status_code in (200, 204)
    with unchanged():
        sent = {"json": {} if body else None} if method == "PUT" else {}
        response = admin.open(method, path.format(**ids), headers={"If-Match": etag}, **sent)
        assert response.status_code == 412


def test_if_match_on_a_missing_record_is_404(admin, unchanged):
    with unchanged():
        for path in ("/customers/5", "/mechanics/500", "/inventory/5", "/tickets/5"):
            for if_match in ("*", '"x"'):
                assert admin.put(path, json={}, headers={"If-Match": if_match}).status_code == 404
                assert admin.delete(path, headers={"If-Match": if_match}).status_code == 404


def test_etag_differs_with_and_without_the_salary(admin, make):
    """A mechanic's record shows the salary to the mechanic and to admins only. Each of the two ETags is valid for its
    reader."""
    max_, eva = make.mechanic(), make.mechanic()
    path = f"/mechanics/{max_.id}"
    own, other, boss = (person.get(path) for person in (max_, eva, admin))
    assert own.headers["ETag"] == boss.headers["ETag"] != other.headers["ETag"]
    assert max_.put(path, json={"phone": "555-1"}, headers={"If-Match": own.headers["ETag"]}).status_code == 200
    assert admin.put(path, json={"phone": "555-2"}, headers={"If-Match": own.headers["ETag"]}).status_code == 412


@pytest.mark.parametrize("area", ["customers", "mechanics"])
def test_login_response_is_not_cacheable_and_has_no_etag(area, anyone, make):
    person = make.customer() if area == "customers" else make.mechanic()
    credentials = {"email": person.record["email"], "password": "correct horse battery"}
    response = anyone.post(f"/{area}/login", json=credentials)
    assert response.status_code == 200
    assert "ETag" not in response.headers
    assert response.headers["Cache-Control"] == "no-store"
    again = anyone.post(f"/{area}/login", json=credentials, headers={"If-None-Match": "*"})
    assert (again.status_code, again.json["token_type"]) == (200, "Bearer")


def test_errors_have_no_etag(admin, anyone):
    for response in (
        admin.get("/tickets/5"),
        anyone.get("/tickets"),
        admin.get("/tickets?page=0"),
        admin.post("/inventory", json={}),
    ):
        assert response.status_code >= 400
        assert "ETag" not in response.headers
