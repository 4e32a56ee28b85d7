"""Registering as a customer: `POST /customers`."""

import re

import pytest

from app.models import customers
from tests.conftest import PASSWORD

ANN = {"name": "Ann Driver", "email": "ann@example.com", "phone": "555-0100", "password": PASSWORD}


def test_a_customer_registers_signs_in_and_sees_what_was_kept(anyone, left):
    answer = anyone.post("/customers", ANN)
    assert answer.status_code == 201
    record = answer.json
    assert list(record) == ["id", "name", "email", "phone", "created_at"]
    assert {name: record[name] for name in ("name", "email", "phone")} == {
        name: ANN[name] for name in ("name", "email", "phone")
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["created_at"])
    assert answer.headers["Location"] == f"/customers/{record['id']}"
    assert left.row(customers, record["id"]).email == "ann@example.com"

    token = anyone.post("/customers/login", {"email": ANN["email"], "password": PASSWORD}).json["token"]
    seen = anyone.get(answer.headers["Location"], headers={"Authorization": f"Bearer {token}"})
    assert seen.status_code == 200
    assert seen.json == record


@pytest.mark.parametrize("given", [{}, {"phone": None}], ids=["left out", "null"])
def test_a_phone_may_be_null(anyone, left, given):
    body = {name: value for name, value in ANN.items() if name != "phone"} | given
    answer = anyone.post("/customers", body)
    assert answer.status_code == 201
    assert answer.json["phone"] is None
    assert left.row(customers, answer.json["id"]).phone is None


def test_of_a_password_only_an_argon2_hash_is_kept(anyone, left):
    answer = anyone.post("/customers", ANN)
    row = left.row(customers, answer.json["id"])
    assert row.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in str(left.everything())
    assert PASSWORD not in answer.text
    assert row.password_hash not in answer.text


def test_an_email_is_kept_in_lower_case(anyone, left):
    answer = anyone.post("/customers", ANN | {"email": "  Ann.Driver@Example.COM "})
    assert answer.json["email"] == "ann.driver@example.com"
    assert left.row(customers, answer.json["id"]).email == "ann.driver@example.com"


@pytest.mark.parametrize("email", ["ann@example.com", "ANN@EXAMPLE.COM", "aNN@exaMPLE.com"])
def test_an_email_that_is_taken_in_any_case_is_409(anyone, unchanged, email):
    assert anyone.post("/customers", ANN).status_code == 201
    with unchanged():
        answer = anyone.post("/customers", ANN | {"name": "Another Ann", "email": email})
    assert answer.status_code == 409
    assert answer.mimetype == "application/problem+json"
    assert answer.json == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "The email is taken.",
        "code": "email_taken",
        "errors": {"email": ["is taken"]},
    }


def test_what_is_missing_is_named(anyone, unchanged):
    with unchanged():
        answer = anyone.post("/customers", {})
    assert answer.status_code == 422
    assert answer.json["errors"] == {name: ["is needed"] for name in ("name", "email", "password")}


@pytest.mark.parametrize(
    "field",
    ["id", "created_at", "updated_at", "deleted_at", "version", "token_version", "password_hash", "role", "salary", "x"],
)
def test_unknown_and_read_only_fields_are_refused_and_never_ignored(anyone, unchanged, field):
    with unchanged():
        answer = anyone.post("/customers", ANN | {field: 1})
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]


def test_a_customer_who_registers_has_no_rights_of_staff(anyone):
    anyone.post("/customers", ANN)
    token = anyone.post("/customers/login", {"email": ANN["email"], "password": PASSWORD}).json["token"]
    for path in ("/customers", "/mechanics", "/tickets"):
        assert anyone.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 403, path


def test_a_customer_may_have_the_email_of_a_mechanic(anyone, make):
    mechanic = make.mechanic()
    assert anyone.post("/customers", ANN | {"email": mechanic.record["email"]}).status_code == 201
