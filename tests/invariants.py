"""What must hold after every test, race and crash, read from the tables themselves."""

from typing import Any

from sqlalchemy import Connection, Engine, text

RULES = {
    "a quantity is not the sum of its movements": """
        SELECT i.id, i.quantity, COALESCE(SUM(m.`change`), 0) FROM inventory i
        LEFT JOIN stock_movements m ON m.inventory_id = i.id
        GROUP BY i.id, i.quantity HAVING i.quantity <> COALESCE(SUM(m.`change`), 0)""",
    "a quantity is not the last balance": """
        SELECT i.id, i.quantity, m.balance FROM inventory i JOIN stock_movements m ON m.inventory_id = i.id
        WHERE m.id = (SELECT MAX(id) FROM stock_movements WHERE inventory_id = i.id) AND m.balance <> i.quantity""",
    "a balance is not the one before it and the change": """
        SELECT m.id, m.balance, m.`change` FROM stock_movements m LEFT JOIN stock_movements b
        ON b.id = (SELECT MAX(id) FROM stock_movements WHERE inventory_id = m.inventory_id AND id < m.id)
        WHERE m.balance <> COALESCE(b.balance, 0) + m.`change`""",
    "a ticket's line is not the net of its movements": """
        SELECT ticket_id, inventory_id, SUM(held), SUM(net) FROM (
            SELECT ticket_id, inventory_id, quantity AS held, 0 AS net FROM ticket_parts
            UNION ALL SELECT ticket_id, inventory_id, 0, -`change` FROM stock_movements WHERE ticket_id IS NOT NULL) line
        GROUP BY ticket_id, inventory_id HAVING SUM(held) <> SUM(net)""",
    "something is negative, or a line is empty": """
        SELECT id FROM inventory WHERE quantity < 0 UNION ALL SELECT id FROM stock_movements WHERE balance < 0
        UNION ALL SELECT ticket_id FROM ticket_parts WHERE quantity < 1""",
    "a deleted ticket holds parts": """
        SELECT t.id FROM service_tickets t JOIN ticket_parts p ON p.ticket_id = t.id WHERE t.deleted_at IS NOT NULL""",
    "a movement changes nothing": "SELECT id FROM stock_movements WHERE `change` = 0",
}
"""What is wrong → a statement that finds it. «change» is a word of MySQL's, so it stands quoted."""


def statement(connection: Connection, sql: str) -> Any:
    return text(sql if connection.dialect.name == "mysql" else sql.replace("`", '"'))


def faults(engine: Engine) -> list[str]:
    """What does not hold, each with the first rows that show it; none where all is well."""
    found = []
    with engine.connect() as connection:
        for wrong, sql in RULES.items():
            if rows := connection.execute(statement(connection, sql)).fetchmany(3):
                found.append(f"{wrong}: {[tuple(row) for row in rows]}")
    return found
