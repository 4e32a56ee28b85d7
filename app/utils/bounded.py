"""Reads that may take so long and no longer. A search reads every record of its list, and a large shop has many: without
an end, a few of them would hold all threads of a process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from app.utils.engines import code_of

STEPS = 10_000
"""After so many steps of its own, SQLite looks at the clock."""
ENDED = {
    "57014",  # PostgreSQL: the statement was canceled.
    1969,  # MariaDB: it took longer than max_statement_time.
    3024,  # MySQL: it took longer than max_execution_time.
    9,  # SQLite: interrupted.
}


class TooLong(Exception):
    """The read was ended, since it took longer than it may."""


@contextmanager
def at_most(connection: Connection, seconds: float) -> Iterator[None]:
    """Let each statement take so long, on a connection that is in autocommit; raise TooLong where one would take longer."""
    limit(connection, seconds)
    try:
        yield
    except DBAPIError as error:
        if code_of(error.orig) in ENDED:
            raise TooLong from None
        raise
    finally:
        if not connection.invalidated:
            limit(connection, None)


def limit(connection: Connection, seconds: float | None) -> None:
    """Set what the database itself has for this, or set it back."""
    dialect = connection.dialect
    milliseconds = "DEFAULT" if seconds is None else max(1, round(seconds * 1000))
    if dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        end = time.monotonic() + (seconds or 0)
        driver.set_progress_handler(None if seconds is None else lambda: time.monotonic() > end, STEPS)
    elif dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET statement_timeout = {milliseconds}")
    elif getattr(dialect, "is_mariadb", False):
        connection.exec_driver_sql(f"SET SESSION max_statement_time = {'DEFAULT' if seconds is None else seconds}")
    else:
        connection.exec_driver_sql(f"SET SESSION max_execution_time = {milliseconds}")
