"""The database: engines, how each dialect is set up, and the one place that begins, retries and commits.

There are two engines on one database. ``writes`` (Flask-SQLAlchemy's default) runs transactions: on SQLite they
begin with ``BEGIN IMMEDIATE``, on PostgreSQL and MariaDB they are READ COMMITTED. ``reads`` is in autocommit: one
statement is one snapshot, and psycopg keeps its prepared statements, which it forgets at every ROLLBACK.
"""

import logging
import random
import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, g
from sqlalchemy import Connection, CursorResult, Engine, Executable, Row, Table, event, insert, update
from sqlalchemy.exc import DBAPIError

from app.models import now
from app.utils.errors import NotFound, Unavailable
from app.utils.extensions import db

log = logging.getLogger(__name__)
ATTEMPTS = 6
PAUSE = 0.01
"""Seconds before the second attempt, at the most; it doubles with each further one."""
BUSY = 5.0
"""Seconds that SQLite waits for a lock."""
THREADS = 2
"""Threads that serve requests in a process; each needs one connection of an engine at a time."""
CONFLICTS: dict[str, set[object]] = {
    "psycopg": {"40001", "40P01"},  # Serialization failure, deadlock.
    "pymysql": {1213, 1205, 1020},  # Deadlock, lock wait, record changed.
    "pysqlite": {5, 6},  # SQLITE_BUSY, SQLITE_LOCKED.
}
JITTER = random.SystemRandom()
T = TypeVar("T")


# ---------------------------------------------------------------- engines
def engine_options(backend: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of the engine that writes and of the one that reads, for a kind of database."""
    common: dict[str, Any] = {"pool_size": THREADS, "max_overflow": 14, "pool_timeout": 10}
    if backend == "sqlite":
        common["connect_args"] = {"timeout": BUSY, "check_same_thread": False}
        return common, common | {"isolation_level": "AUTOCOMMIT"}
    writes = common | {"isolation_level": "READ COMMITTED"}
    return writes, common | {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}


def init_app(app: Flask) -> None:
    """Bind Flask-SQLAlchemy to an app whose ``DATABASE_URL`` is set."""
    url = app.config["DATABASE_URL"]
    writes, reads = engine_options(url.get_backend_name())
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = writes
    app.config["SQLALCHEMY_BINDS"] = {"reads": reads | {"url": url}}
    db.init_app(app)
    if url.get_backend_name() == "sqlite":
        with app.app_context():
            for engine in db.engines.values():
                event.listen(engine, "connect", prepare_sqlite)
            event.listen(db.engine, "begin", begin_immediately)


def prepare_sqlite(connection: Any, _record: Any) -> None:
    """Foreign keys count, a commit is on the disk, and the driver begins no transaction of its own."""
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


def begin_immediately(connection: Connection) -> None:
    """Take SQLite's write lock at once: one that is taken later fails where two have read before."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


# ---------------------------------------------------------------- transactions
def transaction(view: Callable[..., T]) -> Callable[..., T]:
    """Make a view one transaction: returning commits, raising rolls back.

    It is tried again as a whole, up to six times, where the database says that it met another (a deadlock, a lock
    wait, a serialization failure). After that it is answered 503, and nothing has changed."""

    @wraps(view)
    def in_transaction(*args: Any, **kwargs: Any) -> T:
        for attempt in range(ATTEMPTS):
            try:
                return once(lambda: view(*args, **kwargs))
            except DBAPIError as error:
                if not met_another(error):
                    raise
                time.sleep(JITTER.uniform(0, PAUSE * 2**attempt))
        raise Unavailable

    return in_transaction


def once(work: Callable[[], T]) -> T:
    """Do the work in one transaction, and tell those who wait for its commit."""
    waiting: list[Callable[[], None]] = []
    g.transaction = waiting
    try:
        result = work()
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise
    finally:
        del g.transaction
    for tell in dict.fromkeys(waiting):
        try:
            tell()
        except Exception:  # What is committed stays committed, whatever fails to hear of it.
            log.exception("Something after a commit failed")
    return result


def met_another(error: DBAPIError) -> bool:
    """Whether a statement failed only because another transaction was in its way."""
    cause = error.orig
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorcode", None)
    if code is None and cause is not None and cause.args:
        code = cause.args[0]
    if isinstance(code, int) and hasattr(cause, "sqlite_errorcode"):
        code &= 0xFF  # The kind of an extended code.
    return any(code in codes for codes in CONFLICTS.values())


def after_commit(tell: Callable[[], None]) -> None:
    """Call ``tell`` once this transaction is committed, and never if it is not."""
    g.transaction.append(tell)


# ---------------------------------------------------------------- statements
def fetch(statement: Executable, parameters: Any = None) -> Sequence[Row[Any]]:
    """All rows of a statement: read in the transaction of this request, or from the reading engine outside one."""
    if "transaction" in g:
        return execute(statement, parameters).all()
    with reading().connect() as connection:
        return connection.execute(statement, parameters).all()


def fetch_one(statement: Executable, parameters: Any = None) -> Row[Any] | None:
    """The first row of a statement, or none; from where :func:`fetch` reads."""
    rows = fetch(statement, parameters)
    return rows[0] if rows else None


def execute(statement: Executable, parameters: Any = None) -> CursorResult[Any]:
    """Run a statement in the transaction of this request. A list of parameters runs it once for each."""
    return db.session.connection().execute(statement, parameters)


def reading() -> Engine:
    return db.engines["reads"]


def add(table: Table, values: dict[str, Any]) -> int:
    """Insert a record and return its id."""
    key = execute(insert(table).values(values)).inserted_primary_key
    return int(key[0]) if key else 0


def lock(table: Table, record_id: int, **values: Any) -> None:
    """Lock a record that is not deleted until the transaction ends, by raising its version; raise NotFound.
    ``values`` are set with it."""
    found = table.c.id == record_id
    values["version"] = table.c.version + 1
    if not execute(update(table).where(found, table.c.deleted_at.is_(None)).values(values)).rowcount:
        raise NotFound


def change(table: Table, record_id: int, values: dict[str, Any]) -> None:
    """Set columns of a record and the time of its change; nothing where the values are what it holds already."""
    columns = [table.c[name] for name in values]
    held = fetch_one(table.select().with_only_columns(*columns).where(table.c.id == record_id)) if values else None
    if held is None or tuple(held) == tuple(values.values()):
        return
    execute(update(table).where(table.c.id == record_id).values(values | {"updated_at": now()}))
