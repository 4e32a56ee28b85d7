"""What customers and mechanics have in common: an account with an email, a password, and tokens that end with it."""

from typing import Any

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.exc import IntegrityError

from app.models import customers, mechanics, now
from app.utils.auth import account_changed, make_token
from app.utils.database import add, change, execute, fetch, fetch_one, transaction
from app.utils.errors import Conflict, Unauthorized
from app.utils.idempotency import forget
from app.utils.passwords import fits, hash_password, is_outdated

ERASED: dict[str, Any] = {"email": None, "phone": None, "password_hash": None}
"""What a deleted account holds no longer."""
DELETED_CUSTOMER = "Deleted customer"
"""The name that a deleted customer's tickets are under."""
KINDS = {customers: "customer", mechanics: "mechanic"}
CREDENTIALS = {
    table: select(table.c.id, table.c.password_hash, table.c.token_version).where(
        table.c.email == bindparam("email"), table.c.deleted_at.is_(None)
    )
    for table in KINDS
}


class EmailTaken(Conflict):
    detail = "The email is taken."

    def __init__(self) -> None:
        super().__init__(errors={"email": ["is taken"]})


def with_hash(given: dict[str, Any]) -> dict[str, Any]:
    """The columns for given fields: of a password only its hash is kept. Takes 20 ms: call it before a lock."""
    columns = {name: value for name, value in given.items() if name != "password"}
    if given.get("password") is not None:
        columns["password_hash"] = hash_password(given["password"])
    return columns


def create_account(table: Table, columns: dict[str, Any]) -> int:
    """Add an account and return its id; raise EmailTaken."""
    try:
        return add(table, columns)
    except IntegrityError:
        raise EmailTaken from None


def update_account(table: Table, account_id: int, columns: dict[str, Any]) -> None:
    """Change an account that is locked; a new password or role ends its tokens. Raise EmailTaken."""
    held = fetch(select(table).where(table.c.id == account_id))[0]
    if "password_hash" in columns or columns.get("role", getattr(held, "role", None)) != getattr(held, "role", None):
        columns = columns | {"token_version": held.token_version + 1}
    try:
        change(table, account_id, columns)
    except IntegrityError:
        raise EmailTaken from None
    account_changed()


def delete_account(table: Table, account_id: int, **erased: Any) -> None:
    """Delete an account that is locked: nobody can sign in with it, its tokens end, and its email is free again."""
    execute(update(table).where(table.c.id == account_id).values({"deleted_at": now()} | ERASED | erased))
    forget(f"/{table.name}/{account_id}")
    account_changed()


def log_in(table: Table, email: str, password: str) -> dict[str, Any]:
    """A token for who knows the password; else raise Unauthorized, whatever is wrong and after the same time."""
    account = fetch_one(CREDENTIALS[table], {"email": email.lower()})
    if not fits(password, account.password_hash if account else None) or account is None:
        raise Unauthorized("The email or the password is wrong.")
    if is_outdated(account.password_hash):
        renew_hash(table, account.id, account.password_hash, password)
    return make_token(KINDS[table], account.id, account.token_version)


@transaction
def renew_hash(table: Table, account_id: int, outdated: str, password: str) -> None:
    """Keep the password under today's parameters, unless it was changed meanwhile."""
    same = (table.c.id == account_id) & (table.c.password_hash == outdated)
    execute(update(table).where(same).values(password_hash=hash_password(password)))
