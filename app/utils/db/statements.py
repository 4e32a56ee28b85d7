"""Statements: reads, writes and row locks, in the transaction of the request or, for reads, outside one."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from functools import cache
from typing import Any

from sqlalchemy import CursorResult, Engine, Executable, Row, Table, Update, bindparam, insert, update
from sqlalchemy.dialects import postgresql

from app.extensions import db
from app.models import search_value, utcnow
from app.utils.context import current_state
from app.utils.db.timeouts import statement_timeout
from app.utils.db.transactions import current_transaction, retry
from app.utils.errors import NotFound

Parameters = dict[str, Any] | list[dict[str, Any]] | None


def read_engine() -> Engine:
    """Return the engine in autocommit mode: one statement is one snapshot."""
    return db.engines["reads"]


def fetch_all(statement: Executable, parameters: Parameters = None, *, seconds: float | None = None) -> Sequence[Row[Any]]:
    """Return all rows of a statement: in the transaction of the request, or from the read engine outside one.

    Outside a transaction, raise StatementTimeout after ``seconds``."""
    if current_state().transaction is not None:
        return execute(statement, parameters).all()
    return retry(lambda: read_rows(statement, parameters, seconds))


def read_rows(statement: Executable, parameters: Parameters, seconds: float | None) -> Sequence[Row[Any]]:
    with read_engine().connect() as connection, statement_timeout(connection, seconds) if seconds else nullcontext():
        return connection.execute(statement, parameters).all()


def fetch_one(statement: Executable, parameters: Parameters = None) -> Row[Any] | None:
    """Return the first row of a statement, or None. Reads where :func:`fetch_all` does."""
    rows = fetch_all(statement, parameters)
    return rows[0] if rows else None


def execute(statement: Executable, parameters: Parameters = None) -> CursorResult[Any]:
    """Execute a statement in the transaction of the request. A list of parameters executes it once for each."""
    if isinstance(parameters, list) and len(parameters) == 1:
        parameters = parameters[0]  # For a single row, executemany() takes more round trips than execute().
    return current_transaction().connection.execute(statement, parameters)


def insert_row(table: Table, values: dict[str, Any]) -> int:
    return inserted_id(execute(insert(table), values))


def inserted_id(result: CursorResult[Any]) -> int:
    key: Any = result.inserted_primary_key
    return int(key[0])


def insert_rows(table: Table, rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows that have values for the same columns."""
    statement: Any = insert(table)
    if db.engine.dialect.name == "postgresql":
        # With RETURNING, SQLAlchemy sends one INSERT for all rows. psycopg's executemany() sends one for each.
        statement = statement.returning(*table.primary_key)
    if values := list(rows):
        execute(statement, values)


def insert_if_missing(table: Table, values: dict[str, Any]) -> None:
    """Insert a record, unless another one has its unique values."""
    prefix = {"sqlite": "OR IGNORE", "mysql": "IGNORE"}.get(db.engine.dialect.name)
    execute(insert(table).prefix_with(prefix) if prefix else postgresql.insert(table).on_conflict_do_nothing(), values)


@cache
def lock_statement(table: Table) -> Update:
    row = (table.c.id == bindparam("record_id")) & table.c.deleted_at.is_(None)
    return update(table).where(row).values(version=table.c.version + 1)


def lock_row(table: Table, record_id: int, **values: Any) -> None:
    """Lock a record until the transaction ends, by raising its version, and set ``values``.

    Raise NotFound if the record does not exist or is deleted."""
    # SQLAlchemy: names without a bind parameter become columns of SET.
    if not execute(lock_statement(table), {"record_id": record_id, **values}).rowcount:
        raise NotFound


def update_if_changed(table: Table, record_id: int, values: dict[str, Any]) -> None:
    """Set columns of a record, its ``updated_at`` and what a search finds it by, if one of the values is new."""
    row = fetch_one(table.select().where(table.c.id == record_id)) if values else None
    if row is not None and any(row._mapping[name] != value for name, value in values.items()):
        searched = search_value(table, dict(row._mapping) | values)
        execute(update(table).where(table.c.id == record_id).values(values | searched | {"updated_at": utcnow()}))
