"""``flask --app run purge``: delete what has expired, and erase what is left of deleted customers.

The shop does both as it runs. This command also covers rows that were imported or edited by hand, and a shop that is
hardly used.
"""

import re
from typing import Any

import click
from sqlalchemy import Row, bindparam, delete, or_, select, update

from app.blueprints.accounts.addresses import purge as purge_addresses
from app.blueprints.accounts.service import DELETED_CUSTOMER, ERASED
from app.commands.errors import exit_with_message, require_tables
from app.extensions import db
from app.models import customers
from app.models import idempotency_keys as keys
from app.utils.api import idempotency
from app.utils.db.statements import execute, fetch_all, read_engine
from app.utils.db.transactions import transaction

DELETED = customers.c.deleted_at.is_not(None)
NOT_ERASED = or_(customers.c.name != DELETED_CUSTOMER, *(customers.c[name].is_not(None) for name in ERASED))
# Of tickets, a change of the parts has no location.
OF_TICKETS = or_(keys.c.location.like("/tickets/%"), keys.c.location.is_(None))
CUSTOMER_ANSWERS = select(keys.c.id, keys.c.caller, keys.c.location, keys.c.body).where(
    or_(keys.c.caller.like("customer:%"), keys.c.location.like("/customers/%"), OF_TICKETS)
)


@transaction
def erase() -> tuple[int, int]:
    """Erase the personal data in the rows of deleted customers, and delete the kept answers that show one or were sent to
    one. Return how many rows and answers."""
    people = execute(update(customers).where(DELETED, NOT_ERASED).values(ERASED | {"name": DELETED_CUSTOMER})).rowcount
    deleted = [row.id for row in fetch_all(select(customers.c.id).where(DELETED))]
    names = {f"{start}{each}" for start in ("customer:", "/customers/") for each in deleted}
    answers = [{"answer": row.id} for row in fetch_all(CUSTOMER_ANSWERS) if names & names_in(row)]
    if answers:
        execute(delete(keys).where(keys.c.id == bindparam("answer")), answers)
    return people, len(answers)


def names_in(answer: Row[Any]) -> set[str]:
    """Return the caller, the location and the ticket's customer of a kept answer."""
    customer = re.search(rb'"customer_id":(\d+),', answer.body or b"")
    return {answer.caller, answer.location or "", f"/customers/{int(customer[1])}" if customer else ""}


def purge() -> None:
    """Delete expired idempotency keys and addresses, and erase personal data of deleted customers.

    The shop may be running. Backups are not touched."""
    with exit_with_message():
        require_tables()
        # In batches, so that no request waits for long.
        expired, addresses = sum(iter(idempotency.purge, 0)), purge_addresses()
        people, answers = erase()
        if (expired or addresses or people or answers) and db.engine.dialect.name == "sqlite":
            with read_engine().connect() as connection:  # Erased data stays in the file until the space is used again.
                connection.exec_driver_sql("VACUUM")
    click.echo(f"Expired idempotency keys deleted: {expired:,}. Addresses of old logins deleted: {addresses:,}.")
    click.echo(f"Deleted customers whose data was erased: {people:,}; kept answers about them: {answers:,}.")
