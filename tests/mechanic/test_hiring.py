"""Hiring a mechanic: `POST /mechanics`."""

import json

import pytest

from app.models import mechanics
from app.startup.prepare import create_first_admin
from tests.conftest import PASSWORD

MAX = {"name": "Max Wrench", "email": "max@example.com", "phone": "555-0100", "salary": 41_234.56}


def test_an_admin_hires_a_mechanic_who_signs_in_and_sees_what_was_kept(admin, anyone, left):
    answer = admin.post("/mechanics", MAX | {"password": PASSWORD})
    assert answer.status_code == 201
    record = answer.json
    assert list(record) == ["id", "name", "email", "phone", "role", "salary"]
    assert record == MAX | {"id": record["id"], "role": "mechanic"}
    assert answer.headers["Location"] == f"/mechanics/{record['id']}"
    assert left.row(mechanics, record["id"]).salary_cents == 4_123_456

    token = anyone.post("/mechanics/login", {"email": MAX["email"], "password": PASSWORD}).json["token"]
    seen = anyone.get(answer.headers["Location"], headers={"Authorization": f"Bearer {token}"})
    assert seen.json == record


@pytest.mark.parametrize("role", ["mechanic", "admin"])
def test_a_mechanic_is_hired_with_the_role_that_is_said(admin, left, role):
    answer = admin.post("/mechanics", MAX | {"role": role})
    assert (answer.status_code, answer.json["role"]) == (201, role)
    assert left.row(mechanics, answer.json["id"]).role == role


@pytest.mark.parametrize("role", ["Admin", "customer", "", "boss", None, 1, ["admin"], "admin\n\x00"])
def test_no_other_role_is_taken(admin, unchanged, role):
    with unchanged():
        answer = admin.post("/mechanics", MAX | {"role": role})
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == ["role"]


@pytest.mark.parametrize(
    ("text", "cents"),
    [("0", 0), ("0.01", 1), ("1234.5", 123_450), ("99999999.99", 9_999_999_999), ("1.10", 110), ("4e4", 4_000_000)],
)
def test_a_salary_is_kept_and_shown_exactly(admin, left, text, cents):
    """`salary`: 0 to 99,999,999.99, a JSON number with at most two decimals."""
    body = json.dumps(MAX | {"salary": "HERE"}).replace('"HERE"', text)
    answer = admin.post("/mechanics", data=body, content_type="application/json")
    assert answer.status_code == 201
    assert left.row(mechanics, answer.json["id"]).salary_cents == cents
    assert answer.json["salary"] == cents / 100
    assert admin.get(answer.headers["Location"]).json["salary"] == cents / 100


@pytest.mark.parametrize("text", ["-0.01", "100000000", "99999999.991", "0.001", '"1"', "true", "null", "[]", "1e9", "1e400"])
def test_no_other_salary_is_taken(admin, unchanged, text):
    body = json.dumps(MAX | {"salary": "HERE"}).replace('"HERE"', text)
    with unchanged():
        answer = admin.post("/mechanics", data=body, content_type="application/json")
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == ["salary"]


@pytest.mark.parametrize("email", ["max@example.com", "MAX@Example.com"])
def test_an_email_that_is_taken_in_any_case_is_409(admin, unchanged, email):
    assert admin.post("/mechanics", MAX).status_code == 201
    with unchanged():
        answer = admin.post("/mechanics", MAX | {"name": "Another Max", "email": email})
    assert answer.status_code == 409
    assert answer.json["detail"] == "The email is taken."
    assert answer.json["errors"] == {"email": ["is taken"]}


def test_an_email_is_kept_in_lower_case(admin, left):
    answer = admin.post("/mechanics", MAX | {"email": " Max.WRENCH@Example.com "})
    assert answer.json["email"] == "max.wrench@example.com"
    assert left.row(mechanics, answer.json["id"]).email == "max.wrench@example.com"


def test_of_a_password_only_an_argon2_hash_is_kept(admin, left):
    answer = admin.post("/mechanics", MAX | {"password": PASSWORD})
    row = left.row(mechanics, answer.json["id"])
    assert row.password_hash.startswith("$argon2id$")
    assert PASSWORD not in repr(row)
    assert PASSWORD not in answer.text
    assert row.password_hash not in answer.text


def test_a_mechanic_without_a_password_is_hired_all_the_same(admin, left):
    answer = admin.post("/mechanics", MAX)
    assert answer.status_code == 201
    assert left.row(mechanics, answer.json["id"]).password_hash is None


def test_what_is_missing_is_named(admin, unchanged):
    with unchanged():
        answer = admin.post("/mechanics", {})
    assert answer.status_code == 422
    assert answer.json["errors"] == {name: ["is needed"] for name in ("name", "email", "phone", "salary")}


@pytest.mark.parametrize("field", ["phone", "salary"])
def test_phone_and_salary_are_null_for_the_first_admin_only(app, admin, anyone, unchanged, field):
    with unchanged():
        answer = admin.post("/mechanics", MAX | {field: None})
    assert answer.json["errors"] == {field: ["may not be null"]}


def test_the_first_admin_has_neither_phone_nor_salary(app, anyone):
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
def test_unknown_and_read_only_fields_are_refused_and_never_ignored(admin, unchanged, field):
    with unchanged():
        answer = admin.post("/mechanics", MAX | {field: 1})
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]


@pytest.mark.parametrize("by", ["anyone", "customer", "staff"])
def test_nobody_but_an_admin_hires(request, by, unchanged):
    person = request.getfixturevalue(by)
    with unchanged():
        answer = person.post("/mechanics", MAX | {"role": "admin"})
    assert answer.status_code == (401 if by == "anyone" else 403)
