"""Statements about several rows: each is made once for each of few sizes, so that it is compiled once, and prepared once
by a driver that does. What SQLAlchemy makes of a list it makes anew each time."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Integer,
    Row,
    Table,
    Update,
    bindparam,
    case,
    insert,
    literal_column,
    select,
    union_all,
    update,
)

from app.utils.database import fetch
from app.utils.deferred import Deferred, defer
from app.utils.extensions import db
from app.utils.prepared import Prepared, Statement

AT_ONCE = 100
"""Rows that one update adds to: SQLite reads no condition of a thousand parts."""
INSERTED_AT_ONCE = 10
"""Rows that one insert adds; there is a statement for each smaller number of them, too."""


# ---------------------------------------------------------------- about some ids
def some_ids(size: int) -> list[BindParameter[int]]:
    """The parameters of a statement about so many ids; what is about some ids gives them their values."""
    return [bindparam(f"id_{number}", type_=Integer) for number in range(size)]


def room_for(count: int) -> int:
    """How many ids a statement has room for that is to be about so many. There are few sizes."""
    step = 1 if count <= 10 else 10 if count <= 100 else 100
    return -(-count // step) * step


def about(ids: Sequence[int]) -> tuple[int, dict[str, int]]:
    """For how many ids there must be room, and the parameters for these. The last one fills the room that is left: that it
    stands there twice finds nothing twice."""
    size = room_for(len(ids))
    return size, {f"id_{number}": ids[min(number, len(ids) - 1)] for number in range(size)}


def fetch_about(statement: Callable[[int], Statement], ids: Sequence[int], **parameters: Any) -> Sequence[Row[Any]]:
    """All rows of what ``statement`` makes for so many ids; none where there is no id."""
    if not ids:
        return ()
    size, values = about(ids)
    return fetch(statement(size), parameters | values)


def defer_about(
    statement: Callable[[int], Prepared], ids: Sequence[int], refusal: Callable[[], Exception], **parameters: Any
) -> None:
    """Run what ``statement`` makes for so many ids, if there is one; deferred. The refusal is of any that it does not meet."""
    if ids:
        size, values = about(ids)
        defer(Deferred(statement(size), parameters | values, len(ids), refusal))


# ---------------------------------------------------------------- of some rows
@cache
def inserting(table: Table, names: tuple[str, ...], common: tuple[str, ...], count: int) -> Prepared:
    """An insert of so many rows, with values for these columns, which are the same in all rows for the ``common`` ones; none
    of the others has a default of Python's."""
    shared = [bindparam(name, type_=table.c[name].type) for name in common]
    rows = [select(*(bindparam(f"{name}_{row}", type_=table.c[name].type) for name in names), *shared) for row in range(count)]
    values = union_all(*rows) if count > 1 else rows[0]
    return Prepared(insert(table).from_select([*names, *common], values, include_defaults=False))


def add_rows(table: Table, rows: list[dict[str, Any]], **common: Any) -> None:
    """Insert rows, each with values for the same columns, and with those that are ``common`` to all; deferred.

    MySQL and MariaDB get them as a list: for an insert of a SELECT they lock the counter of a table's ids until it is done,
    and one that waits for a foreign key would stop all others."""
    if rows and db.engine.dialect.name == "mysql":
        defer(Deferred(insert(table), [row | common for row in rows]))
        return
    for some in (rows[start : start + INSERTED_AT_ONCE] for start in range(0, len(rows), INSERTED_AT_ONCE)):
        values = {f"{name}_{number}": value for number, row in enumerate(some) for name, value in row.items()}
        defer(Deferred(inserting(table, tuple(some[0]), tuple(common), len(some)), values | common))


def adding(column: ColumnElement[int], key: ColumnElement[int], low: int, high: int, count: int) -> Update:
    """An update that adds to a column of so many rows, each named by its key, where that leaves from ``low`` to ``high``;
    :func:`add_to_each` runs it. It is one round trip, where one for each row would take psycopg three."""
    rows = [bindparam(f"row_{number}", type_=Integer) for number in range(count)]
    added = case(*((key == row, bindparam(f"by_{number}", type_=BigInteger)) for number, row in enumerate(rows)))
    allowed = (column + added).between(literal_column(str(low)), literal_column(str(high)))
    return update(column.table).where(key.in_(rows), allowed).values({column: column + added})


def add_to_each(
    statement: Callable[[int], Prepared], by: Mapping[int, int], refusal: Callable[[], Exception], **values: Any
) -> None:
    """Run the update that ``statement`` makes by :func:`adding` for so many rows, with what is added to each; deferred. The
    refusal is of rows that are not there, or would not stay within their bounds."""
    pairs = list(by.items())
    for some in (pairs[start : start + AT_ONCE] for start in range(0, len(pairs), AT_ONCE)):
        rows = {f"row_{number}": row for number, (row, _) in enumerate(some)}
        added = {f"by_{number}": difference for number, (_, difference) in enumerate(some)}
        defer(Deferred(statement(len(some)), rows | added | values, len(some), refusal))
