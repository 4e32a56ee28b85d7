"""The startup lock: one process at a time prepares or fills a database."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from app.utils.db import engines

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None  # type: ignore[assignment]

TRY_LOCK = {
    "postgresql": "SELECT pg_try_advisory_xact_lock(7368704)",
    "mysql": "SELECT GET_LOCK(CONCAT('mymechanicshop.', MD5(DATABASE())), 0)",
}
"""PostgreSQL's advisory locks belong to a database; MySQL's belong to the server, which may hold several shops."""
# The lock belongs to a transaction: a pooler may lend a session, and its locks, to another client.
BEFORE_LOCK = {"postgresql": ("BEGIN ISOLATION LEVEL READ COMMITTED", "SET LOCAL idle_in_transaction_session_timeout = 0")}
STARTUP_LOCK_SECONDS, PAUSE = 60, 0.05
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


@contextmanager
def startup_lock(connection: Connection) -> Iterator[None]:
    """Hold the startup lock of a database. Raise CantStart if another process holds it for a minute."""
    kind = connection.dialect.name
    with ExitStack() as stack:
        if kind == "sqlite":
            file = stack.enter_context(Path(f"{connection.engine.url.database}.lock").open("w"))
        else:
            holder = stack.enter_context(connection.engine.connect())
            stack.callback(holder.invalidate)  # Closing the connection releases the lock.
            for statement in BEFORE_LOCK.get(kind, ()):
                holder.exec_driver_sql(statement)
        deadline = time.monotonic() + STARTUP_LOCK_SECONDS
        while not (lock_file(file) if kind == "sqlite" else holder.execute(text(TRY_LOCK[kind])).scalar()):
            if time.monotonic() > deadline:
                raise CantStart(LOCK_TIMEOUT_MESSAGE)
            time.sleep(PAUSE)
        yield


def lock_file(file: IO[str]) -> bool:
    """Return whether this process holds the lock of a file now."""
    with suppress(BlockingIOError):
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
