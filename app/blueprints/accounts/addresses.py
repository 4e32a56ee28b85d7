"""The addresses from which an account signed in lately.

The limit of logins by account stops an attacker who guesses a password from many addresses. Without an exception, it
would also let that attacker keep the owner out: an address that signed in to the account lately is not counted.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import wraps
from typing import Any, cast

from flask import request
from sqlalchemy import Table, bindparam, delete, select, update

from app.models import customers, known_addresses, mechanics, utcnow
from app.utils.api.fields import trim
from app.utils.api.openapi import View
from app.utils.api.strict_json import loads
from app.utils.db.statements import execute, fetch_one, insert_if_missing, lock_row
from app.utils.db.transactions import transaction
from app.utils.errors import NotFound, Problem
from app.utils.limits.decorators import address, count_attempt, limit_attempts
from config import PLAIN_EMAIL

KNOWN_FOR, RENEWED_AFTER = timedelta(days=30), timedelta(days=1)
"""How long an address is known after a login, and how old an entry is when a login renews it."""
KINDS = {customers: "customer", mechanics: "mechanic"}
ACCOUNT_TIMES = 10
"""By account, LIMIT_LOGIN allows this many times as many logins as by address."""
THIS_ADDRESS = (
    (known_addresses.c.kind == bindparam("of_kind"))
    & (known_addresses.c.account_id == bindparam("of_account"))
    & (known_addresses.c.address == bindparam("from_address"))
)
SEEN_AT = select(known_addresses.c.seen_at).where(THIS_ADDRESS)
KNOWN = {
    table: select(known_addresses.c.id)
    .join(table, table.c.id == known_addresses.c.account_id)
    .where(known_addresses.c.kind == kind, table.c.email == bindparam("email"), table.c.deleted_at.is_(None))
    .where(known_addresses.c.address == bindparam("from_address"), known_addresses.c.seen_at > bindparam("since"))
    for table, kind in KINDS.items()
}


def limit_logins(table: Table) -> Callable[[View], View]:
    """Count every login by its address, and by its account unless the address is known there."""

    def decorate(view: View) -> View:
        @wraps(view)
        def log_in(*args: Any, **kwargs: Any) -> Any:
            email = login_email()
            if not is_known(table, email):
                # The key names the account, whether the account exists or not.
                count_attempt("LIMIT_LOGIN", f"{KINDS[table]}:{email!a}"[:300], times=ACCOUNT_TIMES)
            return view(*args, **kwargs)

        return limit_attempts("LIMIT_LOGIN")(cast("View", log_in))

    return decorate


def login_email() -> str:
    """Return the email that a login names, or an empty text if its body is invalid."""
    try:
        body = loads(request.get_data(cache=True))
    except Problem:
        return ""
    email = body.get("email") if isinstance(body, dict) else None
    return trim(email).lower() if isinstance(email, str) else ""


def plain_address() -> str:
    """Return the address of the request as the table stores it: a proxy may forward any text as an address."""
    return re.sub(r"[^0-9A-Za-z.:]", "", address())[:45]


def is_known(table: Table, email: str) -> bool:
    """Return whether the account with this email signed in from the address of the request lately."""
    if not PLAIN_EMAIL.fullmatch(email):
        return False
    since = utcnow() - KNOWN_FOR
    return fetch_one(KNOWN[table], {"email": email, "from_address": plain_address(), "since": since}) is not None


def remember_address(table: Table, account_id: int) -> None:
    """Note that an account has signed in from the address of the request."""
    this = {"of_kind": KINDS[table], "of_account": account_id, "from_address": plain_address()}
    seen = fetch_one(SEEN_AT, this)
    if seen is None or seen.seen_at < utcnow() - RENEWED_AFTER:
        with suppress(NotFound):  # The account has been deleted meanwhile, and its addresses erased.
            write_address(table, this)


@transaction
def write_address(table: Table, this: dict[str, Any]) -> None:
    lock_row(table, this["of_account"])
    values = {"kind": this["of_kind"], "account_id": this["of_account"], "address": this["from_address"]}
    insert_if_missing(known_addresses, values | {"seen_at": utcnow()})
    execute(update(known_addresses).where(THIS_ADDRESS).values(seen_at=utcnow()), this)


def forget_addresses(table: Table, account_id: int) -> None:
    """Erase the addresses of an account that is being deleted."""
    theirs = (known_addresses.c.kind == KINDS[table]) & (known_addresses.c.account_id == account_id)
    execute(delete(known_addresses).where(theirs))


@transaction
def purge() -> int:
    """Delete the addresses that are not known any more, and return how many."""
    return execute(delete(known_addresses).where(known_addresses.c.seen_at < utcnow() - KNOWN_FOR)).rowcount
