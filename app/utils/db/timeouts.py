"""Statement timeouts. A search reads every record of a list; without a timeout it would hold a thread for long."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from app.utils.db.engines import error_code

PROGRESS_STEPS = 10_000  # SQLite looks at the clock after this many steps of its virtual machine.
TIMEOUT_CODES = {
    "57014",  # PostgreSQL: query canceled.
    1969,  # MariaDB: max_statement_time exceeded.
    3024,  # MySQL: max_execution_time exceeded.
    1028,  # MySQL: the same during a sort.
    ("sqlite", 9),  # SQLITE_INTERRUPT.
}


class StatementTimeout(Exception):
    """The statement took longer than allowed."""


@contextmanager
def statement_timeout(connection: Connection, seconds: float) -> Iterator[None]:
    """Limit each statement to ``seconds``, on a connection in autocommit mode. Raise StatementTimeout."""
    set_timeout(connection, seconds)
    try:
        yield
    except DBAPIError as error:
        if error_code(error.orig) in TIMEOUT_CODES:
            raise StatementTimeout from None
        raise
    finally:
        if not connection.invalidated:
            set_timeout(connection, None)


def set_timeout(connection: Connection, seconds: float | None) -> None:
    """Set the database's own timeout, or reset it if ``seconds`` is None."""
    dialect, milliseconds = connection.dialect, max(1, round((seconds or 0) * 1000))
    if dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        end = time.monotonic() + (seconds or 0)
        driver.set_progress_handler(None if seconds is None else lambda: time.monotonic() > end, PROGRESS_STEPS)
    elif connection.get_execution_options().get("has_pooler"):  # A setting of the session would be another client's next.
        begin = ("BEGIN READ ONLY", f"SET LOCAL statement_timeout = {milliseconds}")
        for statement in ("ROLLBACK",) if seconds is None else begin:
            connection.exec_driver_sql(statement)
    elif dialect.name == "postgresql":
        timeout = "DEFAULT" if seconds is None else milliseconds
        connection.exec_driver_sql(f"SET statement_timeout = {timeout}")
    else:
        is_mariadb = getattr(dialect, "is_mariadb", False)
        name = "max_statement_time" if is_mariadb else "max_execution_time"
        if seconds is None:  # DEFAULT would be the server's value, which may differ from the account's.
            connection.exec_driver_sql(f"SET SESSION {name} = @shop_{name}")
        else:
            value = seconds if is_mariadb else milliseconds
            connection.exec_driver_sql(f"SET @shop_{name} = @@{name}, SESSION {name} = {value}")
