"""Registering as a customer: `POST /customers`."""

import re

import pytest

from app.models import customers
from tests.support.environment import PASSWORD

ANN = {"name": "Ann Driver", "email": "ann@example.com", "phone": "555-0100", "password": PASSWORD}


def test_registered_customer_can_log_in_and_read_the_record(anyone, left):
    response = anyone.post("/customers", ANN)
    assert response.status_code == 201
    record = response.json
    assert list(record) == ["id", "name", "email", "phone", "created_at"]
    assert {name: record[name] for name in ("name", "email", "phone")} == {
        name: ANN[name] for name in ("name", "email", "phone")
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["created_at"])
    assert response.headers["Location"] == f"/customers/{record['id']}"
    assert left.row(customers, record["id"]).email == "ann@example.com"

    token = anyone.post("/customers/login", {"email": ANN["email"], "password": PASSWORD}).json["token"]
    seen = anyone.get(response.headers["Location"], headers={"Authorization": f"Bearer {token}"})
    assert seen.status_code == 200
    assert seen.json == record


@pytest.mark.parametrize("given", [{}, {"phone": None}], ids=["left out", "null"])
def test_phone_may_be_null(anyone, left, given):
    body = {name: value for name, value in ANN.items() if name != "phone"} | given
    response = anyone.post("/customers", body)
    assert response.status_code == 201
    assert response.json["phone"] is None
    assert left.row(customers, response.json["id"]).phone is None


def test_only_the_argon2_hash_of_the_password_is_stored(anyone, left):
    response = anyone.post("/customers", ANN)
    row = left.row(customers, response.json["id"])
    assert row.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in str(left.everything())
    assert PASSWORD not in response.text
    assert row.password_hash not in response.text


def test_email_is_stored_in_lower_case(anyone, left):
    response = anyone.post("/customers", ANN | {"email": "  Ann.Driver@Example.COM "})
    assert response.json["email"] == "ann.driver@example.com"
    assert left.row(customers, response.json["id"]).email == "ann.driver@example.com"


@pytest.mark.parametrize("email", ["ann@example.com", "ANN@EXAMPLE.COM", "aNN@exaMPLE.com"])
def test_taken_email_in_any_case_is_409(anyone, unchanged, email):
    assert anyone.post("/customers", ANN).status_code == 201
    with unchanged():
        response = anyone.post("/customers", ANN | {"name": "Another Ann", "email": email})
    assert response.status_code == 409
    assert response.mimetype == "application/problem+json"
    assert response.json == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "The email is taken.",
        "code": "email_taken",
        "errors": {"email": ["is taken"]},
    }


def test_missing_fields_are_named(anyone, unchanged):
    with unchanged():
        response = anyone.post("/customers", {})
    assert response.status_code == 422
    assert response.json["errors"] == {name: ["is required"] for name in ("name", "email", "password")}


@pytest.mark.parametrize(
    "field",
    ["id", "created_at", "updated_at", "deleted_at", "version", "token_version", "password_hash", "role", "salary", "x"],
)
def test_unknown_and_read_only_fields_are_422(anyone, unchanged, field):
    with unchanged():
        response = anyone.post("/customers", ANN | {field: 1})
    assert response.status_code == 422
    assert list(response.json["errors"]) == [field]


def test_registered_customer_has_no_permissions_of_staff(anyone):
    anyone.post("/customers", ANN)
    token = anyone.post("/customers/login", {"email": ANN["email"], "password": PASSWORD}).json["token"]
    for path in ("/customers", "/mechanics", "/tickets"):
        assert anyone.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 403, path


def test_customer_may_have_the_email_of_a_mechanic(anyone, make):
    mechanic = make.mechanic()
    assert anyone.post("/customers", ANN | {"email": mechanic.record["email"]}).status_code == 201
