"""Who may do what: every role against every route, and what those who may not can learn (401, 403, 404)."""

import pytest

from app import create_app
from app.extensions import db
from app.utils.auth.policy import allow
from config import Settings
from tests.conftest import ENVIRONMENT, PASSWORD, Person
from tests.support.routes import filled, operations

ROLES = ("nobody", "customer", "mechanic", "admin")
ANYONE, SIGNED_IN, STAFF, ADMIN = set(ROLES), {"customer", "mechanic", "admin"}, {"mechanic", "admin"}, {"admin"}
TABLE = {
    ("GET", "/"): ANYONE,
    ("GET", "/docs/"): ANYONE,
    ("GET", "/docs/<path>"): ANYONE,
    ("GET", "/openapi.json"): ANYONE,
    ("GET", "/health/live"): ANYONE,
    ("GET", "/health/ready"): ANYONE,
    ("POST", "/customers"): ANYONE,
    ("POST", "/customers/login"): ANYONE,
    ("GET", "/customers"): STAFF,
    ("GET", "/customers/<customer_id>"): SIGNED_IN,
    ("PUT", "/customers/<customer_id>"): SIGNED_IN,
    ("DELETE", "/customers/<customer_id>"): {"customer", "admin"},
    ("POST", "/mechanics"): ADMIN,
    ("POST", "/mechanics/login"): ANYONE,
    ("GET", "/mechanics"): STAFF,
    ("GET", "/mechanics/<mechanic_id>"): STAFF,
    ("PUT", "/mechanics/<mechanic_id>"): STAFF,
    ("DELETE", "/mechanics/<mechanic_id>"): ADMIN,
    ("POST", "/tickets"): STAFF,
    ("GET", "/tickets"): STAFF,
    ("GET", "/tickets/my-tickets"): SIGNED_IN,
    ("GET", "/tickets/<ticket_id>"): SIGNED_IN,
    ("PUT", "/tickets/<ticket_id>"): STAFF,
    ("DELETE", "/tickets/<ticket_id>"): STAFF,
    ("GET", "/tickets/<ticket_id>/mechanics"): SIGNED_IN,
    ("PUT", "/tickets/<ticket_id>/mechanics"): STAFF,
    ("DELETE", "/tickets/<ticket_id>/mechanics/<mechanic_id>"): STAFF,
    ("PUT", "/tickets/<ticket_id>/inventory"): STAFF,
    ("GET", "/inventory"): SIGNED_IN,
    ("GET", "/inventory/<part_id>"): SIGNED_IN,
    ("POST", "/inventory"): STAFF,
    ("PUT", "/inventory/<part_id>"): STAFF,
    ("DELETE", "/inventory/<part_id>"): ADMIN,
    ("GET", "/inventory/<part_id>/movements"): STAFF,
    ("GET", "/inventory.csv"): STAFF,
    ("GET", "/tickets.csv"): STAFF,
    ("GET", "/inventory/<part_id>/movements.csv"): STAFF,
    ("GET", "/shop"): STAFF,
    ("PUT", "/shop"): ADMIN,
}
"""(method, path) → who may. A route that has no row here fails the first test."""
OWNED = [
    ("GET", "/customers/<customer_id>"),
    ("PUT", "/customers/<customer_id>"),
    ("DELETE", "/customers/<customer_id>"),
    ("GET", "/tickets/<ticket_id>"),
    ("GET", "/tickets/<ticket_id>/mechanics"),
]
"""Where a customer may see their own and not another's."""
NOBODYS = [1_999_999_999, 2**31, 10**10, 10**40]
"""Ids of no record; the larger ones fit no column."""


@pytest.fixture
def people(anyone, customer, staff, admin):
    return dict(zip(ROLES, (anyone, customer, staff, admin), strict=True))


@pytest.fixture
def ids(make):
    """A record of each kind, by the names that stand in paths."""
    worker = make.mechanic()
    ticket = make.ticket(mechanic_ids=[worker.id])
    part, customer = make.part().id, ticket.customer_id
    return {
        "customer_id": customer,
        "mechanic_id": worker.id,
        "ticket_id": ticket.id,
        "part_id": part,
        "path": "swagger-ui.css",
    }


def test_every_route_has_a_row_in_the_table(app):
    assert set(operations(app)) == set(TABLE)


@pytest.mark.parametrize("role", ROLES)
def test_who_may_not_is_refused_whatever_the_id_and_the_body(people, ids, unchanged, role):
    """401 without a token and 403 with the wrong role, the same to the byte whether the record is there or not; with a
    trailing slash, by HEAD, and with any body, too."""
    person, expected, wrong = people[role], 401 if role == "nobody" else 403, []
    with unchanged():
        for (method, path), roles in TABLE.items():
            if role in roles:
                continue
            paths = [filled(path, each) for each in ([ids, *NOBODYS] if "<" in path else [ids])]
            tries = [(method, each, {}) for each in (*paths, paths[0] + "/")]
            tries += [(method, paths[0], body) for body in ({"json": {}}, {"data": "{", "content_type": "application/json"})]
            tries += [("HEAD", paths[0], {})] if method == "GET" else []
            answers = [person.open(name, each, **body) for name, each, body in tries]
            bodies = {answer.data for answer, (name, *_) in zip(answers, tries, strict=True) if name != "HEAD"}
            challenges = {answer.headers.get("WWW-Authenticate") for answer in answers}
            if {answer.status_code for answer in answers} != {expected} or len(bodies) != 1:
                wrong.append((method, path, [answer.status_code for answer in answers]))
            if challenges != {"Bearer" if expected == 401 else None}:
                wrong.append((method, path, challenges))
            if answers[0].mimetype != "application/problem+json" or answers[0].json["status"] != expected:
                wrong.append((method, path, answers[0].text))
    assert wrong == []


@pytest.mark.parametrize("role", ROLES)
def test_who_may_is_not_refused(people, ids, unchanged, role):
    """Asked for what is not there, or with no body, so that nothing changes: the answer is about that, not about the role."""
    person, wrong = people[role], []
    with unchanged():
        for (method, path), roles in TABLE.items():
            if role not in roles:
                continue
            answer = person.open(method, filled(path, {"path": ids["path"]} if "<path>" in path else NOBODYS[0]))
            answer.close()  # A page of the documentation is a file.
            expected = {"POST": 415, "PUT": 415, "DELETE": 404}.get(method, 404 if "_id>" in path else 200)
            if answer.status_code != expected:
                wrong.append((method, path, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize("token", ["", "x", "e30.e30.", "forged"])
def test_a_bad_token_opens_no_more_than_none(people, ids, unchanged, anyone, token):
    """A token of an admin that another key has signed, above all."""
    if token == "forged":
        token = people["admin"].token[:-3] + "AAA"
    with unchanged():
        for (method, path), roles in TABLE.items():
            answer = anyone.open(method, filled(path, ids), headers={"Authorization": f"Bearer {token}"})
            answer.close()
            assert (answer.status_code == 401) is (roles is not ANYONE), (method, path)


# ---------------------------------------------------------------- denied unless declared
@pytest.fixture
def bare(app):
    """An app of the same shop with three more views: one that declares nothing, one for nobody, one for anyone."""
    url = app.config["DATABASE_URL"].render_as_string(hide_password=False)
    fresh = create_app(Settings.load(ENVIRONMENT | {"DATABASE_URL": url}))
    fresh.add_url_rule("/forgotten", "forgotten", lambda: "secret", methods=["GET", "POST"])
    fresh.add_url_rule("/closed", "closed", allow()(lambda: "secret"), methods=["GET", "POST"])
    fresh.add_url_rule("/open", "open", allow("anyone")(lambda: "hello"))
    yield fresh
    with fresh.app_context():
        for engine in db.engines.values():
            engine.dispose()


@pytest.mark.parametrize("path", ["/forgotten", "/closed"])
def test_a_view_that_declares_nothing_is_denied_to_all(bare, people, path):
    for role, person in people.items():
        for method in ("GET", "POST", "HEAD"):
            answer = Person(bare, person.token).open(method, path)
            assert answer.status_code == (401 if role == "nobody" else 403), (role, method)
            assert b"secret" not in answer.data


def test_a_view_is_open_to_those_it_declares(bare, people):
    for person in people.values():
        assert Person(bare, person.token).get("/open").text == "hello"


# ---------------------------------------------------------------- someone else's record
def test_every_route_for_a_customers_own_record_is_named(app):
    open_to_customers = {
        row for row, roles in TABLE.items() if roles >= {"customer"} and roles is not ANYONE and "_id>" in row[1]
    }
    assert open_to_customers - {("GET", "/inventory/<part_id>")} == set(OWNED)


BODIES = [
    {},
    {"name": "New Name"},
    {"password": "a new password"},
    {"email": "taken@example.com"},
    {"name": 5},
    {"role": "admin"},
    [],
    None,
]


@pytest.mark.parametrize(("method", "path"), OWNED, ids=" ".join)
def test_someone_elses_record_is_404_just_as_none_is(customer, make, admin, ids, unchanged, method, path):
    """The same answer to the byte, headers too, for another's record, for one that never was, for one that is deleted;
    with any body, and with an `If-Match` or `If-None-Match` that would tell."""
    make.customer(email="taken@example.com")
    own = {"customer_id": customer.id, "ticket_id": make.ticket(customer_id=customer.id).id}
    deleted_ticket, deleted_customer = make.ticket().id, make.customer().id
    admin.delete(f"/tickets/{deleted_ticket}")
    admin.delete(f"/customers/{deleted_customer}")
    deleted = {"customer_id": deleted_customer, "ticket_id": deleted_ticket}
    tags = [admin.get(filled(path, each)).headers["ETag"] for each in (ids, own)] if method != "DELETE" else []
    headers = [{}, *({name: tag} for name in ("If-Match", "If-None-Match") for tag in [*tags, '"x"', "*"])]
    with unchanged():
        for body in BODIES if method == "PUT" else [None]:
            for header in headers:
                answers = [
                    customer.open(method, filled(path, each), headers=dict(header), **({} if body is None else {"json": body}))
                    for each in (ids, deleted, *NOBODYS)
                ]
                for answer in answers:
                    answer.headers.pop("X-Request-ID", None)
                assert len({(answer.status_code, answer.data, str(answer.headers)) for answer in answers}) == 1, (body, header)
                if method != "PUT" or body in BODIES[:4]:
                    assert answers[0].status_code == 404
                    assert answers[0].json["detail"] == "There is no such record."
    assert customer.open(method, filled(path, own), json={} if method == "PUT" else None).status_code in (200, 204)


def test_another_mechanics_record_is_404_to_change_just_as_none_is(staff, admin, ids, unchanged):
    with unchanged():
        for body in [*BODIES[:4], {"salary": 1}, {"role": "admin"}]:
            answers = [staff.put(f"/mechanics/{each}", json=body) for each in (ids["mechanic_id"], admin.id, *NOBODYS)]
            assert {answer.status_code for answer in answers} == {404}
            assert len({answer.data for answer in answers}) == 1


def test_a_customers_own_list_shows_and_places_nothing_of_anothers(customer, make, ids):
    """`?after=` another's ticket is 422 as an unknown id is; no other parameter widens the list."""
    own = make.ticket(customer_id=customer.id).id
    answers = [customer.get(f"/tickets/my-tickets?after={each}") for each in (ids["ticket_id"], *NOBODYS[:3])]
    assert {answer.status_code for answer in answers} == {422}
    assert len({answer.data for answer in answers}) == 1
    for query in ("", f"customer_id={ids['customer_id']}", f"mechanic_id={ids['mechanic_id']}", "q=Visit", "vin=VIN1"):
        listed = customer.get(f"/tickets/my-tickets?{query}")
        assert [ticket["id"] for ticket in listed.json] == [own], query
        assert listed.headers["X-Total-Count"] == "1"


def test_a_customer_is_no_mechanic_of_the_same_id(app, anyone, make):
    """Ownership goes by the kind of account, too: staff whose id is a customer's see only what is assigned to them."""
    ticket = make.ticket()
    twin = make.mechanic(id=ticket.customer_id + 5000)
    namesake = make.customer(id=twin.id)
    make.ticket(customer_id=namesake.id)
    assert twin.get("/tickets/my-tickets").json == []
    assert len(namesake.get("/tickets/my-tickets").json) == 1
    assert namesake.get("/mechanics").status_code == 403
    assert anyone.post("/customers/login", {"email": twin.record["email"], "password": PASSWORD}).status_code == 401
