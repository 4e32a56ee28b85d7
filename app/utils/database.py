"""Transactions and statements: the one place that begins, retries and commits."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cache, wraps
from typing import Any, TypeVar

from blinker import signal
from flask import request
from sqlalchemy import (
    Connection,
    CursorResult,
    Engine,
    Row,
    Table,
    and_,
    bindparam,
    insert,
    update,
)
from sqlalchemy.exc import DBAPIError

from app.models import now
from app.utils.bounded import at_most
from app.utils.deferred import Deferred, make
from app.utils.engines import code_of
from app.utils.errors import NotFound, Problem, Unavailable
from app.utils.extensions import db
from app.utils.lean import g_itself
from app.utils.prepared import Outcome, Prepared, Statement, run

log = logging.getLogger(__name__)
ATTEMPTS = 30
"""How often a transaction is begun at the most. Where three Galera nodes sell the same three parts, every second attempt
meets another node's transaction; it is the deadline that should end them, not a streak of bad luck."""
CONNECTIONS = 3
"""How many connections it may lose: a database that is going down is soon given up."""
DEADLINE = 10.0
"""Seconds after which nothing is tried again."""
PAUSE, LONGEST_PAUSE = 0.02, 0.5
"""Seconds before the second attempt, at the most; it doubles with each further one."""
CONFLICTS: set[object] = {
    "40001",  # PostgreSQL: serialization failure.
    "40P01",  # PostgreSQL: deadlock.
    "55P03",  # PostgreSQL: lock wait.
    1213,  # MySQL: deadlock, also with a transaction of another Galera node.
    1205,  # MySQL: lock wait.
    1020,  # MariaDB: record changed since it was read.
    ("sqlite", 5),  # SQLITE_BUSY.
    ("sqlite", 6),  # SQLITE_LOCKED.
}
JITTER = random.SystemRandom()
T = TypeVar("T")
retried = signal("transaction-retried")
"""Sent when a transaction or a read is tried again."""


# ---------------------------------------------------------------- transactions
class CommitUnknown(Exception):
    """The connection was lost in the middle of a commit: only the database knows whether it happened."""


def transaction(view: Callable[..., T]) -> Callable[..., T]:
    """Make a view one transaction: returning commits, raising rolls back.

    It is tried again as a whole, for up to ten seconds, where the database says that it met another (a deadlock, a lock
    wait, a serialization failure) or the connection was lost before its commit. After that it is answered 503, and
    nothing has changed."""

    @wraps(view)
    def in_transaction(*args: Any, **kwargs: Any) -> T:
        repeatable = hasattr(view, "is_idempotent") and "Idempotency-Key" in request.headers
        return attempted(lambda: once(lambda: view(*args, **kwargs)), even_if_committed=repeatable)

    return in_transaction


def attempted(work: Callable[[], T], *, even_if_committed: bool = False) -> T:
    """Do the work, and do it again while only others are in its way; raise Unavailable when that takes too long.

    ``even_if_committed``: it may be done again although its commit may have happened, since it would notice."""
    started, lost = time.monotonic(), 0
    for attempt in range(ATTEMPTS):
        try:
            return work()
        except CommitUnknown:
            if not even_if_committed:
                raise Unavailable("The database was lost while it wrote; look whether the change is there.") from None
            lost += 1
        except DBAPIError as error:
            if not met_another(error):
                raise
            lost += error.connection_invalidated
        if lost >= CONNECTIONS or time.monotonic() - started > DEADLINE:
            break
        retried.send()
        time.sleep(JITTER.uniform(0, min(PAUSE * 2**attempt, LONGEST_PAUSE)))
    raise Unavailable


class Transaction:
    """What a request does in one transaction: its connection, from the first statement on, what is deferred, and who waits
    for the commit."""

    def __init__(self) -> None:
        self.opened: Connection | None = None
        self.deferred: list[Deferred] = []
        self.waiting: list[Callable[[], object]] = []

    @property
    def connection(self) -> Connection:
        """The connection, when what was deferred is done."""
        if self.opened is None:
            self.opened = db.engine.connect()
            self.opened.begin()
        self.make_deferred()
        return self.opened

    def make_deferred(self) -> None:
        """Make now what is deferred; raise the refusal of the first that is refused."""
        if self.deferred:
            changes, self.deferred = self.deferred, []
            make(changes, self.connection)

    def commit(self) -> None:
        self.make_deferred()
        if self.opened is not None:
            try:
                self.opened.commit()
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise CommitUnknown from error
                raise

    def tell(self) -> None:
        """Tell those who wait for the commit; what is committed stays committed, whatever fails to hear of it."""
        for tell in dict.fromkeys(self.waiting):
            try:
                tell()
            except Exception:
                log.exception("Something after a commit failed")

    def end(self) -> None:
        """Roll back what is not committed, also where the commit itself failed, and give the connection back."""
        if self.opened is not None:
            try:
                self.opened.rollback()
            finally:
                self.opened.close()


def once(work: Callable[[], T]) -> T:
    """Do the work in one transaction, and tell those who wait for its commit. What it has deferred is made by the commit, or
    before a refusal that the work itself comes to: what was asked for first is refused first."""
    known = g_itself()
    known.transaction = this = Transaction()
    try:
        try:
            result = work()
            this.commit()
        except Problem:
            this.make_deferred()
            raise
        finally:
            del known.transaction
            this.end()
    except CommitUnknown:  # It may have happened, and the next attempt may only find that it did.
        this.tell()
        raise
    this.tell()
    return result


def met_another(error: DBAPIError) -> bool:
    """Whether a statement failed only because another transaction was in its way, or its connection was lost."""
    return error.connection_invalidated or code_of(error.orig) in CONFLICTS


def after_commit(tell: Callable[[], object]) -> None:
    """Call ``tell`` once this transaction is committed, and never if it is not."""
    g_itself().transaction.waiting.append(tell)


# ---------------------------------------------------------------- statements
def fetch(statement: Statement, parameters: Any = None, *, seconds: float | None = None) -> Sequence[Row[Any]]:
    """All rows of a statement: read in the transaction of this request, or from the reading engine outside one, there in so
    many seconds at the most; raise TooLong."""
    if "transaction" in g_itself():
        return execute(statement, parameters).all()
    return attempted(lambda: read(statement, parameters, seconds))


def read(statement: Statement, parameters: Any, seconds: float | None) -> Sequence[Row[Any]]:
    with reading().connect() as connection, nullcontext() if seconds is None else at_most(connection, seconds):
        return run(connection, statement, parameters).all()


def fetch_one(statement: Statement, parameters: Any = None) -> Row[Any] | None:
    """The first row of a statement, or none; from where :func:`fetch` reads."""
    rows = fetch(statement, parameters)
    return rows[0] if rows else None


def execute(statement: Statement, parameters: Any = None) -> CursorResult[Any] | Outcome:
    """Run a statement in the transaction of this request. A list of parameters runs it once for each."""
    if isinstance(parameters, list) and len(parameters) == 1:
        parameters = parameters[0]  # Drivers take a way of their own for many, which is longer for one.
    return run(g_itself().transaction.connection, statement, parameters)


def reading() -> Engine:
    return db.engines["reads"]


@cache
def inserting_one(table: Table, names: tuple[str, ...]) -> Prepared:
    return Prepared(insert(table).values({name: bindparam(name) for name in names}))


def add(table: Table, values: dict[str, Any]) -> int:
    """Insert a record and return its id."""
    return add_with(inserting_one(table, tuple(values)), values)


def add_with(statement: Prepared, values: dict[str, Any]) -> int:
    """Insert a record by a statement of its own, and return its id."""
    return statement.run(g_itself().transaction.connection, values).inserted_id or 0


@cache
def locking(table: Table, names: tuple[str, ...]) -> Prepared:
    """The update that locks a record, and sets columns of these names with it."""
    this = and_(table.c.id == bindparam("record_id"), table.c.deleted_at.is_(None))
    changes: dict[str, Any] = {name: bindparam(name) for name in names}
    return Prepared(update(table).where(this).values(version=table.c.version + 1, **changes))


def lock(table: Table, record_id: int, **values: Any) -> None:
    """Lock a record that is not deleted until the transaction ends, by raising its version; raise NotFound.
    ``values`` are set with it."""
    if not execute(locking(table, tuple(values)), {"record_id": record_id, **values}).rowcount:
        raise NotFound


def change(table: Table, record_id: int, values: dict[str, Any]) -> None:
    """Set columns of a record and the time of its change; nothing where the values are what it holds already."""
    columns = [table.c[name] for name in values]
    held = fetch_one(table.select().with_only_columns(*columns).where(table.c.id == record_id)) if values else None
    if held is None or tuple(held) == tuple(values.values()):
        return
    execute(update(table).where(table.c.id == record_id).values(values | {"updated_at": now()}))
