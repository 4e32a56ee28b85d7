"""Transactions: what is tried again and what is not, what is answered in the end, and who hears of a commit."""

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
from tests.support.invariants import faults
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
def test_a_transaction_that_met_another_is_done_again_as_a_whole(database, staff, order, left, engine, retries):
    """The client sees nothing of it, and what the first attempts did is undone with them."""
    body, part = order
    for number, code in enumerate(CONFLICTS[database], 1):
        with failing(engine, "UPDATE inventory", raising(conflict(database, code)), times=3):
            answer = staff.post("/tickets", json=body)
        assert answer.status_code == 201
        assert len(retries) == 3 * number
        assert left.stock_of(part) == 10 - 2 * number
        assert left.movements_of(part) == [("received", 10)] + [("used", -2)] * number
        assert len(left.everything()["service_tickets"]) == number


@pytest.mark.slow
def test_a_lock_that_is_held_longer_than_a_statement_waits_is_waited_for_again(staff, order, left, engine, retries):
    """A real one: another transaction holds the part for longer than a database lets a statement wait."""
    body, part = order
    with engine.connect() as other, ThreadPoolExecutor() as threads:
        other.execute(update(inventory).where(inventory.c.id == part.id).values(version=inventory.c.version + 1))
        waiting = threads.submit(staff.post, "/tickets", json=body)
        until(lambda: retries, 3 * LOCK_SECONDS, "the end of its patience")
        assert not waiting.done()
        other.rollback()
        assert waiting.result().status_code == 201
    assert left.stock_of(part) == 8


def test_a_conflict_at_the_commit_itself_is_tried_again(database, staff, order, left, engine, retries, monkeypatch):
    """As of two Galera nodes: the commit is where they find out (1213)."""
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
def test_what_always_meets_another_is_answered_503_and_changes_nothing(database, staff, order, unchanged, engine, headers):
    """With Retry-After, and the key is as good as new."""
    body, _ = order
    for code in CONFLICTS[database]:
        with unchanged(), failing(engine, "UPDATE inventory", raising(conflict(database, code)), times=99) as begun:
            answer = staff.post("/tickets", json=body, headers=headers)
        assert len(begun) == MAX_ATTEMPTS
        assert answer.status_code == 503
        assert answer.content_type == "application/problem+json"
        assert int(answer.headers["Retry-After"]) >= 1
    assert staff.post("/tickets", json=body, headers=headers).status_code == 201


def test_what_takes_too_long_is_given_up_before_its_attempts_are_used_up(
    staff, database, order, unchanged, engine, monkeypatch
):
    monkeypatch.setattr(transactions, "DEADLINE", -1.0)
    body, _ = order
    error = conflict(database, CONFLICTS[database][0])
    with unchanged(), failing(engine, "UPDATE inventory", raising(error), times=99) as begun:
        assert staff.post("/tickets", json=body).status_code == 503
    assert len(begun) == 1


def test_a_broken_check_is_no_conflict(app, make, left, engine, retries):
    """CHECK (quantity >= 0) is the last line of defence. MariaDB says it as an OperationalError, 4025."""
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
def test_who_waits_for_a_commit_hears_of_it_once_and_afterwards(app, make, engine, left):
    """Twice the same is told once; at that moment everyone sees the change."""
    part, heard = make.part(quantity=1), []

    def tell():
        heard.append(left.row(inventory, part.id).name)

    @transaction
    def rename():
        execute(update(inventory).where(inventory.c.id == part.id).values(name="Renamed"))
        after_commit(tell)
        after_commit(tell)
        assert heard == []

    with app.test_request_context():
        rename()
    assert heard == ["Renamed"]


def test_nobody_hears_of_what_was_rolled_back(app, database, engine):
    """Neither of a transaction that is refused, nor of the attempts before one that succeeds."""
    heard, attempts = [], []

    @transaction
    def refused():
        after_commit(partial(heard.append, "refused"))
        raise ZeroDivisionError

    @transaction
    def third_time_lucky():
        attempts.append(1)
        after_commit(partial(heard.append, len(attempts)))
        execute(select(inventory.c.id))

    with app.test_request_context():
        with pytest.raises(ZeroDivisionError):
            refused()
        with failing(engine, "SELECT inventory", raising(conflict(database, CONFLICTS[database][0])), times=2):
            third_time_lucky()
    assert heard == [3]


def test_what_fails_to_hear_of_a_commit_is_logged_and_not_answered(app, staff, make, left, monkeypatch, caplog):
    """What is committed stays committed; the others still hear of it."""
    from app.blueprints.inventory import cache

    def fail():
        raise RuntimeError("the cache is gone")

    part = make.part(quantity=5)
    monkeypatch.setattr(cache, "invalidate", fail)
    with caplog.at_level(logging.ERROR):
        answer = staff.put(f"/inventory/{part.id}", json={"quantity": 7})
    assert answer.status_code == 200
    assert left.stock_of(part) == 7
    assert "A callback after a commit failed" in caplog.text
    assert "the cache is gone" in caplog.text


def test_the_check_of_conflicts_is_not_fooled_by_its_fixture(database, staff, order, engine):
    """The control: an error that is no conflict is not tried again."""
    body, _ = order
    other = {"sqlite": sqlite3.SQLITE_FULL, "postgresql": "53100", "mariadb": 1021}[database]
    with failing(engine, "UPDATE inventory", raising(conflict(database, other))) as begun:
        assert staff.post("/tickets", json=body).status_code == 503
    assert len(begun) == 1
    assert faults(engine) == []
    with engine.connect() as connection:
        assert connection.execute(text("SELECT COUNT(*) FROM service_tickets")).scalar() == 0
