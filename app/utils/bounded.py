"""Reads that may take so long and no longer. A search reads every record of its list, and a large shop has many: without
an end, each would hold a thread for as long as that takes."""

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
    1028,  # MySQL: it did so while it sorted.
    ("sqlite", 9),  # SQLITE_INTERRUPT.
}


class TooLong(Exception):
    """The read was ended, since it took longer than it may."""


@contextmanager
def at_most(connection: Connection, seconds: float) -> Iterator[None]:
    """Let each statement take so long, on a connection that is in autocommit; raise TooLong where one would take longer."""
    set_time_limit(connection, seconds)
    try:
        yield
    except DBAPIError as error:
        if code_of(error.orig) in ENDED:
            raise TooLong from None
        raise
    finally:
        if not connection.invalidated:
            set_time_limit(connection, None)


def set_time_limit(connection: Connection, seconds: float | None) -> None:
    """Set what the database itself has for this; without seconds, set it back to what it was."""
    dialect = connection.dialect
    if dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        end = time.monotonic() + (seconds or 0)
        driver.set_progress_handler(None if seconds is None else lambda: time.monotonic() > end, STEPS)
    elif dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET statement_timeout = {'DEFAULT' if seconds is None else milliseconds(seconds)}")
    else:  # There DEFAULT would be the server's, and not what the account was given.
        is_mariadb = getattr(dialect, "is_mariadb", False)
        name = "max_statement_time" if is_mariadb else "max_execution_time"
        if seconds is None:
            connection.exec_driver_sql(f"SET SESSION {name} = @shop_{name}")
        else:
            most = seconds if is_mariadb else milliseconds(seconds)
            connection.exec_driver_sql(f"SET @shop_{name} = @@{name}, SESSION {name} = {most}")


def milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
