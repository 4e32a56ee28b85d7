"""The OpenAPI document: the served and the committed one, and what each operation must document."""

import copy
import json
import re

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from app import create_app
from app.models import MAX_CENTS
from app.startup.prepare import prepare
from config import ROOT, Settings
from tests.support.clients import Person
from tests.support.endpoints import DOCUMENTED, ROLES
from tests.support.environment import ENVIRONMENT, PASSWORD
from tests.support.openapi import DOCUMENT, OPERATIONS
from tests.support.services import fresh_database

each_operation = pytest.mark.parametrize(("path", "method"), sorted(OPERATIONS))


def has_body(operation):
    return "requestBody" in operation


def responses_of(operation):
    """Return the responses of an operation by status, with the shared problems of the components resolved."""
    shared = DOCUMENT["components"]["responses"]
    found = operation["responses"].items()
    return {
        status: shared[response["$ref"].rpartition("/")[2]] if "$ref" in response else response for status, response in found
    }


def test_committed_document_equals_the_served_one():
    """`make docs` writes it."""
    assert json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8")) == DOCUMENT


def test_document_is_valid_openapi_3_1():
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_document_has_every_documented_endpoint_and_no_other():
    assert set(OPERATIONS) == {(endpoint.path, endpoint.method.lower()) for endpoint in DOCUMENTED}


@each_operation
def test_operation_names_the_roles_of_the_endpoint_table(path, method):
    [endpoint] = [each for each in DOCUMENTED if (each.path, each.method.lower()) == (path, method)]
    roles = set(OPERATIONS[path, method]["x-allowed"])
    assert endpoint.roles == (set(ROLES) if "anyone" in roles else roles)


@each_operation
def test_operation_has_summary_tag_and_descriptions(path, method):
    operation = OPERATIONS[path, method]
    assert re.fullmatch(r"[A-Z].*\.", operation["summary"])
    assert len(operation["tags"]) == 1
    assert [each["operationId"] for each in OPERATIONS.values()].count(operation["operationId"]) == 1
    assert all(response["description"] for response in responses_of(operation).values())


@each_operation
def test_operation_documents_its_errors_as_problem_json(path, method):
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
    if method in ("put", "patch", "delete"):
        expected |= {"412"}
    errors = {status: response for status, response in responses_of(operation).items() if status[0] in "45"}
    assert expected <= set(errors)
    for response in errors.values():
        [(kind, media_type)] = response["content"].items()
        assert (kind, media_type["schema"]) == ("application/problem+json", {"$ref": "#/components/schemas/Problem"})
    assert "Retry-After" in errors["429"]["headers"]
    assert "Retry-After" in errors["503"]["headers"]


@each_operation
def test_operation_documents_security_and_success(path, method):
    operation = OPERATIONS[path, method]
    successes = {status: response for status, response in responses_of(operation).items() if status[0] == "2"}
    assert list(successes) == [{"post": "201", "delete": "204"}.get(method, "200") if "login" not in path else "200"]
    [response] = successes.values()
    assert operation["security"] == ([] if "anyone" in operation["x-allowed"] else [{"bearer": []}])
    assert ("content" in response) == (method != "delete")
    is_streamed = path.endswith(".csv")
    assert ("ETag" in response["headers"]) == (method != "delete" and "login" not in path and not is_streamed)
    assert ("Location" in response["headers"]) == ("201" in successes)
    assert ("304" in operation["responses"]) == (method == "get" and not is_streamed)
    everywhere = DOCUMENT["paths"][path].get("parameters", [])
    names = {each["name"] for each in [*operation.get("parameters", []), *everywhere]}
    assert {"page", "per_page"} <= names or not names & {"page", "per_page", "after"}
    assert ("after" in names) == ("page" in names and not path.endswith("/popular"))
    assert set(re.findall(r"{(\w+)}", path)) <= names


def test_security_scheme_is_a_bearer_token():
    [(name, scheme)] = DOCUMENT["components"]["securitySchemes"].items()
    assert (name, scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("bearer", "http", "bearer", "JWT")
    for path in re.findall(r"POST (/[\w/]+)", scheme["description"]):
        assert (path, "post") in OPERATIONS


def test_secret_fields_are_in_no_output_schema():
    """A password is write-only."""
    kept = {"password", "password_hash", "token_version", "deleted_at", "version"}
    shown = {name: schema["properties"] for name, schema in DOCUMENT["components"]["schemas"].items() if name.endswith("Out")}
    assert {"CustomerOut", "MechanicOut", "TicketOut", "PartOut", "MovementOut"} <= set(shown)
    assert [name for name, properties in shown.items() if kept & set(properties)] == []


# ---------------------------------------------------------------- examples
def contents_of(operation):
    """Yield (name, media type) of the body and of every response of an operation."""
    for status, response in responses_of(operation).items():
        yield from ((status, media_type) for media_type in response.get("content", {}).values())
    yield from (("body", media_type) for media_type in operation.get("requestBody", {}).get("content", {}).values())


def examples_in(media_type):
    return (
        [media_type["example"]]
        if "example" in media_type
        else [each["value"] for each in media_type.get("examples", {}).values()]
    )


def faults_of_examples(operation):
    """Yield where an example is missing or does not match its schema."""
    for name, media_type in contents_of(operation):
        accepts = Draft202012Validator(media_type["schema"] | {"components": DOCUMENT["components"]})
        examples = examples_in(media_type)
        if not examples or any(isinstance(each, dict | list) and not each for each in examples):
            yield f"{name} has none"
        for each in examples:
            yield from (f"{name}: {error.message}" for error in accepts.iter_errors(each))
            if name.isdigit() and name >= "400" and each["status"] != int(name):
                yield f"{name} shows another status"


@each_operation
def test_operation_has_valid_examples_of_bodies_and_responses(path, method):
    assert list(faults_of_examples(OPERATIONS[path, method])) == []


@pytest.mark.parametrize(
    ("schema", "field", "places", "maximum"),
    [("PartIn", "price", 2, MAX_CENTS), ("MechanicIn", "salary", 2, MAX_CENTS), ("SuppliesFee", "percent", 4, 1_000_000)],
)
def test_validator_refuses_no_number_that_the_shop_accepts(schema, field, places, maximum):
    accepts = Draft202012Validator(DOCUMENT["components"]["schemas"][schema]["properties"][field])
    amounts = [*range(3000), *range(0, maximum, maximum // 997), maximum]
    assert [each for each in amounts if not accepts.is_valid(each / 10**places)] == []


@pytest.mark.parametrize(
    ("sabotage", "found"),
    [
        (lambda o: o["requestBody"]["content"]["application/json"].pop("example"), "body has none"),
        (lambda o: o["requestBody"]["content"]["application/json"]["example"].pop("vin"), "'vin' is a required property"),
        (lambda o: o["requestBody"]["content"]["application/json"]["example"].update(mechanic_ids=[0]), "0 is less than"),
        (lambda o: o["responses"]["201"]["content"]["application/json"].update(example={}), "201 has none"),
        (lambda o: o["responses"]["201"]["content"]["application/json"]["example"].update(id="1"), "'1' is not of type"),
        (lambda o: o["responses"]["409"]["content"]["application/problem+json"].pop("examples"), "409 has none"),
        (lambda o: o["responses"].update({"409": {"$ref": "#/components/responses/NotFound"}}), "409 shows another status"),
    ],
)
def test_missing_or_bad_example_is_found(sabotage, found):
    operation = copy.deepcopy(OPERATIONS["/tickets", "post"])
    sabotage(operation)
    assert any(found in each for each in faults_of_examples(operation))


def test_request_examples_are_accepted():
    """From top to bottom, in a new shop."""
    app = create_app(Settings.load(ENVIRONMENT | {"DATABASE_URL": fresh_database("sqlite", "examples")}))
    prepare(app)
    login = Person(app).post("/mechanics/login", json={"email": "first@example.com", "password": PASSWORD})
    admin = Person(app, login.json["token"])
    order = ["/customers", "/customers/login", "/mechanics", "/inventory", "/inventory/{part_id}/movements", "/tickets"]
    sent = [("post", path) for path in order] + [(method, path) for path, method in OPERATIONS if method == "put"]
    for method, path in sent:
        if path == "/tickets/{ticket_id}/inventory":  # The example "Another part instead" needs a second part.
            assert admin.post("/inventory", json={"name": "Rotor", "price": 1, "quantity": 9}).status_code == 201
        for body in examples_in(OPERATIONS[path, method]["requestBody"]["content"]["application/json"]):
            response = admin.open(method.upper(), re.sub("{.+}", "1", path), json=body)
            assert response.status_code in (200, 201), (method, path, body, response.text)
    with_bodies = {path for (path, _), operation in OPERATIONS.items() if has_body(operation)}
    assert with_bodies - {path for _, path in sent} == {"/mechanics/login"}
