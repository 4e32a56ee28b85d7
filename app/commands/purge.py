"""``flask --app run purge``: what need not be kept any longer, and what may not.

The shop erases personal data when a customer is deleted, and clears away expired keys now and then. This does both
thoroughly: for rows that came from elsewhere or were edited by hand, and for a shop that is hardly used.
"""

import click
from flask.cli import with_appcontext
from sqlalchemy import delete, or_, select, update

from app.commands.ending import in_one_line, require_tables
from app.models import customers
from app.models import idempotency_keys as keys
from app.utils import idempotency
from app.utils.accounts import DELETED_CUSTOMER, ERASED
from app.utils.database import execute, fetch, reading, transaction

GONE = customers.c.deleted_at.is_not(None)
LEFT = or_(customers.c.name != DELETED_CUSTOMER, *(customers.c[name].is_not(None) for name in ERASED))
OF_CUSTOMERS = select(keys.c.id, keys.c.caller, keys.c.location).where(
    or_(keys.c.caller.like("customer:%"), keys.c.location.like("/customers/%"))
)
AT_ONCE = 500


@transaction
def erase_people() -> int:
    """Erase what is left of deleted customers in their own rows; of how many."""
    return execute(update(customers).where(GONE, LEFT).values(ERASED | {"name": DELETED_CUSTOMER})).rowcount


def answers_about_the_deleted() -> list[int]:
    """The kept answers that show deleted customers, or that were given to them."""
    gone = {row.id for row in fetch(select(customers.c.id).where(GONE))}
    names = {f"customer:{each}" for each in gone} | {f"/customers/{each}" for each in gone}
    return [row.id for row in fetch(OF_CUSTOMERS) if names & {row.caller, row.location}]


@transaction
def drop_answers() -> int:
    """Drop these answers; how many."""
    ids = answers_about_the_deleted()
    parts = [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]
    return sum(execute(delete(keys).where(keys.c.id.in_(part))).rowcount for part in parts)


def drop_expired() -> int:
    """Drop the expired keys, some at a time, so that no request waits for long; how many."""
    total = 0
    while dropped := idempotency.purge():
        total += dropped
    return total


def overwrite() -> None:
    """SQLite keeps what was erased in its file until the space is used again: write the file anew."""
    with reading().connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("VACUUM")


@click.command("purge")
@with_appcontext
def command() -> None:
    """Clear away expired idempotency keys, and what is left of the personal data of deleted customers.

    The shop may be at work. What backups hold is left to those who keep them."""
    with in_one_line():
        require_tables()
        expired, people, answers = drop_expired(), erase_people(), drop_answers()
        if expired or people or answers:
            overwrite()
    click.echo(f"Expired idempotency keys cleared away: {expired:,}.")
    click.echo(f"Deleted customers of whom something was left: {people:,}; kept answers about them: {answers:,}.")
