"""Transactions: the one place that begins, retries and commits."""

import logging
import random
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from blinker import signal
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from app.extensions import db
from app.utils.context import current_state
from app.utils.db.engines import error_code
from app.utils.errors import Unavailable

log = logging.getLogger(__name__)
MAX_ATTEMPTS = 30
"""A backstop for DEADLINE: with three Galera nodes that sell the same parts, every second attempt meets a conflict."""
MAX_LOST_CONNECTIONS = 3
"""The lost connections that a transaction survives: with a database that shuts down, more attempts are of no use."""
DEADLINE = 10.0  # Seconds after which nothing is retried.
PAUSE, MAX_PAUSE = 0.02, 0.5
"""The longest pause before the second attempt, in seconds, doubled with each attempt up to MAX_PAUSE."""
CONFLICT_CODES: set[object] = {
    "40001",  # PostgreSQL: serialization failure.
    "40P01",  # PostgreSQL: deadlock.
    "55P03",  # PostgreSQL: lock timeout.
    1213,  # MySQL: deadlock, also with a transaction of another Galera node.
    1205,  # MySQL: lock wait timeout.
    1020,  # MariaDB: record changed since it was read.
    ("sqlite", 5),  # SQLITE_BUSY.
    ("sqlite", 6),  # SQLITE_LOCKED.
}
JITTER = random.SystemRandom()
T = TypeVar("T")
retried = signal("transaction-retried")  # Sent when a transaction or a read is retried.


class CommitUnknown(Exception):
    """The connection was lost during the commit: only the database knows whether the commit happened."""


class Transaction:
    """The connection of a transaction, opened with the first statement, and the callbacks of its commit."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self.after_commit_callbacks: list[Callable[[], object]] = []

    @property
    def connection(self) -> Connection:
        if self._connection is None:
            self._connection = db.engine.connect()
            self._connection.begin()
        return self._connection

    def commit(self) -> None:
        """Commit. Raise CommitUnknown if the connection is lost meanwhile."""
        if self._connection is not None:
            try:
                self._connection.commit()
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise CommitUnknown from error
                raise

    def run_after_commit(self) -> None:
        """Run the callbacks. An error in one is logged: the commit has happened."""
        for callback in dict.fromkeys(self.after_commit_callbacks):
            try:
                callback()
            except Exception:
                log.exception("A callback after a commit failed")

    def close(self) -> None:
        """Roll back what is not committed, and return the connection to the pool."""
        if self._connection is not None:
            try:
                self._connection.rollback()
            finally:
                self._connection.close()


def run_in_transaction(work: Callable[[], T], *, repeatable: bool = False) -> T:
    """Run ``work`` in a transaction: returning commits, raising rolls back.

    The whole of ``work`` is retried for up to ten seconds if the database reports a conflict with another transaction
    (deadlock, lock timeout, serialization failure), or if the connection is lost before the commit. If the connection is
    lost during the commit, ``work`` is retried only if it is ``repeatable``: it notices that its commit has happened.
    Raise Unavailable after that; nothing is changed then."""
    return retry(lambda: run_once(work), repeatable=repeatable)


def transaction(function: Callable[..., T]) -> Callable[..., T]:
    """Decorate a function that is not a view: run it in a transaction of its own. Transactions do not nest."""

    @wraps(function)
    def in_transaction(*args: Any, **kwargs: Any) -> T:
        return run_in_transaction(lambda: function(*args, **kwargs))

    return in_transaction


def retry(work: Callable[[], T], *, repeatable: bool = False) -> T:
    """Run ``work``, and again while only conflicts or lost connections prevent it. Raise Unavailable if that takes long."""
    started, lost_connections = time.monotonic(), 0
    for attempt in range(MAX_ATTEMPTS):
        try:
            return work()
        except CommitUnknown:
            if not repeatable:
                raise Unavailable("The database was lost while it wrote; look whether the change is there.") from None
            lost_connections += 1
        except DBAPIError as error:
            if not error.connection_invalidated and error_code(error.orig) not in CONFLICT_CODES:
                raise
            lost_connections += error.connection_invalidated
        if lost_connections >= MAX_LOST_CONNECTIONS or time.monotonic() - started > DEADLINE:
            break
        retried.send()
        time.sleep(JITTER.uniform(0, min(PAUSE * 2**attempt, MAX_PAUSE)))
    raise Unavailable


def run_once(work: Callable[[], T]) -> T:
    state = current_state()
    if state.transaction is not None:
        raise RuntimeError("Transactions do not nest")
    state.transaction = opened = Transaction()
    try:
        try:
            result = work()
            opened.commit()
        finally:
            state.transaction = None
            opened.close()
    except CommitUnknown:  # The commit may have happened, and the next attempt may only find that out.
        opened.run_after_commit()
        raise
    opened.run_after_commit()
    return result


def current_transaction() -> Transaction:
    """Return the transaction that is open. Raise RuntimeError outside of one: nothing writes without a transaction."""
    found = current_state().transaction
    if found is None:
        raise RuntimeError("There is no transaction")
    return found


def after_commit(callback: Callable[[], object]) -> None:
    """Call ``callback`` once after the commit of this transaction, and never if it rolls back."""
    current_transaction().after_commit_callbacks.append(callback)
