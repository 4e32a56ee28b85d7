"""Access: every role against every endpoint, and that refusals (401, 403, 404) reveal nothing."""

import pytest

from app import create_app
from app.extensions import db
from app.utils.auth.policy import allow
from config import Settings
from tests.support.clients import Person
from tests.support.endpoints import ANYONE, ENDPOINTS, ROLES, fill, routes_of
from tests.support.environment import ENVIRONMENT, PASSWORD

OWNED = [endpoint for endpoint in ENDPOINTS if endpoint.owned]
"""Endpoints where a customer sees their own records only."""
UNKNOWN_IDS = [1_999_999_999, 2**31, 10**10, 10**40]
"""Ids that no record has; the larger ones exceed the column."""


def test_every_route_has_a_row_in_the_endpoint_table(app):
    assert sorted((endpoint.method, endpoint.path) for endpoint in ENDPOINTS) == sorted(routes_of(app))


@pytest.mark.parametrize("role", ROLES)
def test_role_without_access_is_refused_for_every_id_and_body(people, ids, unchanged, role):
    """401 without a token and 403 with the wrong role, the same bytes whether the record exists or not; also with a
    trailing slash, by HEAD, and with any body."""
    person, expected, wrong = people[role], 401 if role == "anonymous" else 403, []
    with unchanged():
        for endpoint in ENDPOINTS:
            if role in endpoint.roles:
                continue
            method, path = endpoint.method, endpoint.path
            paths = [fill(path, each) for each in ([ids, *UNKNOWN_IDS] if "{" in path else [ids])]
            requests = [(method, each, {}) for each in (*paths, paths[0] + "/")]
            requests += [(method, paths[0], body) for body in ({"json": {}}, {"data": "{", "content_type": "application/json"})]
            requests += [("HEAD", paths[0], {})] if method == "GET" else []
            responses = [person.open(name, each, **body) for name, each, body in requests]
            bodies = {response.data for response, (name, *_) in zip(responses, requests, strict=True) if name != "HEAD"}
            challenges = {response.headers.get("WWW-Authenticate") for response in responses}
            if {response.status_code for response in responses} != {expected} or len(bodies) != 1:
                wrong.append((endpoint.name, [response.status_code for response in responses]))
            if challenges != {"Bearer" if expected == 401 else None}:
                wrong.append((endpoint.name, challenges))
            if responses[0].mimetype != "application/problem+json" or responses[0].json["status"] != expected:
                wrong.append((endpoint.name, responses[0].text))
    assert wrong == []


@pytest.mark.parametrize("role", ROLES)
def test_role_with_access_is_not_refused(people, ids, unchanged, role):
    """An unknown id or a missing body, so that nothing changes: the response is about those, not about the role."""
    person, wrong = people[role], []
    with unchanged():
        for endpoint in ENDPOINTS:
            if role not in endpoint.roles:
                continue
            response = person.open(endpoint.method, fill(endpoint.path, ids if not endpoint.has_id else UNKNOWN_IDS[0]))
            response.close()  # A file of the documentation is streamed.
            expected = {"POST": 415, "PUT": 415, "PATCH": 415, "DELETE": 404}.get(
                endpoint.method, 404 if endpoint.has_id else endpoint.status
            )
            if response.status_code != expected:
                wrong.append((endpoint.name, response.status_code))
    assert wrong == []


@pytest.mark.parametrize("token", ["", "x", "e30.e30.", "forged"])
def test_bad_token_gives_no_more_access_than_none(people, ids, unchanged, anyone, token):
    """Especially an admin's token that is signed with another key."""
    if token == "forged":
        token = people["admin"].token[:-3] + "AAA"
    with unchanged():
        for endpoint in ENDPOINTS:
            path = fill(endpoint.path, ids)
            response = anyone.open(endpoint.method, path, headers={"Authorization": f"Bearer {token}"})
            response.close()
            assert (response.status_code == 401) is (endpoint.roles != ANYONE), endpoint.name


# ---------------------------------------------------------------- views without a declaration
@pytest.fixture
def extended_app(app):
    """An app with three more views: one without a declaration of its roles, one with no role, one for anyone."""
    url = app.config["DATABASE_URL"].render_as_string(hide_password=False)
    extended = create_app(Settings.load(ENVIRONMENT | {"DATABASE_URL": url}))
    extended.add_url_rule("/forgotten", "forgotten", lambda: "secret", methods=["GET", "POST"])
    extended.add_url_rule("/closed", "closed", allow()(lambda: "secret"), methods=["GET", "POST"])
    extended.add_url_rule("/open", "open", allow("anyone")(lambda: "hello"))
    yield extended
    with extended.app_context():
        for engine in db.engines.values():
            engine.dispose()


@pytest.mark.parametrize("path", ["/forgotten", "/closed"])
def test_view_without_roles_is_refused_to_everyone(extended_app, people, path):
    for role, person in people.items():
        for method in ("GET", "POST", "HEAD"):
            response = Person(extended_app, person.token).open(method, path)
            assert response.status_code == (401 if role == "anonymous" else 403), (role, method)
            assert b"secret" not in response.data


def test_view_is_open_to_its_declared_role(extended_app, people):
    for person in people.values():
        assert Person(extended_app, person.token).get("/open").text == "hello"


# ---------------------------------------------------------------- other people's records
def test_every_record_open_to_customers_declares_its_owner():
    open_to_customers = [endpoint for endpoint in ENDPOINTS if "customer" in endpoint.roles and endpoint.has_id]
    assert [endpoint.name for endpoint in open_to_customers if endpoint.owned is None] == []
    assert [endpoint.name for endpoint in OWNED if endpoint not in open_to_customers] == []


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


@pytest.mark.parametrize("endpoint", OWNED, ids=lambda endpoint: endpoint.name)
def test_record_of_another_customer_is_404_like_a_missing_one(customer, make, admin, ids, unchanged, endpoint):
    """The same bytes and headers for another customer's record, a missing one and a deleted one; with any body, and with
    an `If-Match` or `If-None-Match` that would reveal whether the record exists."""
    method, path = endpoint.method, endpoint.path
    make.customer(email="taken@example.com")
    own = {"customer_id": customer.id, "ticket_id": make.ticket(customer_id=customer.id).id}
    deleted_ticket, deleted_customer = make.ticket().id, make.customer().id
    admin.delete(f"/tickets/{deleted_ticket}")
    admin.delete(f"/customers/{deleted_customer}")
    deleted = {"customer_id": deleted_customer, "ticket_id": deleted_ticket}
    tags = [admin.get(fill(path, each)).headers["ETag"] for each in (ids, own)] if method != "DELETE" else []
    headers = [{}, *({name: tag} for name in ("If-Match", "If-None-Match") for tag in [*tags, '"x"', "*"])]
    with unchanged():
        for body in BODIES if method == "PUT" else [{}] if method == "PATCH" else [None]:
            for header in headers:
                responses = [
                    customer.open(method, fill(path, each), headers=dict(header), **({} if body is None else {"json": body}))
                    for each in (ids, deleted, *UNKNOWN_IDS)
                ]
                for response in responses:
                    response.headers.pop("X-Request-ID", None)
                distinct = {(response.status_code, response.data, str(response.headers)) for response in responses}
                assert len(distinct) == 1, (body, header)
                if method != "PUT" or body in BODIES[:4]:
                    assert responses[0].status_code == 404
                    assert responses[0].json["detail"] == "There is no such record."
    assert customer.open(method, fill(path, own), json={} if method in ("PUT", "PATCH") else None).status_code in (200, 204)


def test_changing_another_mechanic_is_404_like_a_missing_one(staff, admin, ids, unchanged):
    with unchanged():
        for body in [*BODIES[:4], {"salary": 1}, {"role": "admin"}]:
            responses = [staff.put(f"/mechanics/{each}", json=body) for each in (ids["mechanic_id"], admin.id, *UNKNOWN_IDS)]
            assert {response.status_code for response in responses} == {404}
            assert len({response.data for response in responses}) == 1


def test_own_list_has_no_ticket_of_another_customer(customer, make, ids):
    """`?after=` another customer's ticket is 422 like an unknown id, and no other parameter widens the list."""
    own = make.ticket(customer_id=customer.id).id
    responses = [customer.get(f"/tickets/my-tickets?after={each}") for each in (ids["ticket_id"], *UNKNOWN_IDS[:3])]
    assert {response.status_code for response in responses} == {422}
    assert len({response.data for response in responses}) == 1
    for query in ("", f"customer_id={ids['customer_id']}", f"mechanic_id={ids['mechanic_id']}", "q=Visit", "vin=VIN1"):
        listed = customer.get(f"/tickets/my-tickets?{query}")
        assert [ticket["id"] for ticket in listed.json] == [own], query
        assert listed.headers["X-Total-Count"] == "1"


def test_customer_and_mechanic_with_the_same_id_are_distinct(app, anyone, make):
    """A mechanic with the id of a customer sees the tickets assigned to the mechanic alone."""
    ticket = make.ticket()
    twin = make.mechanic(id=ticket.customer_id + 5000)
    namesake = make.customer(id=twin.id)
    make.ticket(customer_id=namesake.id)
    assert twin.get("/tickets/my-tickets").json == []
    assert len(namesake.get("/tickets/my-tickets").json) == 1
    assert namesake.get("/mechanics").status_code == 403
    assert anyone.post("/customers/login", {"email": twin.record["email"], "password": PASSWORD}).status_code == 401
