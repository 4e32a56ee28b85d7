"""Creating a mechanic: `POST /mechanics`."""

import json

import pytest

from app.models import mechanics
from app.startup.prepare import create_first_admin
from tests.support.environment import PASSWORD

MAX = {"name": "Max Wrench", "email": "max@example.com", "phone": "555-0100", "salary": 41_234.56}


def test_created_mechanic_can_log_in_and_read_the_record(admin, anyone, left):
    response = admin.post("/mechanics", MAX | {"password": PASSWORD})
    assert response.status_code == 201
    record = response.json
    assert list(record) == ["id", "name", "email", "phone", "role", "salary"]
    assert record == MAX | {"id": record["id"], "role": "mechanic"}
    assert response.headers["Location"] == f"/mechanics/{record['id']}"
    assert left.row(mechanics, record["id"]).salary_cents == 4_123_456

    token = anyone.post("/mechanics/login", {"email": MAX["email"], "password": PASSWORD}).json["token"]
    seen = anyone.get(response.headers["Location"], headers={"Authorization": f"Bearer {token}"})
    assert seen.json == record


@pytest.mark.parametrize("role", ["mechanic", "admin"])
def test_mechanic_is_created_with_the_given_role(admin, left, role):
    response = admin.post("/mechanics", MAX | {"role": role})
    assert (response.status_code, response.json["role"]) == (201, role)
    assert left.row(mechanics, response.json["id"]).role == role


@pytest.mark.parametrize("role", ["Admin", "customer", "", "boss", None, 1, ["admin"], "admin\n\x00"])
def test_unknown_role_is_422(admin, unchanged, role):
    with unchanged():
        response = admin.post("/mechanics", MAX | {"role": role})
    assert response.status_code == 422
    assert list(response.json["errors"]) == ["role"]


@pytest.mark.parametrize(
    ("text", "cents"),
    [("0", 0), ("0.01", 1), ("1234.5", 123_450), ("99999999.99", 9_999_999_999), ("1.10", 110), ("4e4", 4_000_000)],
)
def test_salary_is_stored_and_shown_exactly(admin, left, text, cents):
    """`salary`: 0 to 99,999,999.99, a JSON number with at most two decimals."""
    body = json.dumps(MAX | {"salary": "HERE"}).replace('"HERE"', text)
    response = admin.post("/mechanics", data=body, content_type="application/json")
    assert response.status_code == 201
    assert left.row(mechanics, response.json["id"]).salary_cents == cents
    assert response.json["salary"] == cents / 100
    assert admin.get(response.headers["Location"]).json["salary"] == cents / 100


@pytest.mark.parametrize("text", ["-0.01", "100000000", "99999999.991", "0.001", '"1"', "true", "null", "[]", "1e9", "1e400"])
def test_wrong_salary_is_422(admin, unchanged, text):
    body = json.dumps(MAX | {"salary": "HERE"}).replace('"HERE"', text)
    with unchanged():
        response = admin.post("/mechanics", data=body, content_type="application/json")
    assert response.status_code == 422
    assert list(response.json["errors"]) == ["salary"]


@pytest.mark.parametrize("email", ["max@example.com", "MAX@Example.com"])
def test_taken_email_in_any_case_is_409(admin, unchanged, email):
    assert admin.post("/mechanics", MAX).status_code == 201
    with unchanged():
        response = admin.post("/mechanics", MAX | {"name": "Another Max", "email": email})
    assert response.status_code == 409
    assert response.json["detail"] == "The email is taken."
    assert response.json["errors"] == {"email": ["is taken"]}


def test_email_is_stored_in_lower_case(admin, left):
    response = admin.post("/mechanics", MAX | {"email": " Max.WRENCH@Example.com "})
    assert response.json["email"] == "max.wrench@example.com"
    assert left.row(mechanics, response.json["id"]).email == "max.wrench@example.com"


def test_only_the_argon2_hash_of_the_password_is_stored(admin, left):
    response = admin.post("/mechanics", MAX | {"password": PASSWORD})
    row = left.row(mechanics, response.json["id"])
    assert row.password_hash.startswith("$argon2id$")
    assert PASSWORD not in repr(row)
    assert PASSWORD not in response.text
    assert row.password_hash not in response.text


def test_mechanic_can_be_created_without_a_password(admin, left):
    response = admin.post("/mechanics", MAX)
    assert response.status_code == 201
    assert left.row(mechanics, response.json["id"]).password_hash is None


def test_missing_fields_are_named(admin, unchanged):
    with unchanged():
        response = admin.post("/mechanics", {})
    assert response.status_code == 422
    assert response.json["errors"] == {name: ["is required"] for name in ("name", "email", "phone", "salary")}


@pytest.mark.parametrize("field", ["phone", "salary"])
def test_phone_and_salary_cannot_be_null(app, admin, anyone, unchanged, field):
    with unchanged():
        response = admin.post("/mechanics", MAX | {field: None})
    assert response.json["errors"] == {field: ["may not be null"]}


def test_first_admin_has_no_phone_and_no_salary(app, anyone):
    with app.app_context():
        create_first_admin(app)
    token = anyone.post("/mechanics/login", {"email": "first@example.com", "password": PASSWORD}).json["token"]
    (record,) = anyone.get("/mechanics", headers={"Authorization": f"Bearer {token}"}).json
    assert record | {"id": 0} == {
        "id": 0,
        "name": "Admin",
        "email": "first@example.com",
        "phone": None,
        "role": "admin",
        "salary": None,
    }


@pytest.mark.parametrize("field", ["id", "salary_cents", "version", "token_version", "password_hash", "deleted_at", "x"])
def test_unknown_and_read_only_fields_are_422(admin, unchanged, field):
    with unchanged():
        response = admin.post("/mechanics", MAX | {field: 1})
    assert response.status_code == 422
    assert list(response.json["errors"]) == [field]


@pytest.mark.parametrize("by", ["anyone", "customer", "staff"])
def test_only_an_admin_can_create_a_mechanic(request, by, unchanged):
    person = request.getfixturevalue(by)
    with unchanged():
        response = person.post("/mechanics", MAX | {"role": "admin"})
    assert response.status_code == (401 if by == "anyone" else 403)
