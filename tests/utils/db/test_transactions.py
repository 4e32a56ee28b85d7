"""Transactions: which errors are retried, the response after the last attempt, and the after-commit callbacks."""

import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from app.models import inventory
from app.utils.db import transactions
from app.utils.db.engines import LOCK_SECONDS
from app.utils.db.statements import execute
from app.utils.db.transactions import MAX_ATTEMPTS, after_commit, transaction
from tests.support.failing import conflict, failing, raising
from tests.support.invariants import broken_invariants
from tests.support.processes import until

KEY = {"Idempotency-Key": "once"}
CONFLICTS = {
    "sqlite": (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_BUSY_SNAPSHOT),
    "postgresql": ("40001", "40P01", "55P03"),
    "mariadb": (1213, 1205, 1020),
}


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch):
    monkeypatch.setattr(transactions, "PAUSE", 0.0)


# ---------------------------------------------------------------- conflicts
def test_conflicting_transaction_is_retried_as_a_whole(database, staff, order, left, engine, retries):
    """The client does not notice, and the writes of the failed attempts are rolled back."""
    body, part = order
    for number, code in enumerate(CONFLICTS[database], 1):
        with failing(engine, "UPDATE inventory", raising(conflict(database, code)), times=3):
            response = staff.post("/tickets", json=body)
        assert response.status_code == 201
        assert len(retries) == 3 * number
        assert left.stock_of(part) == 10 - 2 * number
        assert left.movements_of(part) == [("received", 10)] + [("used", -2)] * number
        assert len(left.everything()["service_tickets"]) == number


@pytest.mark.slow
def test_lock_timeout_is_retried(staff, order, left, engine, retries):
    """With a real lock: another transaction holds the part for longer than the lock timeout."""
    body, part = order
    with engine.connect() as other, ThreadPoolExecutor() as threads:
        other.execute(update(inventory).where(inventory.c.id == part.id).values(version=inventory.c.version + 1))
        waiting = threads.submit(staff.post, "/tickets", json=body)
        until(lambda: retries, 3 * LOCK_SECONDS, "the first lock timeout")
        assert not waiting.done()
        other.rollback()
        assert waiting.result().status_code == 201
    assert left.stock_of(part) == 8


def test_conflict_at_the_commit_is_retried(database, staff, order, left, engine, retries, monkeypatch):
    """Galera reports a conflict of two nodes at the commit (1213)."""
    body, part = order
    real, refused = engine.dialect.do_commit, []

    def do_commit(connection):
        if len(refused) < 2:
            refused.append(1)
            raise conflict(database, CONFLICTS[database][0])
        real(connection)

    monkeypatch.setattr(engine.dialect, "do_commit", do_commit)
    assert staff.post("/tickets", json=body).status_code == 201
    assert len(retries) == 2
    assert left.stock_of(part) == 8
    assert len(left.everything()["service_tickets"]) == 1


@pytest.mark.parametrize("headers", [{}, KEY])
def test_endless_conflict_is_503_and_changes_nothing(database, staff, order, unchanged, engine, headers):
    """With Retry-After, and the idempotency key can be used again."""
    body, _ = order
    for code in CONFLICTS[database]:
        with unchanged(), failing(engine, "UPDATE inventory", raising(conflict(database, code)), times=99) as executed:
            response = staff.post("/tickets", json=body, headers=headers)
        assert len(executed) == MAX_ATTEMPTS
        assert response.status_code == 503
        assert response.content_type == "application/problem+json"
        assert int(response.headers["Retry-After"]) >= 1
    assert staff.post("/tickets", json=body, headers=headers).status_code == 201


def test_deadline_ends_the_retries_before_the_last_attempt(staff, database, order, unchanged, engine, monkeypatch):
    monkeypatch.setattr(transactions, "DEADLINE", -1.0)
    body, _ = order
    error = conflict(database, CONFLICTS[database][0])
    with unchanged(), failing(engine, "UPDATE inventory", raising(error), times=99) as executed:
        assert staff.post("/tickets", json=body).status_code == 503
    assert len(executed) == 1


def test_check_violation_is_not_retried(app, make, left, engine, retries):
    """CHECK (quantity >= 0) is the last line of defense. MariaDB reports it as an OperationalError, 4025."""
    part = make.part(quantity=1)
    calls = []

    @transaction
    def oversell():
        calls.append(1)
        execute(update(inventory).where(inventory.c.id == part.id).values(quantity=inventory.c.quantity - 2))

    with app.test_request_context(), pytest.raises(DBAPIError, match="quantity_not_negative"):
        oversell()
    assert len(calls) == 1
    assert retries == []
    assert left.stock_of(part) == 1


# ---------------------------------------------------------------- after a commit
def test_after_commit_callback_runs_once_after_the_commit(app, make, engine, left):
    """A callback that is registered twice runs once. By then, other connections see the change."""
    part, seen = make.part(quantity=1), []

    def record_price():
        seen.append(left.row(inventory, part.id).price_cents)

    @transaction
    def change():
        execute(update(inventory).where(inventory.c.id == part.id).values(price_cents=1))
        after_commit(record_price)
        after_commit(record_price)
        assert seen == []

    with app.test_request_context():
        change()
    assert seen == [1]


def test_rollback_runs_no_after_commit_callback(app, database, engine):
    """Neither for a transaction that is refused, nor for the failed attempts before a successful one."""
    seen, attempts = [], []

    @transaction
    def refused():
        after_commit(partial(seen.append, "refused"))
        raise ZeroDivisionError

    @transaction
    def succeed_at_third_attempt():
        attempts.append(1)
        after_commit(partial(seen.append, len(attempts)))
        execute(select(inventory.c.id))

    with app.test_request_context():
        with pytest.raises(ZeroDivisionError):
            refused()
        with failing(engine, "SELECT inventory", raising(conflict(database, CONFLICTS[database][0])), times=2):
            succeed_at_third_attempt()
    assert seen == [3]


def test_failing_after_commit_callback_is_logged_only(app, staff, make, left, monkeypatch, caplog):
    """The change is committed and the response is a success."""
    from app.blueprints.inventory import cache

    def fail():
        raise RuntimeError("the cache is gone")

    part = make.part(quantity=5)
    monkeypatch.setattr(cache, "invalidate", fail)
    with caplog.at_level(logging.ERROR):
        response = staff.put(f"/inventory/{part.id}", json={"quantity": 7})
    assert response.status_code == 200
    assert left.stock_of(part) == 7
    assert "A callback after a commit failed" in caplog.text
    assert "the cache is gone" in caplog.text


def test_error_other_than_a_conflict_is_not_retried(database, staff, order, engine):
    """The control of the tests above."""
    body, _ = order
    other = {"sqlite": sqlite3.SQLITE_FULL, "postgresql": "53100", "mariadb": 1021}[database]
    with failing(engine, "UPDATE inventory", raising(conflict(database, other))) as executed:
        assert staff.post("/tickets", json=body).status_code == 503
    assert len(executed) == 1
    assert broken_invariants(engine) == []
    with engine.connect() as connection:
        assert connection.execute(text("SELECT COUNT(*) FROM service_tickets")).scalar() == 0
