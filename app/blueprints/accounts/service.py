"""The accounts of customers and mechanics: an email, a password, and tokens that are revoked with them."""

from typing import Any

from sqlalchemy import Table, bindparam, select, update

from app.blueprints.accounts.addresses import HERE, count_login, forget_addresses, plain_address, remember_address
from app.blueprints.records import Taken
from app.models import ACCOUNT_KINDS, ROLES, customers, known_addresses, utcnow
from app.utils.api.idempotency import customer_reference, forget
from app.utils.api.openapi import BAD_CREDENTIALS
from app.utils.auth.passwords import hash_password, is_outdated, verify_password
from app.utils.auth.token_cache import clear_after_commit
from app.utils.auth.tokens import make_token
from app.utils.context import current_shop
from app.utils.db.statements import execute, fetch_one, insert_row, update_if_changed
from app.utils.db.transactions import transaction
from app.utils.errors import Unauthorized

ERASED: dict[str, Any] = {"email": None, "phone": None, "password_hash": None, "search": None}  # Of a deleted account.
DELETED_CUSTOMER = "Deleted customer"  # The name that replaces a deleted customer's.
CREDENTIALS = {
    table: select(table.c.id, table.c.name, role, table.c.password_hash, table.c.token_version, known_addresses.c.seen_at)
    .outerjoin_from(table, known_addresses, HERE[table])
    .where(table.c.email == bindparam("email"), table.c.deleted_at.is_(None))
    for table, role in ROLES.items()
}


class EmailTaken(Taken):
    """Another account of the same kind has this email."""

    code, field = "email_taken", "email"
    detail = "The email is taken."


def with_hash(given: dict[str, Any]) -> dict[str, Any]:
    """Return the columns for given fields, with the hash of the password. Takes 20 ms: call before lock_if_match()."""
    columns = {name: value for name, value in given.items() if name != "password"}
    if given.get("password") is not None:
        columns["password_hash"] = hash_password(given["password"])
    return columns


def add_account(table: Table, columns: dict[str, Any]) -> int:
    """Add an account and return its id. Raise EmailTaken."""
    with EmailTaken.unless_unique():
        return insert_row(table, columns)


def change_account(table: Table, account_id: int, columns: dict[str, Any]) -> None:
    """Change a locked account; a new password or role revokes its tokens. Raise EmailTaken."""
    row: Any = fetch_one(select(table).where(table.c.id == account_id))
    if "password_hash" in columns or ("role" in columns and columns["role"] != row.role):
        columns = columns | {"token_version": row.token_version + 1}
    with EmailTaken.unless_unique():
        update_if_changed(table, account_id, columns)
    clear_after_commit()


def remove_account(table: Table, account_id: int, **erased: Any) -> None:
    """Delete a locked account: revoke its tokens, erase its personal data, and free its email."""
    execute(update(table).where(table.c.id == account_id).values({"deleted_at": utcnow()} | ERASED | erased))
    reference = customer_reference(account_id) if table is customers else None
    forget(f"{ACCOUNT_KINDS[table]}:{account_id}", f"/{table.name}/{account_id}", reference)
    forget_addresses(table, account_id)
    clear_after_commit()


def log_in(table: Table, email: str, password: str) -> dict[str, Any]:
    """Return a token and how to use it (RFC 6750), or raise Unauthorized or TooManyRequests.

    Takes constant time, so that accounts can't be enumerated."""
    email = email.lower()
    account = fetch_one(CREDENTIALS[table], {"email": email, "from_address": plain_address()})
    count_login(table, email, account.seen_at if account else None)
    if not verify_password(password, account.password_hash if account else None) or account is None:
        raise Unauthorized(BAD_CREDENTIALS)
    if is_outdated(account.password_hash):
        renew_hash(table, account.id, account.password_hash, password)
    remember_address(table, account.id, account.seen_at)
    return {
        "status": "success",
        "message": "You are signed in.",
        "token": make_token(ACCOUNT_KINDS[table], account.id, account.token_version),
        "token_type": "Bearer",
        "expires_in": current_shop().config["TOKEN_MINUTES"] * 60,
        "id": account.id,
        "name": account.name,
        "role": account.role,
    }


@transaction
def renew_hash(table: Table, account_id: int, outdated: str, password: str) -> None:
    """Hash the password with today's parameters, unless the password was changed meanwhile."""
    same = (table.c.id == account_id) & (table.c.password_hash == outdated)
    execute(update(table).where(same).values(password_hash=hash_password(password)))
