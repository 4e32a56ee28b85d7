"""The served OpenAPI document at its word: schemathesis makes requests out of it, good and bad, for each role."""

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
from tests.support.invariants import faults

pytestmark = [pytest.mark.slow, pytest.mark.databases("sqlite")]

MOST = 2_147_483_647
PROMISED = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.missing_required_header,
    checks.unsupported_method,
]
ONLY_THE_SHOP_KNOWS = re.compile(
    r"must be the id of a (customer|part|record of this list)|\d+ is not the id of a mechanic|was used for another request"
    r"|must be (positive|negative): this reason .*"
    r"|can't be combined with .*|shares an id with add_mechanic_ids"
    r"|may have (two|four) decimals at most|must be from (1 to 2147483647|-2147483647 to -1)"
)
"""What may be wrong with a request that the document allows: no schema can know which records there are."""


class Broken(AssertionError):
    """An answer is not as the document has it."""


def hold_to_the_document(case, response, role="admin"):
    """Raise Broken where an answer is none that the document allows."""
    forbidden = [checks.negative_data_rejection] if is_forbidden(case) else []
    try:
        case.validate_response(response, checks=PROMISED + forbidden)
    except BaseException as failure:  # A group of failures is no Exception.
        if isinstance(failure, KeyboardInterrupt):
            raise
        raise Broken(f"{role}: {failure}") from None
    if response.status_code == 422 and is_allowed(case):
        texts = [text for each in response.json()["errors"].values() for text in each]
        if not all(ONLY_THE_SHOP_KNOWS.fullmatch(text) for text in texts):
            raise Broken(f"{case.as_curl_command()} is as documented, but refused: {response.text}")


def as_documented_in_words(value):
    """Return a value with at most two decimals, which the document asks for in words, and with 5 for 5.0: to JSON Schema
    both are integers, to the shop only the first is."""
    if isinstance(value, dict):
        return {name: as_documented_in_words(each) for name, each in value.items()}
    if isinstance(value, list):
        return [as_documented_in_words(each) for each in value]
    if isinstance(value, float):
        return int(value) if value.is_integer() else round(value, 2)
    return value


def is_allowed(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


def is_forbidden(case):
    """Whether the path or body is none that the document allows. Unknown parameters of a query are ignored by contract,
    bad ones have tests of their own, and the header with the token is ours."""
    parts = {} if case.meta is None else case.meta.components
    return any(place in parts and parts[place].mode.is_negative for place in (ParameterLocation.PATH, ParameterLocation.BODY))


class People:
    """Who calls, and the records of theirs; made anew where a request has deleted them."""

    def __init__(self, make, role):
        self.make, self.role = make, role
        self.person, self.ids = None, {}

    def renew(self):
        make = self.make
        makers = {"customer": make.customer, "mechanic": make.mechanic, "admin": make.admin}
        self.person = makers[self.role]() if self.role in makers else Person(make.app)
        make.boss = make.admin()
        part = make.part(quantity=MOST // 2)
        owner = self.person.id if self.role == "customer" else make.customer().id
        hired = make.mechanic().id
        line = {"inventory_id": part.id, "quantity": 2}
        ticket = make.ticket(customer_id=owner, mechanic_ids=[hired], parts=[line])
        self.ids = {"customer_id": owner, "mechanic_id": hired, "part_id": part.id, "ticket_id": ticket.id}

    @property
    def headers(self):
        return {"Authorization": f"Bearer {self.person.token}"} if self.person.token else {}

    def name_real_records(self, case):
        """Let a request be about records that there are; else nearly every answer would be 404 or 422."""
        for name, value in (case.path_parameters or {}).items():
            if re.fullmatch(r"[1-9][0-9]{0,8}", str(value)):
                case.path_parameters[name] = self.ids[name]
        if isinstance(case.body, dict) and is_allowed(case):
            for name in case.body.keys() & {"customer_id", "mechanic_ids", "add_mechanic_ids"}:
                case.body[name] = self.ids[name] if name == "customer_id" else [self.ids["mechanic_id"]]
            for name in case.body.keys() & {"parts", "add_parts", "remove_parts"}:
                case.body[name] = [{"inventory_id": self.ids["part_id"], "quantity": 1}]


def fuzz(operation, people, mode, examples):
    """Send generated requests of one kind to an operation; count the answers by their status."""
    met = Counter()

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), real=st.sampled_from([True, True, False]))
    def send(case, real):
        if is_allowed(case):
            case.body = as_documented_in_words(case.body)
        if real:
            people.name_real_records(case)
        response = case.call(headers=people.headers)
        met[response.status_code] += 1
        hold_to_the_document(case, response, people.role)
        if response.status_code in (401, 204):
            people.renew()

    send()
    return met


@pytest.fixture
def document(app):
    return schemathesis.openapi.from_wsgi("/openapi.json", app)


@pytest.mark.parametrize("role", ["anyone", "customer", "mechanic", "admin"])
def test_each_answer_is_one_that_the_document_allows(document, make, engine, proof, role):
    """Requests that the document allows and requests that it forbids, to every operation with the token of each role:
    no 5xx, no undocumented status, header, content type or shape, nothing forbidden accepted, nothing allowed refused."""
    people, met = People(make, role), {}
    for result in document.get_all_operations():
        operation = result.ok()
        people.renew()
        met[operation.label] = sum(
            (fuzz(operation, people, mode, proof.size(2, 60)) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)),
            Counter(),
        )
    assert met.keys() == {endpoint.name for endpoint in DOCUMENTED}
    if role == "admin":
        never = [label for label, statuses in met.items() if not any(status < 400 for status in statuses)]
        assert [label for label in never if not label.endswith("/login")] == []
    assert faults(engine) == []
    proof.report(operations=len(met), requests=sum(sum(each.values()) for each in met.values()))


@pytest.mark.parametrize("role", ["customer", "mechanic", "admin"])
def test_stories_of_linked_requests_are_as_documented(document, make, engine, proof, role):
    """Stories: what one operation answers goes into the next, as a record that was made is read, changed and deleted."""
    people, steps = People(make, role), count()
    people.renew()
    lasting = [checks.use_after_free, checks.ensure_resource_availability] if role == "admin" else []

    class Story(document.as_state_machine()):
        def get_call_kwargs(self, case):
            return {"headers": people.headers}

        def before_call(self, case):
            if is_allowed(case):
                case.body = as_documented_in_words(case.body)

        def validate_response(self, response, case, **_):
            next(steps)
            hold_to_the_document(case, response, role)
            if response.status_code == 401:
                people.renew()
            elif lasting:
                case.validate_response(response, checks=lasting)

    Story.run(
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
    assert faults(engine) == []
    proof.report(stories=role, steps=next(steps))


TIMES = b'"created_at":"2026-11-24T08:00:00Z","updated_at":"2026-11-24T08:00:00Z"'
PART = b'{"id":1,"name":"Pad","price":1.0,"quantity":1,"sku":null,' + TIMES
WRONG = {
    "a 500": Response(status=500, content_type="application/problem+json"),
    "a status that is not documented": Response(b"{}", 418, content_type="application/problem+json"),
    "HTML": Response(b"<p>Part</p>", content_type="text/html"),
    "a field too many": Response(PART + b',"shelf":7}', content_type="application/json"),
    "a field too few": Response(b'{"id":1}', content_type="application/json"),
    "null for a name": Response(PART.replace(b'"Pad"', b"null") + b"}", content_type="application/json"),
    "a count as text": Response(PART.replace(b'"quantity":1', b'"quantity":"1"') + b"}", content_type="application/json"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_answer_that_is_not_documented_is_found_out(document, app, make, monkeypatch, wrong):
    """A sabotaged view answers what the document does not have; the same requests find it."""
    people = People(make, "admin")
    people.renew()
    view = app.view_functions["inventory.get_part"]

    def sabotaged(**_):
        return WRONG[wrong]

    sabotaged.allowed_roles = view.allowed_roles
    monkeypatch.setitem(app.view_functions, "inventory.get_part", sabotaged)
    with pytest.raises(Broken):
        fuzz(document["/inventory/{part_id}"]["GET"], people, GenerationMode.POSITIVE, 3)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_a_schema_that_says_too_much_or_too_little_is_found_out(app, make, mode):
    """The document allows a text as a price, or allows less than the shop does."""
    with app.app_context():
        told = app.test_client().get("/openapi.json").json
    fields = told["components"]["schemas"]["PartIn"]["properties"]
    fields.pop("sku")  # A request that is repeated with its sku would be refused.
    if mode is GenerationMode.POSITIVE:
        fields["price"] = {"type": ["number", "string"]}
    else:
        fields["price"] = fields["quantity"] = {"type": "integer", "maximum": 0}
        fields["name"] = {"type": "string", "maxLength": 1}
    document = schemathesis.openapi.from_dict(told)
    document.app = app
    people = People(make, "admin")
    people.renew()
    with pytest.raises(Broken):
        fuzz(document["/inventory"]["POST"], people, mode, 200)
