"""Compare the responses to bad input on all databases: they are equal byte for byte."""

import json
import os
import re
import uuid

import pytest
from flask import Response

from app import create_app
from app.extensions import db
from app.models import mechanics
from app.startup.prepare import prepare
from config import Settings
from tests.support import services
from tests.support.bad_bodies import cases_of
from tests.support.bad_values import BAD_PATH_IDS, BAD_QUERY_VALUES
from tests.support.clients import Maker, Person
from tests.support.endpoints import LISTS, WITH_BODY, fill, fill_body, paths_for_bad_ids
from tests.support.environment import ENVIRONMENT, PASSWORD

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(len(services.databases()) < 2 and not services.REQUIRED, reason="only SQLite is available"),
]


@pytest.fixture(scope="module")
def shops():
    """Create the same small shop on every database; yield its maker and its ids by kind of database."""
    opened, names = {}, []
    for kind in services.databases():
        name = f"shop_same_{os.getpid()}_{uuid.uuid4().hex[:8]}"
        names.append((kind, name))
        app = create_app(Settings.load(ENVIRONMENT | {"DATABASE_URL": services.fresh_database(kind, name)}))
        prepare(app)
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(mechanics.update().values(role="mechanic"))  # The admin of the maker is then the last one.
        make = Maker(app)
        mechanic, part = make.mechanic(), make.part()
        ticket = make.ticket(parts=[{"inventory_id": part.id}], mechanic_ids=[mechanic.id])
        gone = make.part()
        make.creator.delete(f"/inventory/{gone.id}")
        make.part(sku="TAKEN")
        make.customer(email="taken@example.com")
        records = {"customer_id": ticket.customer_id, "mechanic_id": mechanic.id, "part_id": part.id, "ticket_id": ticket.id}
        records |= {"gone": gone.id, "admin": make.creator.id}
        opened[kind] = (make, records)
    yield opened
    for make, _ in opened.values():
        with make.app.app_context():
            for engine in db.engines.values():
                engine.dispose()
    for kind, name in names:
        services.drop_database(kind, name)


HEADERS = ("Content-Type", "Allow", "WWW-Authenticate", "Retry-After", "ETag", "Link", "Location")


def differences(shops, requests):
    """Return the requests whose responses differ, each with (status, headers, body) by database, and the number of refusals."""
    found, refused = {}, 0
    for name, method, path, role, arguments in requests:
        seen = {}
        for kind, (make, records) in shops.items():
            person = make.creator if role == "admin" else Person(make.app)
            body = {"data": fill_body(arguments["data"], records)} if "data" in arguments else {}
            response = person.open(method, fill(path, records), **(arguments | body))
            seen[kind] = (response.status_code, [response.headers.get(header) for header in HEADERS], response.data)
        refused += max(status for status, *_ in seen.values()) >= 400
        if len({repr(each) for each in seen.values()}) > 1:
            found[f"{method} {path}: {name}"] = seen
    return found, refused


def test_ids_are_equal_on_every_database(shops):
    """Only then can responses be compared byte for byte."""
    assert len({repr(records) for _, records in shops.values()}) == 1


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=lambda endpoint: endpoint.name)
def test_bad_body_gets_the_same_response(shops, proof, endpoint):
    cases = list(cases_of(endpoint))[:: proof.size(5, 1)]
    role = "anyone" if "anonymous" in endpoint.roles else "admin"
    requests = [
        (case.name, endpoint.method, endpoint.path, role, {"data": case.body, "content_type": case.media_type})
        for case in cases
    ]
    found, refused = differences(shops, requests)
    assert found == {}
    assert refused == len(cases)
    proof.report(refusals=refused, databases=len(shops), differences=0)


def test_bad_query_gets_the_same_response(shops, proof):
    every = [(name, value, each.path) for each in LISTS for name in each.parameters for value in BAD_QUERY_VALUES[name]]
    cases = every[:: proof.size(5, 1)]
    found, refused = differences(shops, [("", "GET", f"{path}?{name}={value}", "admin", {}) for name, value, path in cases])
    assert found == {}
    assert refused == len(cases)
    proof.report(refusals=refused, databases=len(shops), differences=0)


def test_bad_id_in_a_path_gets_the_same_response(shops, proof):
    cases = [
        ("", method, path.replace("{bad_id}", number), "admin", {"json": {}} if method == "PUT" else {})
        for path in paths_for_bad_ids()
        for method in ("GET", "PUT", "DELETE")
        for number in BAD_PATH_IDS
    ][:: proof.size(5, 1)]
    found, refused = differences(shops, cases)
    assert found == {}
    assert refused == len(cases)
    proof.report(refusals=refused, databases=len(shops), differences=0)


CONFLICTS = {
    "a part that was deleted": ("PUT", "/tickets/{ticket_id}/inventory", {"add_parts": [{"inventory_id": "{gone}"}]}),
    "too little stock": (
        "PUT",
        "/tickets/{ticket_id}/inventory",
        {"add_parts": [{"inventory_id": "{part_id}", "quantity": 11}]},
    ),
    "more removed than is on the ticket": (
        "PUT",
        "/tickets/{ticket_id}/inventory",
        {"remove_parts": [{"inventory_id": "{part_id}", "quantity": 2}]},
    ),
    "a sku that is taken": ("POST", "/inventory", {"name": "Pad", "price": 1, "sku": "TAKEN"}),
    "an email that is taken": ("POST", "/customers", {"name": "Ann", "email": "TAKEN@Example.com", "password": PASSWORD}),
    "the last admin": ("DELETE", "/mechanics/{admin}", None),
    "an unknown mechanic": ("PUT", "/tickets/{ticket_id}/mechanics", {"add_mechanic_ids": [2_000_000_000]}),
    "an unknown customer": ("PUT", "/tickets/{ticket_id}", {"customer_id": 2_000_000_000}),
    "a stale ETag": ("PUT", "/inventory/{part_id}", {"price": 2}),
    "a list after an unknown record": ("GET", "/tickets?after=2000000000", None),
}


@pytest.mark.parametrize("conflict", CONFLICTS)
def test_conflict_gets_the_same_response(shops, conflict):
    """The messages are those of the shop, not of the database."""
    method, path, body = CONFLICTS[conflict]
    seen = {}
    for kind, (make, records) in shops.items():
        text = None if body is None else re.sub(r'"(\{\w+\})"', r"\1", json.dumps(body))
        headers = {"If-Match": '"stale"'} if conflict == "a stale ETag" else {}
        sent = {} if text is None else {"data": fill(text, records), "content_type": "application/json"}
        response = make.creator.open(method, fill(path, records), headers=headers, **sent)
        seen[kind] = (response.status_code, response.data)
    statuses = {status for status, _ in seen.values()}
    assert len(statuses) == 1
    assert statuses < {404, 409, 412, 422}
    assert len(set(seen.values())) == 1, seen


def test_different_response_is_detected(shops, monkeypatch):
    make = next(iter(shops.values()))[0]
    view = make.app.view_functions["inventory.get_part"]

    def sabotaged(**_):
        return Response(b'{"detail": "no row"}', 404, content_type="application/problem+json")

    sabotaged.allowed_roles = view.allowed_roles
    monkeypatch.setitem(make.app.view_functions, "inventory.get_part", sabotaged)
    found, _ = differences(shops, [("", "GET", "/inventory/2000000000", "admin", {})])
    assert len(found) == 1
