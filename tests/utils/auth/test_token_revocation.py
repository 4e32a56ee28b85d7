"""When a token ends before its time: with its account, its password, its role; at once here, elsewhere in a second."""

import time
from types import SimpleNamespace

import pytest

from app import create_app
from app.extensions import db
from app.utils.auth import token_cache, tokens
from config import Settings
from tests.conftest import ENVIRONMENT, PASSWORD

NEW = "a new password of mine"


@pytest.fixture(scope="module")
def other_app(shared_app):
    """The app in another process: on the same database, with a memory of its own."""
    url = shared_app.config["DATABASE_URL"].render_as_string(hide_password=False)
    other = create_app(Settings.load(ENVIRONMENT | {"DATABASE_URL": url}))
    yield other
    with other.app_context():
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture
def elsewhere(app, other_app):
    other_app.token_cache.entries.clear()
    return other_app


@pytest.fixture
def a_second_later(monkeypatch):
    """Let a second pass for what this process remembers of accounts."""
    later = [0.0]
    clock = SimpleNamespace(time=time.time, monotonic=lambda: time.monotonic() + later[0])
    monkeypatch.setattr(token_cache, "time", clock)
    monkeypatch.setattr(tokens, "time", clock)
    return lambda: later.__setitem__(0, 1.0)


def status_of(person, app=None):
    """What the shop answers to someone who asks for their own record."""
    kind = "mechanics" if "role" in person.record or "salary_cents" in person.record else "customers"
    headers = {"Authorization": f"Bearer {person.token}"}
    return (app or person.app).test_client().get(f"/{kind}/{person.id}", headers=headers).status_code


# What ends a token: (whose, by whom, how).
ENDS = {
    "a customer deletes themselves": ("customer", "self", "DELETE", None),
    "an admin deletes a customer": ("customer", "admin", "DELETE", None),
    "a customer changes their password": ("customer", "self", "PUT", {"password": NEW}),
    "an admin changes a customer's password": ("customer", "admin", "PUT", {"password": NEW}),
    "the same password is set again": ("customer", "self", "PUT", {"password": PASSWORD}),
    "an admin deletes a mechanic": ("staff", "admin", "DELETE", None),
    "a mechanic changes their password": ("staff", "self", "PUT", {"password": NEW}),
    "an admin changes a mechanic's password": ("staff", "admin", "PUT", {"password": NEW}),
    "a mechanic becomes an admin": ("staff", "admin", "PUT", {"role": "admin"}),
    "an admin becomes a mechanic": ("chief", "admin", "PUT", {"role": "mechanic"}),
    "an admin demotes themselves": ("chief", "self", "PUT", {"role": "mechanic"}),
    "an admin deletes themselves": ("chief", "self", "DELETE", None),
}
# What does not.
LASTS = {
    "nothing is changed": ("customer", "self", "PUT", {}),
    "a customer's name changes": ("customer", "self", "PUT", {"name": "New Name"}),
    "all but the password changes": ("customer", "admin", "PUT", {"name": "N", "email": "new@example.com", "phone": None}),
    "a mechanic's name changes": ("staff", "self", "PUT", {"name": "New Name", "phone": "555-0199"}),
    "a mechanic's salary changes": ("staff", "admin", "PUT", {"salary": 1}),
    "a role is set to what it is": ("staff", "admin", "PUT", {"role": "mechanic"}),
    "an admin's role is set to what it is": ("chief", "self", "PUT", {"role": "admin"}),
    "the deletion is refused": ("admin", "self", "DELETE", None),
    "the demotion is refused": ("admin", "self", "PUT", {"role": "mechanic", "password": NEW}),
    "the change is refused": ("staff", "self", "PUT", {"password": NEW, "salary": 1}),
    "the new password is too short": ("customer", "self", "PUT", {"password": "short"}),
}


@pytest.fixture
def chief(make):
    """An admin beside the one that the shop has already."""
    return make.admin()


@pytest.fixture
def act(request, app):
    def do(case):
        whose, by, method, body = case
        person = request.getfixturevalue(whose)
        kind = "customers" if whose == "customer" else "mechanics"
        actor = person if by == "self" else request.getfixturevalue(by)
        assert status_of(person) == 200
        return actor.open(method, f"/{kind}/{person.id}", **({} if body is None else {"json": body}))

    return do


@pytest.mark.parametrize("what", ENDS)
def test_a_token_ends_at_once_for_the_process_that_made_the_change(app, request, act, what):
    person = request.getfixturevalue(ENDS[what][0])
    assert act(ENDS[what]).status_code in (200, 204)
    assert status_of(person) == 401


@pytest.mark.parametrize("what", ENDS)
def test_a_token_ends_within_one_second_elsewhere(request, act, elsewhere, a_second_later, what):
    person = request.getfixturevalue(ENDS[what][0])
    assert status_of(person, elsewhere) == 200, "so that the other process remembers the account"
    assert act(ENDS[what]).status_code in (200, 204)
    a_second_later()
    assert status_of(person, elsewhere) == 401


@pytest.mark.slow
def test_a_second_is_a_second(customer, elsewhere):
    """The same by the clock on the wall."""
    assert status_of(customer, elsewhere) == 200
    assert customer.put(f"/customers/{customer.id}", {"password": NEW}).status_code == 200
    time.sleep(1.0)
    assert status_of(customer, elsewhere) == 401


@pytest.mark.parametrize("what", LASTS)
def test_a_token_lasts_where_neither_password_nor_role_changes(request, act, elsewhere, a_second_later, what):
    person = request.getfixturevalue(LASTS[what][0])
    act(LASTS[what])
    assert status_of(person) == 200
    a_second_later()
    assert status_of(person, elsewhere) == 200


def test_a_new_token_is_good_after_each_change_of_the_password(customer, anyone):
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


def test_only_the_tokens_of_the_one_account_end(customer, staff, make):
    """Customer and mechanic may have the same id; each stands in a table of its own."""
    other, twin = make.customer(), make.mechanic()
    assert customer.put(f"/customers/{customer.id}", {"password": NEW}).status_code == 200
    assert [status_of(person) for person in (other, staff, twin)] == [200, 200, 200]


# ---------------------------------------------------------------- what a process remembers
def test_an_account_is_looked_up_once_a_second(customer, statements):
    assert status_of(customer) == 200
    statements.clear()
    assert status_of(customer) == 200
    assert not [sql for sql in statements if "token_version" in sql]


def test_a_look_up_that_began_before_a_change_is_not_remembered(app, customer, monkeypatch):
    """Else a reader that was overtaken by a change would believe for a second what is no longer so."""
    real = tokens.fetch_one

    def overtaken(*args):
        row = real(*args)
        app.token_cache.clear()
        return row

    monkeypatch.setattr(tokens, "fetch_one", overtaken)
    assert status_of(customer) == 200
    assert app.token_cache.entries == {}


def test_what_is_remembered_has_a_bound(app, make, monkeypatch):
    monkeypatch.setattr(token_cache, "MAX_TOKENS", 2)
    for _ in range(5):
        assert status_of(make.customer()) == 200
        assert len(app.token_cache.entries) <= 2
