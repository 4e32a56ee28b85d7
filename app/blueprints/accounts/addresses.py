"""The addresses from which an account signed in within the last 30 days.

The limit of logins by account stops an attacker who guesses a password from many addresses. Without an exception, it
would also let that attacker keep the owner out: a login from a known address of the account is not counted.
"""

import re
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import Table, bindparam, delete, update

from app.models import ACCOUNT_KINDS, known_addresses, utcnow
from app.utils.db.statements import execute, insert_if_missing, lock_row
from app.utils.db.transactions import transaction
from app.utils.errors import NotFound
from app.utils.limits.decorators import address, count_attempt

KNOWN_FOR, RENEWED_AFTER = timedelta(days=30), timedelta(days=1)
"""The time that an address is known after a login, and the age at which a login renews its entry."""
ACCOUNT_TIMES = 10  # By account, LIMIT_LOGIN allows this many times as many logins as by address.
HERE = {
    table: (known_addresses.c.kind == kind)
    & (known_addresses.c.account_id == table.c.id)
    & (known_addresses.c.address == bindparam("from_address"))
    for table, kind in ACCOUNT_KINDS.items()
}
"""The conditions that join an account with its entry for the address of the request."""


def plain_address() -> str:
    """Return the address of the request as the table stores it: a proxy may forward any text as an address."""
    return re.sub(r"[^0-9A-Za-z.:]", "", address())[:45]


def count_login(table: Table, email: str, seen_at: datetime | None) -> None:
    """Count a login by its account, which need not exist, unless the address was seen within 30 days. Raise TooManyRequests."""
    if seen_at is None or seen_at <= utcnow() - KNOWN_FOR:
        count_attempt("LIMIT_LOGIN", f"{ACCOUNT_KINDS[table]}:{email}", times=ACCOUNT_TIMES)


def remember_address(table: Table, account_id: int, seen_at: datetime | None) -> None:
    """Store that an account has signed in from the address of the request, last seen at ``seen_at``."""
    if seen_at is None or seen_at < utcnow() - RENEWED_AFTER:
        with suppress(NotFound):  # The account has been deleted meanwhile, and its addresses erased.
            write_address(table, account_id)


@transaction
def write_address(table: Table, account_id: int) -> None:
    lock_row(table, account_id)
    entry = {"kind": ACCOUNT_KINDS[table], "account_id": account_id, "address": plain_address()}
    insert_if_missing(known_addresses, entry | {"seen_at": utcnow()})
    execute(update(known_addresses).filter_by(**entry).values(seen_at=utcnow()))


def forget_addresses(table: Table, account_id: int) -> None:
    """Erase the addresses of an account that is being deleted."""
    execute(delete(known_addresses).filter_by(kind=ACCOUNT_KINDS[table], account_id=account_id))


@transaction
def purge() -> int:
    """Delete the addresses that are not known any more, and return how many."""
    return execute(delete(known_addresses).where(known_addresses.c.seen_at < utcnow() - KNOWN_FOR)).rowcount
