"""``flask --app run purge``: delete what has expired, and erase what is left of deleted customers.

The shop does both as it runs. This command also covers rows that were imported or edited by hand, and a shop that is
hardly used.
"""

import click
from sqlalchemy import or_, select, update

from app.blueprints.accounts.addresses import purge as purge_addresses
from app.blueprints.accounts.service import DELETED_CUSTOMER, ERASED
from app.commands.errors import exit_with_message, require_tables
from app.extensions import db
from app.models import customers
from app.utils.api import idempotency
from app.utils.api.idempotency import customer_reference, forget
from app.utils.db.statements import execute, fetch_all, read_engine
from app.utils.db.transactions import transaction

DELETED = customers.c.deleted_at.is_not(None)
NOT_ERASED = or_(customers.c.name != DELETED_CUSTOMER, *(customers.c[name].is_not(None) for name in ERASED))


@transaction
def erase_rows() -> int:
    """Erase the personal data in the rows of deleted customers, and return how many."""
    return execute(update(customers).where(DELETED, NOT_ERASED).values(ERASED | {"name": DELETED_CUSTOMER})).rowcount


@transaction
def forget_customer(customer_id: int) -> int:
    """Delete the stored responses that show a deleted customer or were sent to one, and return how many."""
    return forget(f"customer:{customer_id}", f"/customers/{customer_id}", customer_reference(customer_id))


def purge() -> None:
    """Delete expired idempotency keys and addresses, and erase personal data of deleted customers.

    The shop may be running. Backups are not touched."""
    with exit_with_message():
        require_tables()
        # In batches, so that no request waits for long.
        expired, addresses = sum(iter(idempotency.purge, 0)), purge_addresses()
        people = erase_rows()
        responses = sum(forget_customer(row.id) for row in fetch_all(select(customers.c.id).where(DELETED)))
        if (expired or addresses or people or responses) and db.engine.dialect.name == "sqlite":
            with read_engine().connect() as connection:  # Erased data stays in the file until the space is used again.
                connection.exec_driver_sql("VACUUM")
    click.echo(f"Expired idempotency keys deleted: {expired:,}. Addresses of old logins deleted: {addresses:,}.")
    click.echo(f"Deleted customers whose data was erased: {people:,}; stored responses about them deleted: {responses:,}.")
