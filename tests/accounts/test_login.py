"""Signing in: `POST /customers/login` and `POST /mechanics/login`."""

import jwt
import pytest
from argon2 import PasswordHasher, extract_parameters

from app.blueprints.accounts import service
from app.models import customers, mechanics
from app.utils.auth import passwords
from tests.conftest import ENVIRONMENT, PASSWORD

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""The parameters of some other day."""
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
def member(make, kind):
    """Makes an account of this kind: ``member(email=…)``."""
    return getattr(make, kind)


@pytest.fixture
def checks(monkeypatch):
    """The hashes that a password was checked against, by argon2 itself."""
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


def test_a_login_answers_a_token_and_how_to_use_it(app, anyone, log_in, member, kind):
    """Exactly the contract's fields, and nothing that a cache would keep."""
    person = member()
    answer = log_in(person.record["email"])
    assert answer.status_code == 200
    assert list(answer.json) == ["status", "message", "token", "token_type", "expires_in"]
    assert answer.json["status"] == "success"
    assert answer.json["token_type"] == "Bearer"
    assert answer.json["expires_in"] == app.config["TOKEN_MINUTES"] * 60 == 3600
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers
    claims = jwt.decode(answer.json["token"], ENVIRONMENT["SECRET_KEY"], algorithms=["HS256"], audience="mymechanicshop")
    assert claims["sub"] == f"{kind}:{person.id}"
    assert claims["exp"] - claims["iat"] == 3600
    bearer = {"Authorization": f"{answer.json['token_type']} {answer.json['token']}"}
    assert anyone.get(f"/{kind}s/{person.id}", headers=bearer).json["id"] == person.id


def test_a_login_changes_nothing_and_each_has_a_token_of_its_own(log_in, member, unchanged):
    email = member().record["email"]
    with unchanged():
        tokens = {log_in(email).json["token"] for _ in range(2)}
    assert len(tokens) == 2


def test_a_token_lives_for_token_minutes(app, log_in, member, monkeypatch):
    monkeypatch.setitem(app.config, "TOKEN_MINUTES", 5)
    assert log_in(member().record["email"]).json["expires_in"] == 300


@pytest.mark.parametrize("email", ["ann@example.com", "ANN@Example.COM", "  ann@example.com "])
def test_an_email_counts_in_any_case(log_in, member, email):
    member(email="ann@example.com")
    assert log_in(email).status_code == 200


def test_every_refusal_is_the_same(log_in, member, make, admin, kind, checks, unchanged):
    """An unknown email, a wrong password, an account without one, of the other kind, deleted: the same answer to the
    byte, and one check of a password by argon2 each, of the same cost, so that the time tells nothing either."""
    there, without, gone = member(), member(password_hash=None), member()
    stranger = make.mechanic() if kind == "customer" else make.customer()
    admin.delete(f"/{kind}s/{gone.id}")
    tries = [
        (there.record["email"], "a wrong password"),
        (there.record["email"], PASSWORD.upper()),
        (there.record["email"], f" {PASSWORD} "),
        (there.record["email"], passwords.DUMMY_HASH),
        ("nobody@example.com", PASSWORD),
        ("nobody@example.com", passwords.DUMMY_HASH),
        ("not an address", PASSWORD),
        (without.record["email"], PASSWORD),
        (without.record["email"], passwords.DUMMY_HASH),
        (gone.record["email"], PASSWORD),
        (stranger.record["email"], PASSWORD),
        ("Deleted customer", PASSWORD),
    ]
    with unchanged():
        answers = [log_in(*each) for each in tries]
    assert [answer.status_code for answer in answers] == [401] * len(tries)
    assert len({answer.data for answer in answers}) == 1
    for answer in answers:
        answer.headers.pop("X-Request-ID", None)
    assert len({str(answer.headers) for answer in answers}) == 1
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"
    assert answers[0].json["detail"] == "The email or the password is wrong."
    assert len(checks) == len(tries)
    assert all(extract_parameters(each) == extract_parameters(passwords.DUMMY_HASH) for each in checks)


@pytest.mark.parametrize(
    ("body", "wrong"),
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
def test_what_is_no_email_and_password_is_422(anyone, kind, unchanged, checks, body, wrong):
    with unchanged():
        answer = anyone.post(f"/{kind}s/login", body)
    assert answer.status_code == 422
    assert sorted(answer.json["errors"]) == wrong
    assert checks == []


def test_a_mechanic_without_a_password_can_not_sign_in_until_one_is_set(anyone, make, admin):
    worker = make.mechanic(password_hash=None)
    for password in ("", "null", "None", PASSWORD):
        answer = anyone.post("/mechanics/login", {"email": worker.record["email"], "password": password})
        assert answer.status_code == (401 if password else 422)
    assert admin.put(f"/mechanics/{worker.id}", {"password": PASSWORD}).status_code == 200
    answer = anyone.post("/mechanics/login", {"email": worker.record["email"], "password": PASSWORD})
    assert answer.status_code == 200


# ---------------------------------------------------------------- rehashing
def test_a_login_renews_a_hash_of_other_parameters(log_in, member, left, kind):
    """Once, with today's; the tokens stay good, and the record is as it was."""
    person = member(password_hash=CHEAP.hash(PASSWORD))
    before = left.row(TABLES[kind], person.id)
    assert log_in(person.record["email"]).status_code == 200
    after = left.row(TABLES[kind], person.id)
    assert not passwords.is_outdated(after.password_hash)
    assert passwords.verify_password(PASSWORD, after.password_hash)
    assert [getattr(before, name) for name in COLUMNS] == [getattr(after, name) for name in COLUMNS]
    assert person.get(f"/{kind}s/{person.id}").status_code == 200
    assert log_in(person.record["email"]).status_code == 200
    assert left.row(TABLES[kind], person.id).password_hash == after.password_hash


def test_a_wrong_password_renews_nothing(log_in, member, unchanged):
    email = member(password_hash=CHEAP.hash(PASSWORD)).record["email"]
    with unchanged():
        assert log_in(email, "a wrong password").status_code == 401


def test_a_password_that_was_changed_meanwhile_is_not_set_back(app, member, kind, unchanged):
    person = member()
    with unchanged(), app.app_context():
        service.renew_hash(TABLES[kind], person.id, CHEAP.hash(PASSWORD), "the password of before")
