"""Revocation: a token ends with its account, password or role; at once in the same process, within a second in others."""

import time
from types import SimpleNamespace

import pytest

from app import create_app
from app.extensions import db
from app.utils.auth import token_cache, tokens
from config import Settings
from tests.support.environment import ENVIRONMENT, PASSWORD

NEW = "a new password of mine"


@pytest.fixture(scope="module")
def other_app(shared_app):
    """The app of another process: the same database, and a memory of its own."""
    url = shared_app.config["DATABASE_URL"].render_as_string(hide_password=False)
    other = create_app(Settings.load(ENVIRONMENT | {"DATABASE_URL": url}))
    yield other
    with other.app_context():
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture
def other_process(app, other_app):
    other_app.token_cache.entries.clear()
    return other_app


@pytest.fixture
def let_a_second_pass(monkeypatch):
    """Let the entries of the token cache age by a second."""
    offset = [0.0]
    clock = SimpleNamespace(time=time.time, monotonic=lambda: time.monotonic() + offset[0])
    monkeypatch.setattr(token_cache, "time", clock)
    monkeypatch.setattr(tokens, "time", clock)
    return lambda: offset.__setitem__(0, 1.0)


def status_of(person, app=None):
    """Return the status of a request for the person's own record."""
    kind = "mechanics" if "role" in person.record or "salary_cents" in person.record else "customers"
    headers = {"Authorization": f"Bearer {person.token}"}
    return (app or person.app).test_client().get(f"/{kind}/{person.id}", headers=headers).status_code


# Changes that revoke a token: (account, actor, method, body).
REVOKING = {
    "a customer deletes themselves": ("customer", "self", "DELETE", None),
    "an admin deletes a customer": ("customer", "admin", "DELETE", None),
    "a customer changes their password": ("customer", "self", "PUT", {"password": NEW}),
    "an admin changes a customer's password": ("customer", "admin", "PUT", {"password": NEW}),
    "the same password is set again": ("customer", "self", "PUT", {"password": PASSWORD}),
    "an admin deletes a mechanic": ("staff", "admin", "DELETE", None),
    "a mechanic changes their password": ("staff", "self", "PUT", {"password": NEW}),
    "an admin changes a mechanic's password": ("staff", "admin", "PUT", {"password": NEW}),
    "a mechanic becomes an admin": ("staff", "admin", "PUT", {"role": "admin"}),
    "an admin becomes a mechanic": ("second_admin", "admin", "PUT", {"role": "mechanic"}),
    "an admin demotes themselves": ("second_admin", "self", "PUT", {"role": "mechanic"}),
    "an admin deletes themselves": ("second_admin", "self", "DELETE", None),
}
# Changes that revoke no token.
NOT_REVOKING = {
    "nothing is changed": ("customer", "self", "PUT", {}),
    "a customer's name changes": ("customer", "self", "PUT", {"name": "New Name"}),
    "all but the password changes": ("customer", "admin", "PUT", {"name": "N", "email": "new@example.com", "phone": None}),
    "a mechanic's name changes": ("staff", "self", "PUT", {"name": "New Name", "phone": "555-0199"}),
    "a mechanic's salary changes": ("staff", "admin", "PUT", {"salary": 1}),
    "a role is set to what it is": ("staff", "admin", "PUT", {"role": "mechanic"}),
    "an admin's role is set to what it is": ("second_admin", "self", "PUT", {"role": "admin"}),
    "the deletion is refused": ("admin", "self", "DELETE", None),
    "the demotion is refused": ("admin", "self", "PUT", {"role": "mechanic", "password": NEW}),
    "the change is refused": ("staff", "self", "PUT", {"password": NEW, "salary": 1}),
    "the new password is too short": ("customer", "self", "PUT", {"password": "short"}),
}


@pytest.fixture
def second_admin(make):
    """An admin besides the first one."""
    return make.admin()


@pytest.fixture
def apply(request, app):
    def apply_change(case):
        account, by, method, body = case
        person = request.getfixturevalue(account)
        kind = "customers" if account == "customer" else "mechanics"
        actor = person if by == "self" else request.getfixturevalue(by)
        assert status_of(person) == 200
        return actor.open(method, f"/{kind}/{person.id}", **({} if body is None else {"json": body}))

    return apply_change


@pytest.mark.parametrize("change", REVOKING)
def test_token_is_revoked_at_once_in_the_same_process(app, request, apply, change):
    person = request.getfixturevalue(REVOKING[change][0])
    assert apply(REVOKING[change]).status_code in (200, 204)
    assert status_of(person) == 401


@pytest.mark.parametrize("change", REVOKING)
def test_token_is_revoked_within_a_second_in_other_processes(request, apply, other_process, let_a_second_pass, change):
    person = request.getfixturevalue(REVOKING[change][0])
    assert status_of(person, other_process) == 200, "the other process caches the account"
    assert apply(REVOKING[change]).status_code in (200, 204)
    let_a_second_pass()
    assert status_of(person, other_process) == 401


@pytest.mark.slow
def test_revocation_takes_one_second_of_real_time(customer, other_process):
    """Without a fake clock."""
    assert status_of(customer, other_process) == 200
    assert customer.put(f"/customers/{customer.id}", {"password": NEW}).status_code == 200
    time.sleep(1.0)
    assert status_of(customer, other_process) == 401


@pytest.mark.parametrize("change", NOT_REVOKING)
def test_token_stays_valid_without_a_change_of_password_or_role(request, apply, other_process, let_a_second_pass, change):
    person = request.getfixturevalue(NOT_REVOKING[change][0])
    apply(NOT_REVOKING[change])
    assert status_of(person) == 200
    let_a_second_pass()
    assert status_of(person, other_process) == 200


def test_new_token_is_valid_after_each_password_change(customer, anyone):
    tokens = [customer.token]
    for password in (NEW, PASSWORD):
        assert customer.put(f"/customers/{customer.id}", {"password": password}).status_code == 200
        credentials = {"email": customer.record["email"], "password": password}
        customer.token = anyone.post("/customers/login", credentials).json["token"]
        assert status_of(customer) == 200
        for token in tokens:
            old = {"Authorization": f"Bearer {token}"}
            assert anyone.get(f"/customers/{customer.id}", headers=old).status_code == 401
        tokens.append(customer.token)


def test_tokens_of_other_accounts_stay_valid(customer, staff, make):
    """A customer and a mechanic may have the same id."""
    other, mechanic = make.customer(), make.mechanic()
    assert customer.put(f"/customers/{customer.id}", {"password": NEW}).status_code == 200
    assert [status_of(person) for person in (other, staff, mechanic)] == [200, 200, 200]


# ---------------------------------------------------------------- the token cache
def test_account_is_read_once_a_second(customer, statements):
    assert status_of(customer) == 200
    statements.clear()
    assert status_of(customer) == 200
    assert not [sql for sql in statements if "token_version" in sql]


def test_read_that_began_before_a_change_is_not_cached(app, customer, monkeypatch):
    """Otherwise a reader that a change overtook would trust the old state for a second."""
    real = tokens.fetch_one

    def overtaken_read(*args):
        row = real(*args)
        app.token_cache.clear()
        return row

    monkeypatch.setattr(tokens, "fetch_one", overtaken_read)
    assert status_of(customer) == 200
    assert app.token_cache.entries == {}


def test_token_cache_is_bounded(app, make, monkeypatch):
    monkeypatch.setattr(token_cache, "MAX_TOKENS", 2)
    for _ in range(5):
        assert status_of(make.customer()) == 200
        assert len(app.token_cache.entries) <= 2
