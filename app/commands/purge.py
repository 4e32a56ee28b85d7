"""``flask --app run purge``: delete what has expired, and erase what is left of deleted customers.

The shop does both as it runs. This command also covers rows that were imported or edited by hand, and a shop that is
hardly used.
"""

import click
from flask.cli import with_appcontext
from sqlalchemy import bindparam, delete, or_, select, update

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
CUSTOMER_ANSWERS = select(keys.c.id, keys.c.caller, keys.c.location).where(
    or_(keys.c.caller.like("customer:%"), keys.c.location.like("/customers/%"))
)


@transaction
def erase_customers() -> int:
    """Erase the personal data in the rows of deleted customers, and return the number of rows."""
    return execute(update(customers).where(DELETED, NOT_ERASED).values(ERASED | {"name": DELETED_CUSTOMER})).rowcount


@transaction
def delete_answers() -> int:
    """Delete the kept answers that show a deleted customer, or were sent to one, and return how many."""
    deleted = [row.id for row in fetch_all(select(customers.c.id).where(DELETED))]
    names = {f"{start}{each}" for start in ("customer:", "/customers/") for each in deleted}
    ids = [{"answer": row.id} for row in fetch_all(CUSTOMER_ANSWERS) if names & {row.caller, row.location}]
    if ids:
        execute(delete(keys).where(keys.c.id == bindparam("answer")), ids)
    return len(ids)


@click.command("purge")
@with_appcontext
def command() -> None:
    """Delete expired idempotency keys and addresses, and erase personal data of deleted customers.

    The shop may be running. Backups are not touched."""
    with exit_with_message():
        require_tables()
        # In batches, so that no request waits for long.
        expired, addresses = sum(iter(idempotency.purge, 0)), purge_addresses()
        people, answers = erase_customers(), delete_answers()
        if (expired or addresses or people or answers) and db.engine.dialect.name == "sqlite":
            with read_engine().connect() as connection:  # Erased data stays in the file until the space is used again.
                connection.exec_driver_sql("VACUUM")
    click.echo(f"Expired idempotency keys deleted: {expired:,}. Addresses of old logins deleted: {addresses:,}.")
    click.echo(f"Deleted customers whose data was erased: {people:,}; kept answers about them: {answers:,}.")
