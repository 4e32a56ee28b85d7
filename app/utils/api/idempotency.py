"""Idempotency keys: a repeated request with the same ``Idempotency-Key`` gets the stored response of the first.

The key is claimed at the start of the transaction, and the response is stored in the same transaction: after a crash, both
exist or neither. Only successes are stored: an error rolls back its own key.
"""

import hmac
import random
import re
from datetime import timedelta
from functools import cache
from hashlib import blake2b
from typing import Any, ClassVar

from blinker import signal
from flask import Response
from sqlalchemy import Row, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import OperationalError

from app.extensions import db
from app.models import idempotency_keys as keys
from app.models import utcnow
from app.utils.context import current_request, secret_keys
from app.utils.db.statements import execute, fetch_all, fetch_one
from app.utils.db.transactions import after_commit, transaction
from app.utils.errors import Conflict, Invalid

RETENTION = timedelta(hours=24)
PURGE_BATCH = 500
PURGE_ODDS = 100  # One stored response in this many deletes expired keys: no scheduler is needed.
LOCK_NOT_AVAILABLE = {1205, 3572}  # MySQL and MariaDB: a row is locked, and NOWAIT was asked for.

COLUMNS = ("caller", "key", "fingerprint", "created_at")
CLAIM: dict[str, Any] = {
    "sqlite": insert(keys).prefix_with("OR IGNORE"),
    "mysql": insert(keys).prefix_with("IGNORE"),
    # The advisory lock is held until the transaction ends. If the lock is not available, the same key is in flight.
    "postgresql": postgresql.insert(keys)
    .from_select(COLUMNS, select(*map(bindparam, COLUMNS)).where(func.pg_try_advisory_xact_lock(bindparam("lock_id"))))
    .on_conflict_do_nothing(),
}
# Not "caller" and "key": SQLAlchemy reserves the column names of an UPDATE for SET.
CLAIMED = (keys.c.caller == bindparam("of_caller")) & (keys.c.key == bindparam("of_key"))
FIND = select(keys).where(CLAIMED)
STORE = update(keys).where(CLAIMED)
EXPIRED = select(keys.c.id).where(keys.c.created_at < bindparam("before")).limit(PURGE_BATCH)
replayed = signal("request-replayed")
"""Sent when a stored response is replayed: the process that did the work may have died before its after-commit callbacks."""


class InFlight(Conflict):
    """Another request with the same key has not ended."""

    code = "in_flight"
    detail = "A request with this Idempotency-Key is being answered; try again shortly."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}


def requested_key() -> str | None:
    """Return the key of the current request, or None. Raise Invalid."""
    key = current_request().headers.get("Idempotency-Key")
    if key is not None and not re.fullmatch(r"[\x20-\x7e]{1,255}", key):
        raise Invalid({"Idempotency-Key": "must have 1 to 255 printable ASCII characters"})
    return key


def fingerprint(secret: str) -> str:
    """Return an HMAC of method, path and body. A bare hash would not protect a password in the body."""
    request = current_request()
    method = "PUT" if request.method == "PATCH" else request.method  # PATCH is another name of it.
    parts = (method.encode(), request.path.rstrip("/").encode(), request.get_data(cache=True))
    return hmac.digest(fingerprint_key(secret), b"\n".join(parts), "sha256").hex()


@cache
def fingerprint_key(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"idempotency", "sha256")


def claim(caller: str, key: str) -> Response | None:
    """Claim a key for this transaction, or return the response that is stored under it.

    Raise InFlight if another transaction holds the key, or Invalid if its request was another."""
    digest, dialect = fingerprint(secret_keys()[0]), db.engine.dialect.name
    claimed = {"of_caller": caller, "of_key": key}
    row = find_without_waiting(claimed) if dialect == "mysql" else None
    if row is None:
        values = {"caller": caller, "key": key, "fingerprint": digest, "created_at": utcnow()}
        if dialect == "postgresql":
            values["lock_id"] = advisory_lock_id(caller, key)
        if execute(CLAIM[dialect].execution_options(preserve_rowcount=True), values).rowcount == 1:
            return None
        row = fetch_one(FIND, claimed)
        if row is None:
            raise InFlight
    stored = reclaim_if_expired(row, digest)
    if stored is None:
        return None
    after_commit(replayed.send)
    return replay(stored)


def advisory_lock_id(caller: str, key: str) -> int:
    """Return the 64-bit id of PostgreSQL's advisory lock for a key."""
    return int.from_bytes(blake2b(f"{caller}\n{key}".encode(), digest_size=8).digest(), signed=True)


def find_without_waiting(claimed: dict[str, str]) -> Row[Any] | None:
    """Return the row of a key on MySQL. Raise InFlight if the row is locked: an insert would wait for the lock."""
    try:
        return fetch_one(FIND.with_for_update(nowait=True), claimed)
    except OperationalError as error:
        if error.orig is not None and error.orig.args[0] in LOCK_NOT_AVAILABLE:
            raise InFlight from None
        raise


def reclaim_if_expired(row: Row[Any], digest: str) -> Row[Any] | None:
    """Return the row, or None if it had expired and now belongs to this transaction."""
    oldest = utcnow() - RETENTION
    if row.created_at >= oldest:
        return row
    expired = (keys.c.id == row.id) & (keys.c.created_at < oldest)
    reclaimed = execute(update(keys).where(expired).values(fingerprint=digest, created_at=utcnow(), status=None))
    return None if reclaimed.rowcount else fetch_one(select(keys).where(keys.c.id == row.id))


def replay(row: Row[Any]) -> Response:
    """Return a stored response. Raise Invalid if its request was another; the secret may have changed since."""
    if not any(hmac.compare_digest(row.fingerprint, fingerprint(secret)) for secret in secret_keys()):
        raise Invalid({"Idempotency-Key": "was used for another request"})
    response = Response(row.body, row.status, mimetype="application/json")
    if row.location:
        response.headers["Location"] = row.location
    response.headers["Idempotency-Replayed"] = "true"
    return response


def store(caller: str, key: str, response: Response) -> None:
    """Store the response of a claimed key, in the transaction of the claim."""
    values = {"status": response.status_code, "location": response.headers.get("Location"), "body": response.get_data()}
    execute(STORE, {"of_caller": caller, "of_key": key} | values)
    if random.random() * PURGE_ODDS < 1:  # noqa: S311 - the odds are no secret.
        after_commit(purge)


def customer_reference(customer_id: int) -> str:
    """Return the text by which a stored ticket names its customer: orjson writes no spaces, and other fields follow."""
    return f'"customer_id":{customer_id},'


def forget(caller: str, location: str, reference: str | None = None) -> int:
    """Delete the stored responses that were sent to an account whose data is erased, show its record, or hold
    ``reference``. Return how many."""
    found = (keys.c.caller == caller) | (keys.c.location == location)
    if reference and db.engine.dialect.name == "postgresql":
        found |= keys.c.body.bool_op("LIKE")(f"%{reference}%".encode())
    elif reference:
        found |= func.instr(keys.c.body, reference.encode()) > 0
    return execute(delete(keys).where(found)).rowcount


@transaction
def purge() -> int:
    """Delete a batch of expired keys, and return how many."""
    ids = [row.id for row in fetch_all(EXPIRED, {"before": utcnow() - RETENTION})]
    return execute(delete(keys).where(keys.c.id.in_(ids))).rowcount if ids else 0
