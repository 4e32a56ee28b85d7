"""The invariants that hold after every test: the rules of ``flask --app run check``, and what a search finds records by."""

from sqlalchemy import select, text

from app.commands.check import RULES, find_broken
from app.models import customers, inventory, mechanics, search_value, service_tickets

__all__ = ["RULES", "broken_invariants", "statement"]
SEARCHED = (customers, mechanics, inventory, service_tickets)


def broken_invariants(engine):
    """Return the broken rules, each with its first rows."""
    broken = [f"{rule}: {[tuple(row) for row in rows]}" for rule, rows in find_broken(engine, 3).items()]
    return broken + [fault for table in SEARCHED for fault in unsearchable(engine, table)]


def unsearchable(engine, table):
    """Yield the records that a search would find by other texts than they show."""
    with engine.connect() as connection:
        rows = connection.execute(select(table)).all()
    for row in rows:
        if row.deleted_at is None and row.search != search_value(table, row._mapping)["search"]:
            yield f"{table.name} {row.id} is searched as {row.search!r}"
        if row.deleted_at is not None and "email" in table.c and row.search is not None:
            yield f"{table.name} {row.id} is deleted, and not its search"


def statement(connection, sql):
    """Return a statement whose quoted names (`change`) are written as the database wants them."""
    return text(sql if connection.dialect.name == "mysql" else sql.replace("`", '"'))
