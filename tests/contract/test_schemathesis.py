"""Test the shop with requests that schemathesis generates from the served OpenAPI document, good and bad, for each role."""

import re
from collections import Counter
from itertools import count

import pytest
import schemathesis
from flask import Response
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi import checks

from tests.support.clients import Person
from tests.support.endpoints import DOCUMENTED
from tests.support.invariants import broken_invariants

pytestmark = [pytest.mark.slow, pytest.mark.databases("sqlite")]

MAX_QUANTITY = 2_147_483_647
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.missing_required_header,
    checks.unsupported_method,
]
STATE_MESSAGES = re.compile(
    r"must be the id of a (customer|part|record of this list)|\d+ is not the id of a mechanic|was used for another request"
    r"|must be (positive|negative): this reason .*"
    r"|can't be combined with .*|shares an id with add_mechanic_ids"
)
"""Messages of a 422 for a request that is valid by the document: no schema knows the records."""


class NotAsDocumented(AssertionError):
    """A response differs from the document."""


def require_documented(case, response, role="admin"):
    """Raise NotAsDocumented if the document does not allow the response."""
    forbidden = [checks.negative_data_rejection] if is_forbidden(case) else []
    try:
        case.validate_response(response, checks=CHECKS + forbidden)
    except BaseException as failure:  # A group of failures is not an Exception.
        if isinstance(failure, KeyboardInterrupt):
            raise
        raise NotAsDocumented(f"{role}: {failure}") from None
    if response.status_code == 422 and is_allowed(case):
        texts = [text for each in response.json()["errors"].values() for text in each]
        if not all(STATE_MESSAGES.fullmatch(text) for text in texts):
            raise NotAsDocumented(f"{case.as_curl_command()} is as documented, but refused: {response.text}")


def with_documented_numbers(value):
    """Return the value with at most two decimals, as descriptions of fields say, and with 5 instead of 5.0: both are
    integers in JSON Schema, but the shop accepts only the first."""
    if isinstance(value, dict):
        return {name: with_documented_numbers(each) for name, each in value.items()}
    if isinstance(value, list):
        return [with_documented_numbers(each) for each in value]
    if isinstance(value, float):
        return int(value) if value.is_integer() else round(value, 2)
    return value


def is_allowed(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


def is_forbidden(case):
    """Return whether the document forbids the path or the body. The shop ignores unknown query parameters, and bad ones
    have tests of their own."""
    parts = {} if case.meta is None else case.meta.components
    return any(place in parts and parts[place].mode.is_negative for place in (ParameterLocation.PATH, ParameterLocation.BODY))


class Fixtures:
    """The caller and the records of a role. ``renew()`` creates them again if a request has deleted them."""

    def __init__(self, make, role):
        self.make, self.role = make, role
        self.person, self.ids = None, {}

    def renew(self):
        make = self.make
        makers = {"customer": make.customer, "mechanic": make.mechanic, "admin": make.admin}
        self.person = makers[self.role]() if self.role in makers else Person(make.app)
        make.creator = make.admin()
        part = make.part(quantity=MAX_QUANTITY // 2)
        owner = self.person.id if self.role == "customer" else make.customer().id
        mechanic = make.mechanic().id
        line = {"inventory_id": part.id, "quantity": 2}
        ticket = make.ticket(customer_id=owner, mechanic_ids=[mechanic], parts=[line])
        self.ids = {"customer_id": owner, "mechanic_id": mechanic, "part_id": part.id, "ticket_id": ticket.id}

    @property
    def headers(self):
        return {"Authorization": f"Bearer {self.person.token}"} if self.person.token else {}

    def use_existing_ids(self, case):
        """Put existing ids into a request; otherwise nearly every response would be 404 or 422."""
        for name, value in (case.path_parameters or {}).items():
            if re.fullmatch(r"[1-9][0-9]{0,8}", str(value)):
                case.path_parameters[name] = self.ids[name]
        if isinstance(case.body, dict) and is_allowed(case):
            for name in case.body.keys() & {"customer_id", "mechanic_ids", "add_mechanic_ids"}:
                case.body[name] = self.ids[name] if name == "customer_id" else [self.ids["mechanic_id"]]
            for name in case.body.keys() & {"parts", "add_parts", "remove_parts"}:
                case.body[name] = [{"inventory_id": self.ids["part_id"], "quantity": 1}]
            if "reason" in case.body and isinstance(case.body.get("change"), int):  # The reason decides on the sign.
                case.body["change"] = 1 if case.body["reason"] in ("received", "found") else -1


def fuzz(operation, fixtures, mode, examples):
    """Send generated requests of one kind to an operation. Return the number of responses by status."""
    counts = Counter()

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), exists=st.sampled_from([True, True, False]))
    def send(case, exists):
        if is_allowed(case):
            case.body = with_documented_numbers(case.body)
        if exists:
            fixtures.use_existing_ids(case)
        response = case.call(headers=fixtures.headers)
        counts[response.status_code] += 1
        require_documented(case, response, fixtures.role)
        if response.status_code in (401, 204):
            fixtures.renew()

    send()
    return counts


@pytest.fixture
def document(app):
    return schemathesis.openapi.from_wsgi("/openapi.json", app)


@pytest.mark.parametrize("role", ["anyone", "customer", "mechanic", "admin"])
def test_every_response_is_as_documented(document, make, engine, proof, role):
    """Send requests that the document allows and requests that it forbids. There is no 5xx and no undocumented status,
    header, media type or schema; nothing forbidden is accepted, and nothing allowed is refused."""
    fixtures, counts = Fixtures(make, role), {}
    for result in document.get_all_operations():
        operation = result.ok()
        fixtures.renew()
        counts[operation.label] = sum(
            (fuzz(operation, fixtures, mode, proof.size(2, 60)) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)),
            Counter(),
        )
    assert counts.keys() == {endpoint.name for endpoint in DOCUMENTED}
    if role == "admin":
        failing = [label for label, statuses in counts.items() if not any(status < 400 for status in statuses)]
        assert [label for label in failing if not label.endswith("/login")] == []
    assert broken_invariants(engine) == []
    proof.report(operations=len(counts), requests=sum(sum(each.values()) for each in counts.values()))


@pytest.mark.parametrize("role", ["customer", "mechanic", "admin"])
def test_linked_requests_are_as_documented(document, make, engine, proof, role):
    """Use values of one response in the next request: a created record is read, changed and deleted."""
    fixtures, steps = Fixtures(make, role), count()
    fixtures.renew()
    stateful_checks = [checks.use_after_free, checks.ensure_resource_availability] if role == "admin" else []

    class LinkedRequests(document.as_state_machine()):
        def get_call_kwargs(self, case):
            return {"headers": fixtures.headers}

        def before_call(self, case):
            if is_allowed(case):
                case.body = with_documented_numbers(case.body)

        def validate_response(self, response, case, **_):
            next(steps)
            require_documented(case, response, role)
            if response.status_code == 401:
                fixtures.renew()
            elif stateful_checks:
                case.validate_response(response, checks=stateful_checks)

    LinkedRequests.run(
        settings=settings(
            max_examples=proof.size(4, 60),
            stateful_step_count=proof.size(6, 15),
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
    )
    assert broken_invariants(engine) == []
    proof.report(role=role, steps=next(steps))


TIMES = b'"created_at":"2026-11-24T08:00:00Z","updated_at":"2026-11-24T08:00:00Z"'
PART = b'{"id":1,"name":"Pad","price":1.0,"quantity":1,"sku":null,' + TIMES
WRONG_RESPONSES = {
    "a 500": Response(status=500, content_type="application/problem+json"),
    "an undocumented status": Response(b"{}", 418, content_type="application/problem+json"),
    "HTML": Response(b"<p>Part</p>", content_type="text/html"),
    "an additional field": Response(PART + b',"shelf":7}', content_type="application/json"),
    "a missing field": Response(b'{"id":1}', content_type="application/json"),
    "null for a name": Response(PART.replace(b'"Pad"', b"null") + b"}", content_type="application/json"),
    "a count as text": Response(PART.replace(b'"quantity":1', b'"quantity":"1"') + b"}", content_type="application/json"),
}


@pytest.mark.parametrize("wrong", WRONG_RESPONSES)
def test_undocumented_response_is_detected(document, app, make, monkeypatch, wrong):
    fixtures = Fixtures(make, "admin")
    fixtures.renew()
    view = app.view_functions["inventory.get_part"]

    def sabotaged(**_):
        return WRONG_RESPONSES[wrong]

    sabotaged.allowed_roles = view.allowed_roles
    monkeypatch.setitem(app.view_functions, "inventory.get_part", sabotaged)
    with pytest.raises(NotAsDocumented):
        fuzz(document["/inventory/{part_id}"]["GET"], fixtures, GenerationMode.POSITIVE, 3)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_too_wide_or_too_narrow_schema_is_detected(app, make, mode):
    """The document allows a string as a price, or less than the shop accepts."""
    with app.app_context():
        served = app.test_client().get("/openapi.json").json
    fields = served["components"]["schemas"]["PartIn"]["properties"]
    fields.pop("sku")  # A request that is repeated with its sku would be refused.
    if mode is GenerationMode.POSITIVE:
        fields["price"] = {"type": ["number", "string"]}
    else:
        fields["price"] = fields["quantity"] = {"type": "integer", "maximum": 0}
        fields["name"] = {"type": "string", "maxLength": 1}
    document = schemathesis.openapi.from_dict(served)
    document.app = app
    fixtures = Fixtures(make, "admin")
    fixtures.renew()
    with pytest.raises(NotAsDocumented):
        fuzz(document["/inventory"]["POST"], fixtures, mode, 200)
