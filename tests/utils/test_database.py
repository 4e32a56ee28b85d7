"""Transactions: what is tried again and what is not, what is answered in the end, and who hears of a commit."""

import logging
import sqlite3
from contextlib import contextmanager
from functools import partial

import psycopg
import pymysql
import pytest
from sqlalchemy import event, select, text, update
from sqlalchemy.exc import DBAPIError

from app.models import inventory
from app.utils import database as transactions
from app.utils.database import ATTEMPTS, after_commit, execute, retried, transaction
from app.utils.extensions import db
from tests.invariants import faults

KEY = {"Idempotency-Key": "once"}
CONFLICTS = {
    "sqlite": (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_BUSY_SNAPSHOT),
    "postgresql": ("40001", "40P01", "55P03"),
    "mariadb": (1213, 1205, 1020),
}
on_servers = pytest.mark.databases("postgresql", "mariadb")


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch):
    monkeypatch.setattr(transactions, "PAUSE", 0.0)


@pytest.fixture
def order(make):
    """What opens a ticket with two of a part of which there are ten, and the part."""
    part = make.part(quantity=10)
    body = {"customer_id": make.customer().id, "service_date": "2026-11-24", "description": "Pads", "vin": "V1"}
    return body | {"parts": [{"inventory_id": part.id, "quantity": 2}]}, part


@pytest.fixture
def retries():
    """An entry for each time that something was tried again."""
    seen = []

    def note(_):
        seen.append(1)

    with retried.connected_to(note):
        yield seen


# ---------------------------------------------------------------- what goes wrong
def conflict(kind, code):
    """What a driver raises where the database answers with a code."""
    if kind == "sqlite":
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = code
        return error
    if kind == "postgresql":
        return psycopg.errors.lookup(code)("could not serialize access")
    return pymysql.err.OperationalError(code, "try restarting transaction")


@contextmanager
def failing(engine, begins, fail, times=1):
    """Call ``fail`` in place of the first few statements that begin so; what was run of that kind."""
    begun = []

    def run(cursor, sql, _parameters, _context):
        if sql.startswith(begins):
            begun.append(sql)
            if len(begun) <= times:
                fail(cursor)

    names = ("do_execute", "do_executemany")
    for name in names:
        event.listen(engine, name, run)
    try:
        yield begun
    finally:
        for name in names:
            event.remove(engine, name, run)


def raising(error):
    def fail(_cursor):
        raise error

    return fail


def cut_off(connection, url):
    """End a connection from the outside, as an operator does or a server that shuts down."""
    if isinstance(connection, pymysql.Connection):
        with pymysql.connect(host=url.host, port=url.port or 3306, user=url.username, password=url.password or "") as other:
            other.kill(connection.thread_id())
    else:
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])


@pytest.fixture
def answer_lost(engine, monkeypatch):
    """Let the first commit happen and its answer be lost."""
    real, commits = engine.dialect.do_commit, []

    def do_commit(connection):
        real(connection)
        commits.append(1)
        if len(commits) == 1:
            cut_off(getattr(connection, "dbapi_connection", connection), engine.url)
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")  # As if it were the answer to the commit.

    monkeypatch.setattr(engine.dialect, "do_commit", do_commit)
    return commits


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
        assert len(begun) == ATTEMPTS
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


# ---------------------------------------------------------------- lost connections
@on_servers
def test_a_connection_that_is_lost_before_the_commit_is_no_matter(staff, order, left, engine, retries):
    """Nothing was committed: the transaction is done again over another connection."""
    body, part = order

    def lose(cursor):
        cut_off(cursor.connection, engine.url)

    with failing(engine, "UPDATE inventory", lose):
        answer = staff.post("/tickets", json=body)
    assert answer.status_code == 201
    assert len(retries) == 1
    assert left.movements_of(part) == [("received", 10), ("used", -2)]
    assert len(left.everything()["service_tickets"]) == 1


@on_servers
def test_pooled_connections_that_were_cut_off_are_noticed_before_they_are_used(app, staff, make, engine, retries):
    """As after a restart of the database: neither a read nor a write fails first."""
    part = make.part()
    assert staff.get("/tickets").status_code == 200
    with app.app_context():
        pools = [each.pool for each in db.engines.values()]
    for pool in pools:
        held = [pool.connect() for _ in range(pool.checkedin())]
        for each in held:
            cut_off(each.dbapi_connection, engine.url)
        for each in held:
            each.close()
    assert staff.get("/tickets").status_code == 200
    assert staff.put(f"/inventory/{part.id}", json={"quantity": 3}).status_code == 200
    assert retries == []


@on_servers
def test_a_commit_whose_answer_is_lost_is_503_without_a_key(staff, order, left, answer_lost):
    """Only the database knows whether it happened, and the answer says so; it is not done a second time."""
    body, part = order
    answer = staff.post("/tickets", json=body)
    assert len(answer_lost) == 1
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.json["detail"] == "The database was lost while it wrote; look whether the change is there."
    assert left.movements_of(part) == [("received", 10), ("used", -2)]


@on_servers
def test_a_commit_whose_answer_is_lost_is_replayed_with_a_key(staff, order, left, answer_lost):
    """It finds its own key with the answer that the client should have got: done once, and answered."""
    body, part = order
    answer = staff.post("/tickets", json=body, headers=KEY)
    assert answer.status_code == 201
    assert answer.headers["Idempotency-Replayed"] == "true"
    assert left.movements_of(part) == [("received", 10), ("used", -2)]
    assert [row[0] for row in left.everything()["service_tickets"]] == [answer.json["id"]]


@on_servers
def test_a_commit_that_was_lost_before_it_happened_is_done_with_a_key(staff, order, left, engine, monkeypatch):
    """The key is not there, so the work is done again; without a key it would be 503."""
    body, part = order
    real, lost = engine.dialect.do_commit, []

    def do_commit(connection):
        if not lost:
            lost.append(1)
            cut_off(getattr(connection, "dbapi_connection", connection), engine.url)
        real(connection)

    monkeypatch.setattr(engine.dialect, "do_commit", do_commit)
    answer = staff.post("/tickets", json=body, headers=KEY)
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers
    assert left.movements_of(part) == [("received", 10), ("used", -2)]


@on_servers
def test_a_read_whose_connection_is_lost_is_read_again(app, staff, make, engine, retries):
    part = make.part()
    with app.app_context():
        reads = db.engines["reads"]
    with failing(reads, "SELECT inventory", lambda cursor: cut_off(cursor.connection, engine.url)):
        answer = staff.get(f"/inventory/{part.id}")
    assert answer.status_code == 200
    assert answer.json["id"] == part.id
    assert len(retries) == 1


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
    from app.blueprints.inventory import catalog

    def fail():
        raise RuntimeError("the cache is gone")

    part = make.part(quantity=5)
    monkeypatch.setattr(catalog, "has_changed", fail)
    with caplog.at_level(logging.ERROR):
        answer = staff.put(f"/inventory/{part.id}", json={"quantity": 7})
    assert answer.status_code == 200
    assert left.stock_of(part) == 7
    assert "Something after a commit failed" in caplog.text
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
