"""«Caching»: an ETag on every record and list, 304 for who holds it, 412 for who would overwrite another's change."""

import pytest

GOOD, STALE, ANY, WEAK, BARE = "good", "stale", "*", "weak", "one of three"
SHOWN = [
    "customer",
    "mechanic",
    "part",
    "ticket",
    "customers",
    "mechanics",
    "inventory",
    "tickets",
    "movements",
    "crew",
    "mine",
]
ACTS = {
    "customer": ("PUT", "/customers/{customer}", {"name": "New"}, "/customers/{customer}"),
    "mechanic": ("PUT", "/mechanics/{mechanic}", {"salary": 5}, "/mechanics/{mechanic}"),
    "part": ("PUT", "/inventory/{part}", {"quantity": 5}, "/inventory/{part}"),
    "ticket": ("PUT", "/tickets/{ticket}", {"vin": "NEW"}, "/tickets/{ticket}"),
    "its mechanics": ("PUT", "/tickets/{ticket}/mechanics", {"mechanic_ids": []}, "/tickets/{ticket}"),
    "its parts": ("PUT", "/tickets/{ticket}/inventory", {"remove_parts": "{part}"}, "/tickets/{ticket}"),
    "no customer": ("DELETE", "/customers/{customer}", None, "/customers/{customer}"),
    "no mechanic": ("DELETE", "/mechanics/{mechanic}", None, "/mechanics/{mechanic}"),
    "no part": ("DELETE", "/inventory/{part}", None, "/inventory/{part}"),
    "no ticket": ("DELETE", "/tickets/{ticket}", None, "/tickets/{ticket}"),
    "not on it": ("DELETE", "/tickets/{ticket}/mechanics/{mechanic}", None, "/tickets/{ticket}"),
}
"""What is done → method, path, body, and the record whose ETag it takes."""


@pytest.fixture
def ids(make):
    mechanic, part = make.mechanic(), make.part()
    ticket = make.ticket(mechanic_ids=[mechanic.id], parts=[{"inventory_id": part.id, "quantity": 2}])
    return {"customer": ticket.customer_id, "mechanic": mechanic.id, "part": part.id, "ticket": ticket.id}


@pytest.fixture
def paths(ids):
    """The path of every record and list."""
    records = {
        "customer": f"/customers/{ids['customer']}",
        "mechanic": f"/mechanics/{ids['mechanic']}",
        "part": f"/inventory/{ids['part']}",
        "ticket": f"/tickets/{ids['ticket']}",
    }
    lists = {name: f"/{name}" for name in ("customers", "mechanics", "inventory", "tickets")}
    lists |= {
        "movements": f"{records['part']}/movements",
        "crew": f"{records['ticket']}/mechanics",
        "mine": "/tickets/my-tickets",
    }
    return records | lists


@pytest.fixture
def act(admin, ids):
    """Do one of ACTS with an If-Match: ``act("part", GOOD)``."""

    def do(name, kind, **headers):
        method, path, body, record = ACTS[name]
        etag = admin.get(record.format(**ids)).headers["ETag"]
        sent = {
            GOOD: etag,
            STALE: '"0123456789abcdef01234567"',
            ANY: "*",
            WEAK: f"W/{etag}",
            BARE: f'"one", {etag}, "three"',
            None: None,
        }[kind]
        if body == {"remove_parts": "{part}"}:
            body = {"remove_parts": [ids["part"]]}
        headers |= {"If-Match": sent} if sent else {}
        return admin.open(method, path.format(**ids), headers=headers, **({"json": body} if body else {}))

    return do


@pytest.mark.parametrize("name", SHOWN)
def test_who_holds_it_already_gets_304_without_a_body(name, admin, paths):
    whole = admin.get(paths[name])
    etag = whole.headers["ETag"]
    assert etag.startswith('"')
    assert whole.headers["Cache-Control"] == "private, no-cache"  # What one may see another may not.
    for held in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = admin.get(paths[name], headers={"If-None-Match": held})
        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["ETag"] == etag
        assert "Content-Type" not in answer.headers
        assert admin.open("HEAD", paths[name], headers={"If-None-Match": held}).status_code == 304
    for other in ('"other"', 'W/"other"', "", "nonsense"):
        answer = admin.get(paths[name], headers={"If-None-Match": other})
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (200, whole.data, etag)


@pytest.mark.parametrize("name", ["customer", "mechanic", "part", "ticket"])
def test_the_answer_of_a_change_has_the_etag_that_a_get_shows(name, admin, paths, act):
    before = admin.get(paths[name]).headers["ETag"]
    changed = act(name, None)
    after = admin.get(paths[name])
    assert changed.headers["ETag"] == after.headers["ETag"] != before
    assert changed.data == after.data
    assert admin.get(paths[name], headers={"If-None-Match": before}).status_code == 200


def test_a_new_record_has_the_etag_that_a_get_shows(admin):
    made = admin.post("/inventory", json={"name": "Pad", "price": 5})
    assert admin.get(made.headers["Location"]).headers["ETag"] == made.headers["ETag"]


def test_a_ticket_changes_with_what_it_shows(admin, paths):
    """The name of a part on it is no column of the ticket, but it is in the answer."""
    held = {name: admin.get(paths[name]).headers["ETag"] for name in ("ticket", "tickets")}
    admin.put(paths["part"], json={"name": "Renamed"})
    for name, etag in held.items():
        answer = admin.get(paths[name], headers={"If-None-Match": etag})
        assert answer.status_code == 200
        assert "Renamed" in answer.text


@pytest.mark.parametrize("kind", [GOOD, ANY, BARE, None])
@pytest.mark.parametrize("name", ACTS)
def test_with_a_current_etag_it_is_done(name, kind, act, left):
    before = left.everything()
    assert act(name, kind).status_code in (200, 204)
    assert left.everything() != before


@pytest.mark.parametrize("kind", [STALE, WEAK])
@pytest.mark.parametrize("name", ACTS)
def test_with_a_stale_etag_it_is_412_and_nothing_changes(name, kind, act, unchanged):
    """``If-Match`` compares strongly (RFC 9110, 13.1.1): a weak one is never current."""
    with unchanged():
        answer = act(name, kind)
    assert (answer.status_code, answer.content_type) == (412, "application/problem+json")
    assert answer.json["title"] == "Precondition Failed"


@pytest.mark.parametrize("name", ["customer", "mechanic", "part", "ticket", "its mechanics", "its parts", "not on it"])
def test_an_etag_is_good_once(name, admin, act, ids, unchanged):
    """Who read before another's change overwrites nothing of it."""
    method, path, body, record = ACTS[name]
    etag = admin.get(record.format(**ids)).headers["ETag"]
    assert act(name, None).status_code in (200, 204)
    with unchanged():
        sent = {"json": {} if body else None} if method == "PUT" else {}
        answer = admin.open(method, path.format(**ids), headers={"If-Match": etag}, **sent)
        assert answer.status_code == 412


def test_an_if_match_on_a_record_that_is_none_is_404(admin, unchanged):
    with unchanged():
        for path in ("/customers/5", "/mechanics/500", "/inventory/5", "/tickets/5"):
            for if_match in ("*", '"x"'):
                assert admin.put(path, json={}, headers={"If-Match": if_match}).status_code == 404
                assert admin.delete(path, headers={"If-Match": if_match}).status_code == 404


def test_a_mechanic_holds_an_etag_of_what_they_see(admin, make):
    """A mechanic's own record shows the salary, another's does not: each has an ETag of its own, and each is good."""
    max_, eva = make.mechanic(), make.mechanic()
    path = f"/mechanics/{max_.id}"
    own, other, boss = (who.get(path) for who in (max_, eva, admin))
    assert own.headers["ETag"] == boss.headers["ETag"] != other.headers["ETag"]
    assert max_.put(path, json={"phone": "555-1"}, headers={"If-Match": own.headers["ETag"]}).status_code == 200
    assert admin.put(path, json={"phone": "555-2"}, headers={"If-Match": own.headers["ETag"]}).status_code == 412


@pytest.mark.parametrize("area", ["customers", "mechanics"])
def test_a_token_is_kept_by_no_cache_and_has_no_etag(area, anyone, make):
    who = make.customer() if area == "customers" else make.mechanic()
    signed = {"email": who.record["email"], "password": "correct horse battery"}
    answer = anyone.post(f"/{area}/login", json=signed)
    assert answer.status_code == 200
    assert "ETag" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    again = anyone.post(f"/{area}/login", json=signed, headers={"If-None-Match": "*"})
    assert (again.status_code, again.json["token_type"]) == (200, "Bearer")


def test_no_error_has_an_etag(admin, anyone):
    for answer in (
        admin.get("/tickets/5"),
        anyone.get("/tickets"),
        admin.get("/tickets?page=0"),
        admin.post("/inventory", json={}),
    ):
        assert answer.status_code >= 400
        assert "ETag" not in answer.headers
