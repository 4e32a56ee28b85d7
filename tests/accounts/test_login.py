"""Logging in: `POST /customers/login` and `POST /mechanics/login`."""

import jwt
import pytest
from argon2 import PasswordHasher, extract_parameters

from app.blueprints.accounts import service
from app.models import customers, mechanics
from app.utils.auth import passwords
from tests.support.environment import ENVIRONMENT, PASSWORD

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Outdated parameters."""
KINDS = ("customer", "mechanic")
TABLES = {"customer": customers, "mechanic": mechanics}
COLUMNS = ("name", "email", "phone", "token_version", "created_at", "updated_at", "deleted_at")


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def log_in(anyone, kind):
    return lambda email, password=PASSWORD: anyone.post(f"/{kind}s/login", {"email": email, "password": password})


@pytest.fixture
def make_account(make, kind):
    """Return a factory of accounts of this kind: ``make_account(email=…)``."""
    return getattr(make, kind)


@pytest.fixture
def verified_hashes(monkeypatch):
    """Return a list of the hashes that argon2 verifies a password against."""
    seen = []

    class Counting:
        check_needs_rehash = staticmethod(passwords.HASHER.check_needs_rehash)
        hash = staticmethod(passwords.HASHER.hash)
        real = staticmethod(passwords.HASHER.verify)

        def verify(self, password_hash, password):
            seen.append(password_hash)
            return self.real(password_hash, password)

    monkeypatch.setattr(passwords, "HASHER", Counting())
    return seen


def test_login_returns_a_token(app, anyone, log_in, make_account, kind):
    """The response has exactly the documented fields, and is not cacheable."""
    person = make_account()
    response = log_in(person.record["email"])
    assert response.status_code == 200
    assert list(response.json) == ["status", "message", "token", "token_type", "expires_in", "id", "name", "role"]
    assert response.json | {"id": person.id, "name": person.record["name"], "role": kind} == response.json
    assert response.json["status"] == "success"
    assert response.json["token_type"] == "Bearer"
    assert response.json["expires_in"] == app.config["TOKEN_MINUTES"] * 60 == 3600
    assert response.headers["Cache-Control"] == "no-store"
    assert "ETag" not in response.headers
    claims = jwt.decode(response.json["token"], ENVIRONMENT["SECRET_KEY"], algorithms=["HS256"], audience="mymechanicshop")
    assert claims["sub"] == f"{kind}:{person.id}"
    assert claims["exp"] - claims["iat"] == 3600
    bearer = {"Authorization": f"{response.json['token_type']} {response.json['token']}"}
    assert anyone.get(f"/{kind}s/{person.id}", headers=bearer).json["id"] == person.id


def test_second_login_changes_no_row_and_each_token_is_unique(log_in, make_account, unchanged):
    """The first login from an address keeps the address."""
    email = make_account().record["email"]
    log_in(email)
    with unchanged():
        tokens = {log_in(email).json["token"] for _ in range(2)}
    assert len(tokens) == 2


def test_token_lifetime_is_token_minutes(app, log_in, make_account, monkeypatch):
    monkeypatch.setitem(app.config, "TOKEN_MINUTES", 5)
    assert log_in(make_account().record["email"]).json["expires_in"] == 300


@pytest.mark.parametrize("email", ["ann@example.com", "ANN@Example.COM", "  ann@example.com "])
def test_login_email_is_case_insensitive(log_in, make_account, email):
    make_account(email="ann@example.com")
    assert log_in(email).status_code == 200


def test_refused_logins_are_indistinguishable(log_in, make_account, make, admin, kind, verified_hashes, unchanged):
    """Unknown email, wrong password, account without a password, account of the other kind, deleted account: the responses
    are the same to the byte, and each takes one argon2 verification of the same cost, so that the time reveals nothing."""
    existing, without_password, deleted = make_account(), make_account(password_hash=None), make_account()
    other_kind = make.mechanic() if kind == "customer" else make.customer()
    admin.delete(f"/{kind}s/{deleted.id}")
    attempts = [
        (existing.record["email"], "a wrong password"),
        (existing.record["email"], PASSWORD.upper()),
        (existing.record["email"], f" {PASSWORD} "),
        (existing.record["email"], passwords.DUMMY_HASH),
        ("nobody@example.com", PASSWORD),
        ("nobody@example.com", passwords.DUMMY_HASH),
        ("not an address", PASSWORD),
        (without_password.record["email"], PASSWORD),
        (without_password.record["email"], passwords.DUMMY_HASH),
        (deleted.record["email"], PASSWORD),
        (other_kind.record["email"], PASSWORD),
        ("Deleted customer", PASSWORD),
    ]
    with unchanged():
        responses = [log_in(*each) for each in attempts]
    assert [response.status_code for response in responses] == [401] * len(attempts)
    assert len({response.data for response in responses}) == 1
    for response in responses:
        response.headers.pop("X-Request-ID", None)
    assert len({str(response.headers) for response in responses}) == 1
    assert responses[0].headers["WWW-Authenticate"] == "Bearer"
    assert responses[0].json["detail"] == "The email or the password is wrong."
    assert len(verified_hashes) == len(attempts)
    assert all(extract_parameters(each) == extract_parameters(passwords.DUMMY_HASH) for each in verified_hashes)


SPANISH = ["ma\u00f1ana \u00e9 y", "man\u0303ana e\u0301 y", "ma\u00f1ana e\u0301 y"]
"""A password in composed letters, in decomposed ones, and in both."""


def test_password_is_the_same_in_composed_and_decomposed_letters(log_in, make_account, admin, kind):
    """Keyboards and browsers differ in how they write an é (NIST SP 800-63B, 3.1.1.2)."""
    person = make_account()
    for stored in SPANISH:
        assert admin.put(f"/{kind}s/{person.id}", {"password": stored}).status_code == 200
        assert [log_in(person.record["email"], given).status_code for given in SPANISH] == [200] * 3
        for wrong in ("manana e y", "MA\u00d1ANA \u00c9 Y", "ma\u00f1ana \u00e8 y"):
            assert log_in(person.record["email"], wrong).status_code == 401


def test_password_that_was_hashed_as_given_still_matches(log_in, make_account, kind):
    for raw in SPANISH:
        person = make_account(password_hash=passwords.HASHER.hash(raw))
        assert log_in(person.record["email"], raw).status_code == 200
        if raw != SPANISH[2]:  # Letters in both forms were good as they were given alone, and still are.
            assert [log_in(person.record["email"], given).status_code for given in SPANISH] == [200] * 3
        assert log_in(person.record["email"], "manana e y").status_code == 401


def test_refused_logins_take_as_many_verifications_in_letters_of_any_form(log_in, make_account, make, kind, verified_hashes):
    emails = [make_account().record["email"], make_account(password_hash=None).record["email"], "nobody@example.com"]
    for password, count in zip(SPANISH, (2, 2, 3), strict=True):
        for email in emails:
            verified_hashes.clear()
            assert log_in(email, password).status_code == 401
            assert len(verified_hashes) == count
            assert all(extract_parameters(each) == extract_parameters(passwords.DUMMY_HASH) for each in verified_hashes)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["email", "password"]),
        ({"email": "ann@example.com"}, ["password"]),
        ({"password": PASSWORD}, ["email"]),
        ({"email": None, "password": None}, ["email", "password"]),
        ({"email": "", "password": ""}, ["email", "password"]),
        ({"email": ["ann@example.com"], "password": {}}, ["email", "password"]),
        ({"email": "a" * 256, "password": "p" * 129}, ["email", "password"]),
        ({"email": "ann@example.com", "password": PASSWORD, "role": "admin"}, ["role"]),
    ],
)
def test_malformed_credentials_are_422(anyone, kind, unchanged, verified_hashes, body, fields):
    with unchanged():
        response = anyone.post(f"/{kind}s/login", body)
    assert response.status_code == 422
    assert sorted(response.json["errors"]) == fields
    assert verified_hashes == []


def test_mechanic_without_a_password_cannot_log_in_until_one_is_set(anyone, make, admin):
    mechanic = make.mechanic(password_hash=None)
    for password in ("", "null", "None", PASSWORD):
        response = anyone.post("/mechanics/login", {"email": mechanic.record["email"], "password": password})
        assert response.status_code == (401 if password else 422)
    assert admin.put(f"/mechanics/{mechanic.id}", {"password": PASSWORD}).status_code == 200
    response = anyone.post("/mechanics/login", {"email": mechanic.record["email"], "password": PASSWORD})
    assert response.status_code == 200


# ---------------------------------------------------------------- rehashing
def test_login_rehashes_an_outdated_hash(log_in, make_account, left, kind):
    """Once, with the current parameters. Existing tokens stay valid, and no other column changes."""
    person = make_account(password_hash=CHEAP.hash(PASSWORD))
    before = left.row(TABLES[kind], person.id)
    assert log_in(person.record["email"]).status_code == 200
    after = left.row(TABLES[kind], person.id)
    assert not passwords.is_outdated(after.password_hash)
    assert passwords.verify_password(PASSWORD, after.password_hash)
    assert [getattr(before, name) for name in COLUMNS] == [getattr(after, name) for name in COLUMNS]
    assert person.get(f"/{kind}s/{person.id}").status_code == 200
    assert log_in(person.record["email"]).status_code == 200
    assert left.row(TABLES[kind], person.id).password_hash == after.password_hash


def test_wrong_password_rehashes_nothing(log_in, make_account, unchanged):
    email = make_account(password_hash=CHEAP.hash(PASSWORD)).record["email"]
    with unchanged():
        assert log_in(email, "a wrong password").status_code == 401


def test_rehash_does_not_overwrite_a_newer_password(app, make_account, kind, unchanged):
    person = make_account()
    with unchanged(), app.app_context():
        service.renew_hash(TABLES[kind], person.id, CHEAP.hash(PASSWORD), "the previous hash")
