"""Retries: a request that is repeated with its ``Idempotency-Key`` gets its first answer again, and is done once.

The key is claimed first thing in the transaction of the work, and the answer is kept with it in that transaction:
whatever dies, there is both or neither. Only successes are kept, since a refusal rolls its own key back.
"""

import hmac
import random
import re
from collections.abc import Callable
from datetime import timedelta
from functools import cache, wraps
from hashlib import blake2b
from typing import Any, TypeVar

from blinker import signal
from flask import Response
from sqlalchemy import BindParameter, Row, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import OperationalError

from app.models import idempotency_keys as keys
from app.models import now
from app.utils.auth import signing_keys
from app.utils.database import after_commit, execute, fetch, fetch_one, transaction
from app.utils.errors import Conflict, Invalid
from app.utils.extensions import db
from app.utils.lean import app_itself, g_itself, request_itself
from app.utils.prepared import Prepared

View = TypeVar("View", bound=Callable[..., Any])
KEPT = timedelta(hours=24)
PURGED_AT_ONCE = 500
PURGE_ODDS = 100
"""One in so many kept answers clears away what has expired: no scheduler is needed."""
NOT_NOW = {1205, 3572}
"""MySQL and MariaDB: a row is locked, and NOWAIT was asked for."""

CLAIM: dict[str, BindParameter[Any]] = {
    "caller": bindparam("caller"),
    "key": bindparam("claimed"),
    "fingerprint": bindparam("mark"),
    "created_at": bindparam("moment"),
}
INSERT: dict[str, Any] = {
    "sqlite": insert(keys).values(CLAIM).prefix_with("OR IGNORE"),
    "mysql": insert(keys).values(CLAIM).prefix_with("IGNORE"),
    # The lock is held until the transaction ends: who does not get it is the twin of one that is in flight.
    "postgresql": postgresql.insert(keys)
    .from_select(list(CLAIM), select(*CLAIM.values()).where(func.pg_try_advisory_xact_lock(bindparam("number"))))
    .on_conflict_do_nothing(),
}
INSERT = {dialect: Prepared(statement) for dialect, statement in INSERT.items()}
FOUND = select(keys).where(keys.c.caller == bindparam("caller"), keys.c.key == bindparam("claimed"))
FIND, FIND_UNLOCKED = Prepared(FOUND), Prepared(FOUND.with_for_update(nowait=True))
KEEP = Prepared(
    update(keys)
    .where(keys.c.caller == bindparam("of_caller"), keys.c.key == bindparam("claimed"))
    .values(status=bindparam("answered"), location=bindparam("where"), body=bindparam("answer"))
)
EXPIRED = select(keys.c.id).where(keys.c.created_at < bindparam("before")).limit(PURGED_AT_ONCE)


replayed = signal("request-replayed")
"""Sent before a first answer is given again: whoever did the work may have been killed before it told of it."""


class InFlight(Conflict):
    detail = "A request with this Idempotency-Key is being answered; try again shortly."

    def __init__(self) -> None:
        super().__init__(retry_after=1)


class KeyReused(Invalid):
    def __init__(self) -> None:
        super().__init__({"Idempotency-Key": "was used for another request"})


def idempotent(view: View) -> View:
    """Let a view be repeated with a key; put it right inside :func:`transaction`."""

    @wraps(view)
    def kept(*args: Any, **kwargs: Any) -> Any:
        key, who = request_itself().headers.get("Idempotency-Key"), g_itself().limit_key
        if key is None:
            return view(*args, **kwargs)
        if not re.fullmatch(r"[\x20-\x7e]{1,255}", key):
            raise Invalid({"Idempotency-Key": "must have 1 to 255 printable ASCII characters"})
        first = claim(who, key, fingerprint(app_itself().config["SECRET_KEY"]))
        if first is not None:
            after_commit(replayed.send)
            return replay(first)
        response: Response = view(*args, **kwargs)
        answer = {"answered": response.status_code, "where": response.headers.get("Location"), "answer": response.get_data()}
        execute(KEEP, {"of_caller": who, "claimed": key} | answer)
        if random.random() * PURGE_ODDS < 1:  # noqa: S311 - nobody gains by knowing when.
            after_commit(purge)
        return response

    kept.is_idempotent = True  # type: ignore[attr-defined]
    kept._apidoc = {**getattr(kept, "_apidoc", {}), "idempotent": True}  # type: ignore[attr-defined]
    return kept  # type: ignore[return-value]


def fingerprint(key: str) -> str:
    """What makes two requests the same, as a hash under a secret of the shop: a body may hold a password."""
    asked = request_itself()
    said = b"\n".join((asked.method.encode(), asked.path.rstrip("/").encode(), asked.get_data(cache=True)))
    return hmac.digest(secret_of(key), said, "sha256").hex()


@cache
def secret_of(key: str) -> bytes:
    """The secret under which the requests of this shop are hashed, made of one of its own."""
    return hmac.digest(key.encode(), b"idempotency", "sha256")


def claim(caller: str, key: str, mark: str) -> Row[Any] | None:
    """Claim a key for this transaction; else the row of who had it first. Raise InFlight while they work."""
    claimed = {"caller": caller, "claimed": key}
    dialect = db.engine.dialect.name
    if dialect == "mysql" and (first := find_unlocked(claimed)) is not None:
        return renewed(first, mark)
    values = claimed | {"mark": mark, "moment": now()}
    if dialect == "postgresql":
        values["number"] = number_of(caller, key)
    if execute(INSERT[dialect], values).rowcount == 1:
        return None
    first = fetch_one(FIND, claimed)
    if first is None:
        raise InFlight
    return renewed(first, mark)


def number_of(caller: str, key: str) -> int:
    """The 64-bit number of PostgreSQL's advisory lock for a key."""
    return int.from_bytes(blake2b(f"{caller}\n{key}".encode(), digest_size=8).digest(), signed=True)


def find_unlocked(claimed: dict[str, str]) -> Row[Any] | None:
    """The row of a key on MySQL, where an insert would wait for who writes it now; raise InFlight instead."""
    try:
        return fetch_one(FIND_UNLOCKED, claimed)
    except OperationalError as error:
        if error.orig is not None and error.orig.args[0] in NOT_NOW:
            raise InFlight from None
        raise


def renewed(first: Row[Any], mark: str) -> Row[Any] | None:
    """The row, or none where it had expired and is ours now."""
    expired = (keys.c.id == first.id) & (keys.c.created_at < now() - KEPT)
    if first.created_at >= now() - KEPT:
        return first
    ours = execute(update(keys).where(expired).values(fingerprint=mark, created_at=now(), status=None))
    return None if ours.rowcount else fetch(select(keys).where(keys.c.id == first.id))[0]


def replay(first: Row[Any]) -> Response:
    """The first answer again; raise KeyReused where the request is another. The secret may have been changed since."""
    if not any(hmac.compare_digest(first.fingerprint, fingerprint(key)) for key in signing_keys()):
        raise KeyReused
    response = Response(first.body, first.status, mimetype="application/json")
    if first.location:
        response.headers["Location"] = first.location
    response.headers["Idempotency-Replayed"] = "true"
    return response


def forget(location: str) -> None:
    """Drop kept answers that show a record whose personal data is being erased."""
    execute(delete(keys).where(keys.c.location == location))


@transaction
def purge() -> int:
    """Clear away some of what has expired; how many."""
    ids = [row.id for row in fetch(EXPIRED, {"before": now() - KEPT})]
    return execute(delete(keys).where(keys.c.id.in_(ids))).rowcount if ids else 0
