"""``flask --app run check``: check the invariants of the stock and its ledger, read from the tables.

The tests check the same invariants after every test.
"""

from collections.abc import Sequence
from typing import Any

import click
from sqlalchemy import Engine, Row, text

from app.commands.errors import exit_with_message, require_tables
from app.commands.words import counted
from app.utils.db.statements import fetch_one, read_engine

RULES = {
    "a quantity is not the sum of its movements": """
        SELECT i.id AS part, i.quantity, COALESCE(SUM(m.change), 0) AS movements FROM inventory i
        LEFT JOIN stock_movements m ON m.inventory_id = i.id
        GROUP BY i.id, i.quantity HAVING i.quantity <> COALESCE(SUM(m.change), 0)""",
    "a quantity is not the last balance": """
        SELECT i.id AS part, i.quantity, m.balance FROM inventory i JOIN stock_movements m ON m.inventory_id = i.id
        WHERE m.id = (SELECT MAX(id) FROM stock_movements WHERE inventory_id = i.id) AND m.balance <> i.quantity""",
    "a balance is not the one before it and the change": """
        SELECT m.inventory_id AS part, m.id AS movement, COALESCE(b.balance, 0) AS balance_before, m.change, m.balance
        FROM stock_movements m LEFT JOIN stock_movements b
        ON b.id = (SELECT MAX(id) FROM stock_movements WHERE inventory_id = m.inventory_id AND id < m.id)
        WHERE m.balance <> COALESCE(b.balance, 0) + m.change""",
    "a ticket's line is not the net of its movements": """
        SELECT ticket_id AS ticket, inventory_id AS part, SUM(held) AS on_ticket, SUM(net) AS movements FROM (
            SELECT ticket_id, inventory_id, quantity AS held, 0 AS net FROM ticket_parts
            UNION ALL SELECT ticket_id, inventory_id, 0, -m.change FROM stock_movements m WHERE ticket_id IS NOT NULL) line
        GROUP BY ticket_id, inventory_id HAVING SUM(held) <> SUM(net)""",
    "something is negative, or a line is empty": """
        SELECT 'part' AS what, id, quantity FROM inventory WHERE quantity < 0
        UNION ALL SELECT 'movement', id, balance FROM stock_movements WHERE balance < 0
        UNION ALL SELECT 'line of ticket', ticket_id, quantity FROM ticket_parts WHERE quantity < 1""",
    "a deleted ticket holds parts": """
        SELECT t.id AS ticket, p.inventory_id AS part, p.quantity FROM service_tickets t
        JOIN ticket_parts p ON p.ticket_id = t.id WHERE t.deleted_at IS NOT NULL""",
    "a movement changes nothing": """
        SELECT inventory_id AS part, id AS movement FROM stock_movements m WHERE m.change = 0""",
}
"""Broken rule → the statement that finds its rows. ``change`` is a reserved word of MySQL, except after ``m.``"""
COUNTS = "SELECT (SELECT COUNT(*) FROM inventory) AS parts, (SELECT COUNT(*) FROM stock_movements) AS movements"


def find_broken(engine: Engine, limit: int) -> dict[str, Sequence[Row[Any]]]:
    """Return the broken rules, each with its first rows. A rule is one statement, so that it sees one moment of a busy shop."""
    with engine.connect() as connection:
        found = {rule: connection.execute(text(f"{sql} ORDER BY 1, 2")).fetchmany(limit) for rule, sql in RULES.items()}
    return {rule: rows for rule, rows in found.items() if rows}


@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Rows to show for each rule.")
def check(limit: int) -> None:
    """Check the stock of the live database: nothing is changed, and the shop may be at work.

    Exits with 1 if a rule is broken, and shows its rows."""
    with exit_with_message():
        require_tables()
        broken = find_broken(read_engine(), limit + 1)
        counts: Any = fetch_one(text(COUNTS))
    for rule, rows in broken.items():
        click.echo(f"{rule}:")
        for row in rows[:limit]:
            click.echo("  " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in row._mapping.items()))
        if len(rows) > limit:
            click.echo("  … and more (--limit shows them)")
    if broken:
        raise click.ClickException(f"{len(broken)} of {len(RULES)} rules of the stock do not hold.")
    records = f"{counted(counts.parts, 'part')} and {counted(counts.movements, 'movement')}"
    click.echo(f"The stock is in order: {records} keep all {len(RULES)} rules.")
