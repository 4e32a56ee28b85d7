"""``flask --app run check``: whether the stock and its ledger are in order, read from the tables themselves.

The same rules hold after every test (``tests/invariants.py``): what must never break is written down once.
"""

from collections.abc import Sequence
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import Connection, Engine, Row, TextClause, text

from app.commands.ending import in_one_line, require_tables
from app.utils.database import reading

RULES = {
    "a quantity is not the sum of its movements": """
        SELECT i.id AS part, i.quantity, COALESCE(SUM(m.`change`), 0) AS movements FROM inventory i
        LEFT JOIN stock_movements m ON m.inventory_id = i.id
        GROUP BY i.id, i.quantity HAVING i.quantity <> COALESCE(SUM(m.`change`), 0)""",
    "a quantity is not the last balance": """
        SELECT i.id AS part, i.quantity, m.balance FROM inventory i JOIN stock_movements m ON m.inventory_id = i.id
        WHERE m.id = (SELECT MAX(id) FROM stock_movements WHERE inventory_id = i.id) AND m.balance <> i.quantity""",
    "a balance is not the one before it and the change": """
        SELECT m.inventory_id AS part, m.id AS movement, COALESCE(b.balance, 0) AS balance_before, m.`change`, m.balance
        FROM stock_movements m LEFT JOIN stock_movements b
        ON b.id = (SELECT MAX(id) FROM stock_movements WHERE inventory_id = m.inventory_id AND id < m.id)
        WHERE m.balance <> COALESCE(b.balance, 0) + m.`change`""",
    "a ticket's line is not the net of its movements": """
        SELECT ticket_id AS ticket, inventory_id AS part, SUM(held) AS on_ticket, SUM(net) AS movements FROM (
            SELECT ticket_id, inventory_id, quantity AS held, 0 AS net FROM ticket_parts
            UNION ALL SELECT ticket_id, inventory_id, 0, -`change` FROM stock_movements WHERE ticket_id IS NOT NULL) line
        GROUP BY ticket_id, inventory_id HAVING SUM(held) <> SUM(net)""",
    "something is negative, or a line is empty": """
        SELECT 'part' AS what, id, quantity FROM inventory WHERE quantity < 0
        UNION ALL SELECT 'movement', id, balance FROM stock_movements WHERE balance < 0
        UNION ALL SELECT 'line of ticket', ticket_id, quantity FROM ticket_parts WHERE quantity < 1""",
    "a deleted ticket holds parts": """
        SELECT t.id AS ticket, p.inventory_id AS part, p.quantity FROM service_tickets t
        JOIN ticket_parts p ON p.ticket_id = t.id WHERE t.deleted_at IS NOT NULL""",
    "a movement changes nothing": """
        SELECT inventory_id AS part, id AS movement FROM stock_movements WHERE `change` = 0""",
}
"""What is wrong → a statement that finds it. «change» is a word of MySQL's, so it stands quoted."""
COUNTS = "SELECT (SELECT COUNT(*) FROM inventory), (SELECT COUNT(*) FROM stock_movements)"


def statement(connection: Connection, sql: str) -> TextClause:
    return text(sql if connection.dialect.name == "mysql" else sql.replace("`", '"'))


def broken(connection: Connection, sql: str, most: int) -> Sequence[Row[Any]]:
    """The first rows that break a rule. A rule is one statement, so that it sees a shop at work at one moment."""
    return connection.execute(statement(connection, f"{sql} ORDER BY 1, 2")).fetchmany(most)


def faults(engine: Engine) -> list[str]:
    """What does not hold, each with the first rows that show it; none where all is well."""
    with engine.connect() as connection:
        found = {wrong: broken(connection, sql, 3) for wrong, sql in RULES.items()}
    return [f"{wrong}: {[tuple(row) for row in rows]}" for wrong, rows in found.items() if rows]


@click.command("check")
@click.option("--most", type=click.IntRange(1), default=100, show_default=True, help="Rows to show for each rule.")
@with_appcontext
def command(most: int) -> None:
    """Check the stock of the live database: nothing is changed, and the shop may be at work.

    Ends with 1 where a rule does not hold, and shows the rows that differ."""
    with in_one_line():
        require_tables()
        with reading().connect() as connection:
            found = {wrong: broken(connection, sql, most + 1) for wrong, sql in RULES.items()}
            parts, movements = connection.execute(text(COUNTS)).one()
    for wrong, rows in found.items():
        if rows:
            click.echo(f"{wrong}:")
        for row in rows[:most]:
            click.echo("  " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in row._mapping.items()))
        if len(rows) > most:
            click.echo("  … and more (--most shows them)")
    if count := sum(1 for rows in found.values() if rows):
        raise click.ClickException(f"{count} of {len(RULES)} rules of the stock do not hold.")
    click.echo(f"The stock is in order: {parts:,} parts and {movements:,} movements keep all {len(RULES)} rules.")
