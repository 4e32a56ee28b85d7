"""Changes that nobody waits for: made by the time that anything else is asked in their transaction or refused by it, or by
its commit, and on PostgreSQL in few round trips (``docs/decisions/19``)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from app.utils.lean import g_itself
from app.utils.prepared import joined, run

JOINED_AT_MOST = 45
"""Parameters of changes that are sent as one statement. Of a text that has more than 50 of them, or 4,096 bytes, psycopg does
not keep what it made of it."""


@dataclass(slots=True)
class Deferred:
    """A statement that changes rows, and what is raised where it meets another number of them than it should. An insert
    meets what it inserts; on MySQL it may be one that has a list of rows."""

    statement: Any
    parameters: Any
    rows: int = 0
    refusal: Callable[[], Exception] | None = None

    def require(self, met: int) -> None:
        if self.refusal and met != self.rows:
            raise self.refusal()


def defer(change: Deferred) -> None:
    """Make a change in the transaction of this request, but later; its refusal is raised then."""
    g_itself().transaction.deferred.append(change)


def make_deferred() -> None:
    """Make now what is deferred."""
    g_itself().transaction.make_deferred()


def make(changes: list[Deferred], connection: Connection) -> None:
    """Make changes in their order, each group of them as one statement; raise the refusal of the first that is refused."""
    for group in grouped(changes) if connection.dialect.name == "postgresql" else [[change] for change in changes]:
        if len(group) == 1:
            met = [run(connection, group[0].statement, group[0].parameters).rowcount]
        else:
            parts = tuple([change.statement.compiled_for(connection.dialect) for change in group])
            met = joined(parts).run(connection, [change.parameters for change in group]).rows[0]
        for change, count in zip(group, met, strict=True):
            change.require(count)


def grouped(changes: list[Deferred]) -> Iterator[list[Deferred]]:
    """The changes in groups that can be one statement of PostgreSQL. Each of a group is of another table: which of two in the
    same one came first would be open."""
    group: list[Deferred] = []
    for change in changes:
        size = sum(len(each.parameters) for each in [*group, change])
        again = any(change.statement.table is each.statement.table for each in group)
        if group and (again or size > JOINED_AT_MOST):
            yield group
            group = []
        group.append(change)
    yield group
