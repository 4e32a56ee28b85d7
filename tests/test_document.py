"""The API's document: what the app serves, what is committed, and what it must say of each operation."""

import json
import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from app import AREAS, create_app
from config import ROOT, Settings
from tests.conftest import ENVIRONMENT, Person
from tests.services import SCRATCH

APP = create_app(Settings.load(ENVIRONMENT | {"DATABASE_URL": f"sqlite:///{SCRATCH / 'document.db'}"}))
DOCUMENT = Person(APP).get("/openapi.json").json
METHODS = ("get", "post", "put", "delete")
OPERATIONS = {(path, method): item[method] for path, item in DOCUMENT["paths"].items() for method in METHODS if method in item}
AREA_NAMES = {area.name for area in AREAS}
"""The endpoints of the areas are in the document; what stands beside them (`/`, health) explains itself."""

each_operation = pytest.mark.parametrize(("path", "method"), sorted(OPERATIONS))


def has_body(operation):
    return "requestBody" in operation


def test_the_committed_document_is_what_the_app_serves():
    """`make openapi` writes it anew."""
    assert json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8")) == DOCUMENT


def test_the_document_is_valid_openapi_3_1():
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_every_route_of_an_area_is_documented_and_no_other():
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in APP.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.endpoint.partition(".")[0] in AREA_NAMES
    }
    assert set(OPERATIONS) == routes
    assert {method for _, method in OPERATIONS} == set(METHODS)


@each_operation
def test_an_operation_says_what_it_does(path, method):
    operation = OPERATIONS[path, method]
    assert re.fullmatch(r"[A-Z].*\.", operation["summary"])
    assert len(operation["tags"]) == 1
    assert all(answer["description"] for answer in operation["responses"].values())


@each_operation
def test_an_operation_names_its_errors_as_problem_json(path, method):
    operation = OPERATIONS[path, method]
    expected = {"429", "503"}
    if operation["security"] or path.endswith("/login"):
        expected |= {"401"}
    if operation["security"]:
        expected |= {"403"}
    if has_body(operation):
        expected |= {"400", "413", "415", "422"}
    if "{" in path or "per_page" in str(operation.get("parameters")):
        expected |= {"404"} if "{" in path else {"422"}
    if method in ("put", "delete"):
        expected |= {"412"}
    errors = {status: answer for status, answer in operation["responses"].items() if status[0] in "45"}
    assert expected <= set(errors)
    for answer in errors.values():
        assert answer["content"] == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert "Retry-After" in errors["429"]["headers"]
    assert "Retry-After" in errors["503"]["headers"]


@each_operation
def test_an_operation_says_who_may_call_it_and_what_it_answers(path, method):
    operation = OPERATIONS[path, method]
    successes = {status: answer for status, answer in operation["responses"].items() if status[0] == "2"}
    assert list(successes) == [{"post": "201", "delete": "204"}.get(method, "200") if "login" not in path else "200"]
    [answer] = successes.values()
    assert operation["security"] == ([] if "anyone" in operation["x-allowed"] else [{"bearer": []}])
    assert ("content" in answer) == (method != "delete")
    is_streamed = path.endswith(".csv")
    assert ("ETag" in answer["headers"]) == (method != "delete" and "login" not in path and not is_streamed)
    assert ("Location" in answer["headers"]) == ("201" in successes)
    assert ("304" in operation["responses"]) == (method == "get" and not is_streamed)
    everywhere = DOCUMENT["paths"][path].get("parameters", [])
    names = {each["name"] for each in [*operation.get("parameters", []), *everywhere]}
    assert {"page", "per_page", "after"} <= names or not names & {"page", "per_page", "after"}
    assert set(re.findall(r"{(\w+)}", path)) <= names


def test_a_bearer_token_is_how_to_sign_in():
    assert DOCUMENT["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}


def test_what_may_not_be_known_is_in_no_answer_of_the_document():
    """A password is write-only: no schema of an answer has it."""
    kept = {"password", "password_hash", "token_version", "deleted_at", "version"}
    shown = {name: schema["properties"] for name, schema in DOCUMENT["components"]["schemas"].items() if name.endswith("Out")}
    assert {"CustomerOut", "MechanicOut", "TicketOut", "PartOut", "MovementOut"} <= set(shown)
    assert [name for name, properties in shown.items() if kept & set(properties)] == []
