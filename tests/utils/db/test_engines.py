"""Engines: the isolation level of each database, whatever the server's default, and the choice of the host for writes."""

import sqlite3
from types import SimpleNamespace

import pymysql
import pytest
from sqlalchemy import insert, text

from app.extensions import db
from app.models import customers
from app.utils.db.engines import LOCK_SECONDS, error_code, journal_mode
from app.utils.db.hosts import accepts_writes, connect_to_writable
from app.utils.db.timeouts import TIMEOUT_CODES, StatementTimeout, statement_timeout
from app.utils.db.transactions import CONFLICT_CODES
from tests.support.failing import conflict

OTHER_DEFAULT = "-c default_transaction_isolation=serializable"


def engines_of(app):
    """Return the engine that writes and the one that reads."""
    with app.app_context():
        return db.engine, db.engines["reads"]


def scalars(engine, *statements):
    with engine.connect() as connection:
        return [connection.execute(text(each)).scalar() for each in statements]


# ---------------------------------------------------------------- isolation
@pytest.mark.databases("postgresql")
def test_postgresql_writes_at_read_committed_and_reads_in_autocommit(app, another_app, engine, monkeypatch):
    """Also if the server's default differs."""
    monkeypatch.setenv("PGOPTIONS", OTHER_DEFAULT)
    other = another_app(DATABASE_URL=engine.url.set(drivername="postgresql").render_as_string(hide_password=False))
    writes, reads = engines_of(other)
    assert scalars(writes, "SHOW default_transaction_isolation") == ["serializable"]
    assert scalars(writes, "SHOW transaction_isolation", "SHOW lock_timeout") == ["read committed", f"{LOCK_SECONDS}s"]
    with reads.connect() as connection:
        assert connection.connection.dbapi_connection.autocommit
    for each in (writes, reads):
        each.dispose()


@pytest.mark.databases("postgresql")
def test_timeouts_behind_a_pooler_end_with_their_transaction(app, another_app, engine):
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    writes, reads = engines_of(another_app(DATABASE_URL=f"{url}?pooler=transaction"))
    with writes.connect() as connection:
        shown = [connection.execute(text("SHOW lock_timeout")).scalar()]
        connection.rollback()
        connection.connection.dbapi_connection.autocommit = True
        shown.append(connection.connection.dbapi_connection.execute("SHOW lock_timeout").fetchone()[0])
        connection.connection.dbapi_connection.autocommit = False
    assert shown == [f"{LOCK_SECONDS}s", "0"]
    with reads.connect() as connection:
        with statement_timeout(connection, 2):
            assert connection.execute(text("SHOW statement_timeout")).scalar() == "2s"
        with pytest.raises(StatementTimeout), statement_timeout(connection, 0.05):
            connection.execute(text("SELECT pg_sleep(5)"))
        assert connection.execute(text("SHOW statement_timeout")).scalar() == "0"
    for each in (writes, reads):
        each.dispose()


@pytest.mark.databases("mariadb")
def test_mariadb_writes_at_read_committed_and_reads_in_autocommit(app):
    """The server's default is REPEATABLE READ: a refund could return parts that another transaction has already returned."""
    writes, reads = engines_of(app)
    assert scalars(writes, "SELECT @@GLOBAL.tx_isolation") == ["REPEATABLE-READ"]
    settings = ("SELECT @@tx_isolation", "SELECT @@innodb_lock_wait_timeout", "SELECT @@autocommit")
    assert scalars(writes, *settings) == ["READ-COMMITTED", LOCK_SECONDS, 0]
    assert scalars(reads, *settings[1:], "SELECT @@wsrep_sync_wait") == [LOCK_SECONDS, 1, 7]
    assert scalars(writes, "SELECT @@wsrep_sync_wait") == [7]


@pytest.mark.databases("postgresql", "mariadb")
def test_transaction_sees_later_commits_of_others(app, engine):
    """READ COMMITTED, which guarded updates need."""
    writes, _ = engines_of(app)
    with writes.connect() as connection, writes.connect() as other:
        count = text("SELECT COUNT(*) FROM customers")
        assert connection.execute(count).scalar() == 0
        other.execute(insert(customers).values(name="Ann", email="ann@example.com"))
        assert connection.execute(count).scalar() == 0, "an uncommitted row is visible"
        other.commit()
        assert connection.execute(count).scalar() == 1
        other.execute(customers.delete())
        other.commit()


@pytest.mark.databases("sqlite")
def test_sqlite_locks_at_begin_and_syncs_at_commit(app):
    """Foreign keys are on, synchronous is FULL, and WAL is used only with a SQLite version that resets it safely."""
    writes, reads = engines_of(app)
    pragmas = ("foreign_keys", "synchronous", "journal_mode", "busy_timeout")
    expected = [1, 2, journal_mode().lower(), LOCK_SECONDS * 1000]
    for each in (writes, reads):
        assert scalars(each, *(f"PRAGMA {name}" for name in pragmas)) == expected
    with writes.connect() as connection:
        connection.execute(text("SELECT 1"))  # A read is enough to take the lock.
        rival = sqlite3.connect(writes.url.database, timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            rival.execute("BEGIN IMMEDIATE")
        rival.close()
    with reads.connect() as connection:
        connection.execute(text("SELECT 1"))
        assert not connection.connection.dbapi_connection.in_transaction, "a read holds a transaction open"


@pytest.mark.databases("sqlite")
def test_sqlite_writes_use_begin_immediate(app, staff, make, statements):
    part = make.part()
    statements.clear()
    assert staff.put(f"/inventory/{part.id}", json={"quantity": 3}).status_code == 200
    assert "BEGIN IMMEDIATE" in statements
    statements.clear()
    assert staff.get("/tickets").status_code == 200
    assert not [sql for sql in statements if sql.startswith("BEGIN")]


@pytest.mark.parametrize(("version", "expected"), [((3, 51, 2), "DELETE"), ((3, 51, 3), "WAL"), ((4, 0, 0), "WAL")])
def test_wal_is_used_only_if_its_reset_is_safe(monkeypatch, version, expected):
    monkeypatch.setattr("sqlite3.sqlite_version_info", version)
    assert journal_mode() == expected


# ---------------------------------------------------------------- one host of several
class Host:
    """A MySQL server, as far as the first queries of a connection go."""

    def __init__(self, **changes):
        self.variables, self.closed = {"read_only": "OFF", "wsrep_on": "ON", "wsrep_ready": "ON"} | changes, False

    def cursor(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def execute(self, sql):
        self.rows = [(name, value) for name, value in self.variables.items() if name in sql]

    def fetchall(self):
        return self.rows

    def close(self):
        self.closed = True


DOWN = pymysql.err.OperationalError(2003, "Can't connect")


def dialect_of(hosts):
    """Return a dialect that connects to these hosts: name → a Host, or the exception that connecting raises."""

    def connect(host, port):
        found = hosts[f"{host}:{port}"]
        if isinstance(found, Exception):
            raise found
        return found

    return SimpleNamespace(connect=connect, loaded_dbapi=pymysql)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (Host(), "a:1"),
        (Host(wsrep_on="OFF", wsrep_ready="OFF"), "a:1"),  # A MariaDB outside a cluster.
        (DOWN, "b:3306"),
        (pymysql.err.InternalError("Packet sequence number wrong"), "b:3306"),
        (Host(wsrep_ready="OFF"), "b:3306"),
        (Host(read_only="ON"), "b:3306"),
    ],
)
def test_first_writable_host_is_chosen(first, expected):
    """In the order of the URL. A node that is up but not ready is skipped, and its connection is closed."""
    hosts = {"a:1": first, "b:3306": Host(), "c:3": Host()}
    connection = connect_to_writable(["a:1", "b", "c:3"])(dialect_of(hosts), None, [], {"host": "a", "port": 1})
    assert connection is hosts[expected]
    assert not isinstance(first, Host) or first.closed == (expected != "a:1")


def test_host_is_kept_until_it_fails():
    """A process changes to the next host only if its own fails, and does not switch back later."""
    hosts = {"a:1": DOWN, "b:2": Host(), "c:3": Host()}
    connect = connect_to_writable(["a:1", "b:2", "c:3"])
    dialect = dialect_of(hosts)
    assert connect(dialect, None, [], {}) is hosts["b:2"]
    hosts["a:1"] = Host()
    assert connect(dialect, None, [], {}) is hosts["b:2"]
    hosts["b:2"] = DOWN
    assert connect(dialect, None, [], {}) is hosts["c:3"]
    hosts["c:3"] = Host(wsrep_ready="OFF")
    assert connect(dialect, None, [], {}) is hosts["a:1"]


def test_last_failure_is_raised_if_no_host_is_writable():
    with pytest.raises(pymysql.err.OperationalError, match="b:2 takes no writes"):
        connect_to_writable(["a:1", "b:2"])(dialect_of({"a:1": DOWN, "b:2": Host(read_only="ON")}), None, [], {})


@pytest.mark.databases("mariadb")
def test_server_without_a_cluster_accepts_writes(engine):
    with engine.connect() as connection:
        assert accepts_writes(connection.connection.dbapi_connection)


def test_error_codes_of_different_databases_are_not_confused():
    """SQLite counts its errors from 1, and MySQL reports file errors with small numbers too: 5 is out of memory, 9 an
    unexpected end of file."""
    for number in (5, 6, 9):
        assert error_code(conflict("mariadb", number)) == number
        assert number not in CONFLICT_CODES | TIMEOUT_CODES
    assert error_code(conflict("sqlite", 5)) in CONFLICT_CODES
