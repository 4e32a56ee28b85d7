"""The startup lock: one process at a time prepares or fills a database."""

import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from app.utils.db import engines

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None  # type: ignore[assignment]

POSTGRESQL_LOCK_ID = 7_368_704
MYSQL_LOCK_NAME = "CONCAT('mymechanicshop.', MD5(DATABASE()))"
"""PostgreSQL's advisory locks belong to a database; MySQL's belong to the server, which may hold several shops."""
LOCK_SECONDS, POLLS_PER_SECOND = 60, 20
LOCK_TIMEOUT_MESSAGE = "DATABASE_URL: another process has been preparing or filling the database for a minute; try again later"


class CantStart(Exception):
    """The shop can't start. The text is one line that says why, without a password."""


@contextmanager
def translate_errors(url: URL) -> Iterator[None]:
    """Raise CantStart, which names the database and the reason, if the database can't be used."""
    try:
        yield
    except OSError as error:
        subject = f"{url.database} can't be written" if url.get_backend_name() == "sqlite" else f"{redacted(url)} can't be used"
        raise CantStart(f"DATABASE_URL: {subject}: {error.strerror or error}") from None
    except DBAPIError as error:
        arguments = error.orig.args if error.orig else ()
        reason = " ".join(str(arguments[-1] if arguments else error.orig).split())
        raise CantStart(f"DATABASE_URL: {redacted(url)} can't be used: {reason}") from None


def redacted(url: URL) -> str:
    """Return the URL with all its hosts, without its password and options."""
    hosts = ",".join(url.normalized_query.get("hosts") or url.normalized_query.get("host", ()))
    plain = url.set(query={}).render_as_string()
    start = re.match("[^/]+//([^/]*@)?", plain) if hosts else None
    return f"{start[0]}{hosts}/{url.database}" if start else plain


@contextmanager
def connect(url: URL) -> Iterator[Connection]:
    """Connect to a database without an app. Raise CantStart."""
    try:
        engine = engines.create_read_engine(url)
        with translate_errors(url):
            connection = engine.connect()
    except (ValueError, TypeError, RuntimeError, ArgumentError):  # Their texts may quote an option.
        raise CantStart(f"DATABASE_URL: {redacted(url)} can't be used: the driver does not accept its options") from None
    try:
        with connection, translate_errors(url):
            yield connection
    finally:
        engine.dispose()


def startup_lock(connection: Connection) -> AbstractContextManager[None]:
    """Hold the startup lock of a database. Raise CantStart if another process holds it for a minute."""
    locks = {"sqlite": _lock_file, "postgresql": _lock_postgresql, "mysql": _lock_mysql}
    return locks[connection.dialect.name](connection)


@contextmanager
def _lock_file(connection: Connection) -> Iterator[None]:
    with Path(f"{connection.engine.url.database}.lock").open("w") as file:
        for _ in range(LOCK_SECONDS * POLLS_PER_SECOND):  # flock() has no timeout, so poll.
            with suppress(BlockingIOError):
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(1 / POLLS_PER_SECOND)
        else:
            raise CantStart(LOCK_TIMEOUT_MESSAGE)
        yield


@contextmanager
def _lock_postgresql(connection: Connection) -> Iterator[None]:
    """Hold the lock in a transaction of its own: a pooler may lend the session, and its locks, to another client."""
    with connection.engine.connect() as holder:
        holder.exec_driver_sql("BEGIN ISOLATION LEVEL READ COMMITTED")
        try:
            holder.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            holder.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            try:
                holder.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": POSTGRESQL_LOCK_ID})
            except OperationalError as error:
                raise CantStart(LOCK_TIMEOUT_MESSAGE) if engines.error_code(error.orig) == "55P03" else error from None
            yield
        finally:
            with suppress(DBAPIError):  # A lost connection has no lock.
                holder.exec_driver_sql("ROLLBACK")


@contextmanager
def _lock_mysql(connection: Connection) -> Iterator[None]:
    if not connection.execute(text(f"SELECT GET_LOCK({MYSQL_LOCK_NAME}, {LOCK_SECONDS})")).scalar():
        raise CantStart(LOCK_TIMEOUT_MESSAGE)
    try:
        yield
    finally:
        if not connection.invalidated:
            connection.execute(text(f"SELECT RELEASE_LOCK({MYSQL_LOCK_NAME})"))
