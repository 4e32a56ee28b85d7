"""The two engines on one database, and how each kind of database is set up (docs/decisions/02).

The default engine of Flask-SQLAlchemy writes: its transactions begin with ``BEGIN IMMEDIATE`` on SQLite and are READ
COMMITTED on PostgreSQL, MySQL and MariaDB. The engine ``reads`` is in autocommit mode.
"""

import sqlite3
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext

from app.utils.db.hosts import connect_to_writable
from app.utils.db.urls import has_pooler

if TYPE_CHECKING:
    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy

POOL_SIZE = 3  # Threads that serve requests in a process; each needs one connection of an engine at a time.
LOCK_SECONDS = 5  # The time that a statement waits for a lock before its transaction is retried.
CONNECT_SECONDS = 3
WAL_SINCE = (3, 51, 3)  # Older versions of SQLite can corrupt the file if two writers meet a reset of the WAL.
FAILOVER_CODES = {
    "25006",  # PostgreSQL: read only, as a primary is that has become a standby.
    "57P01",  # PostgreSQL: shut down by its administrator.
    1047,  # Galera: this node is not ready.
    1290,  # MySQL: read only.
}
"""Errors after which the next statement needs another connection, perhaps to another host."""


def init_app(app: "Flask", db: "SQLAlchemy") -> None:
    """Bind Flask-SQLAlchemy to an app whose ``DATABASE_URL`` is set. This module imports no Flask for the startup checks."""
    given: URL = app.config["DATABASE_URL"]
    url, hosts = split_hosts(given)
    writes, reads = engine_options(given)
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = writes
    app.config["SQLALCHEMY_BINDS"] = {"reads": reads | {"url": url}}
    db.init_app(app)
    with app.app_context():
        install_listeners(hosts, *db.engines.values())
        if url.get_backend_name() == "sqlite":
            event.listen(db.engine, "begin", begin_immediate)
        elif has_pooler(given):
            event.listen(db.engine, "begin", limit_lock_waits)


def create_read_engine(url: URL) -> Engine:
    """Return a read engine without an app."""
    options = engine_options(url)[1]
    url, hosts = split_hosts(url)
    engine = create_engine(url, **options)
    install_listeners(hosts, engine)
    return engine


def engine_options(url: URL) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of the engine that writes and of the engine that reads."""
    # With parameters, a logged exception would quote password hashes and phone numbers.
    backend = url.get_backend_name()
    common: dict[str, Any] = {"pool_size": POOL_SIZE, "max_overflow": 14, "pool_timeout": 10, "hide_parameters": True}
    if backend == "sqlite":
        common["connect_args"] = {"timeout": LOCK_SECONDS, "check_same_thread": False}
        return common, common | {"isolation_level": "AUTOCOMMIT"}
    common["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
    if backend == "postgresql":
        common["connect_args"]["client_encoding"] = "utf8"  # Also if PGCLIENTENCODING or the server says another.
    if has_pooler(url):
        common["connect_args"]["prepare_threshold"] = None
        common["execution_options"] = {"has_pooler": True}
    writes = common | {"isolation_level": "READ COMMITTED"}
    # psycopg drops its prepared statements at a ROLLBACK.
    return writes, common | {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}


def split_hosts(url: URL) -> tuple[URL, list[str]]:
    """Return the URL as the driver takes it, and the hosts of a MySQL URL that names several."""
    hosts = str(url.query.get("hosts", ""))
    return url.difference_update_query(["hosts", "pooler"]), hosts.split(",") if hosts else []


def install_listeners(hosts: list[str], *engines: Engine) -> None:
    """Configure each new connection of the engines, and mark failover errors as disconnects."""
    connect = connect_to_writable(hosts) if hosts else None
    for engine in engines:
        backend = engine.url.get_backend_name()
        event.listen(engine, "connect", CONFIGURE[backend])
        if backend == "postgresql" and not engine.get_execution_options().get("has_pooler"):
            event.listen(engine, "connect", limit_lock_waits_of_session)
        if backend != "sqlite":
            event.listen(engine, "handle_error", mark_failover_as_disconnect)
        if connect:
            event.listen(engine, "do_connect", connect)


def mark_failover_as_disconnect(context: ExceptionContext) -> None:
    """Make the pool replace a connection whose server does not take writes any more."""
    if error_code(context.original_exception) in FAILOVER_CODES:
        context.is_disconnect = True


def error_code(cause: BaseException | None) -> object:
    """Return the code of a driver's error: ``("sqlite", n)``, MySQL's number, or an SQLSTATE.

    PyMySQL's errors have an SQLSTATE, too, but HY000 stands for a dozen different errors."""
    if isinstance(code := getattr(cause, "sqlite_errorcode", None), int):
        return "sqlite", code & 0xFF  # The low byte is the kind of an extended code.
    if cause is not None and cause.args and isinstance(cause.args[0], int):
        return cause.args[0]
    return getattr(cause, "sqlstate", None)


# ---------------------------------------------------------------- SQLite
def journal_mode() -> str:
    """Return ``WAL`` if this version of SQLite writes it safely, else ``DELETE`` (the rollback journal)."""
    return "WAL" if sqlite3.sqlite_version_info >= WAL_SINCE else "DELETE"


def configure_sqlite(connection: Any, _record: Any) -> None:
    """Enforce foreign keys, sync each commit to disk, and let SQLAlchemy begin transactions."""
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_mode = {journal_mode()}")


def begin_immediate(connection: Connection) -> None:
    """Take SQLite's write lock at once: if two transactions read first, the lock fails for one of them."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


# ---------------------------------------------------------------- PostgreSQL, MySQL, MariaDB
def configure_postgresql(connection: Any, _record: Any) -> None:
    """Send every int as int8.

    psycopg has three types of int by size, and would prepare a statement again for each mixture of them."""
    from psycopg.types.numeric import Int8Dumper

    connection.adapters.register_dumper(int, Int8Dumper)


def limit_lock_waits_of_session(connection: Any, _record: Any) -> None:
    """Set the lock timeout of PostgreSQL."""
    autocommit, connection.autocommit = connection.autocommit, True
    connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    connection.autocommit = autocommit


def limit_lock_waits(connection: Connection) -> None:
    """Set the lock timeout of a transaction: behind a pooler, the session may be another client's next."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")


def configure_mysql(connection: Any, _record: Any) -> None:
    """Set the lock timeout; on a Galera cluster, see what another node has answered."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}")
        if cursor.execute("SHOW VARIABLES LIKE 'wsrep_sync_wait'"):
            cursor.execute("SET SESSION wsrep_sync_wait = 7")


CONFIGURE = {"sqlite": configure_sqlite, "postgresql": configure_postgresql, "mysql": configure_mysql}
