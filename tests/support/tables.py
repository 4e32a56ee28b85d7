"""The rows of the tables, to compare what a request left behind."""

from typing import Any

from sqlalchemy import Engine, select

from app.extensions import db
from app.models import inventory, stock_movements, ticket_parts

TABLES = tuple(reversed(db.metadata.sorted_tables))
"""Every table of the models, referring tables first, so that their rows can be deleted in this order."""


class Left:
    """The rows of the tables."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return all rows of all tables, to compare them before and after a request."""
        with self.engine.connect() as connection:
            return {table.name: sorted(map(tuple, connection.execute(select(table))), key=repr) for table in TABLES}

    def row(self, table: Any, record_id: int) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(select(table).where(table.c.id == record_id)).one()

    def stock_of(self, part: Any) -> int:
        return int(self.row(inventory, part.id).quantity)

    def movements_of(self, part: Any) -> list[tuple[str, int]]:
        """Return the ledger of a part, oldest first: (reason, change)."""
        ledger = select(stock_movements).where(stock_movements.c.inventory_id == part.id).order_by(stock_movements.c.id)
        with self.engine.connect() as connection:
            return [(row.reason, row.change) for row in connection.execute(ledger)]

    def lines_of(self, ticket: Any) -> dict[int, int]:
        """Return the parts on a ticket: part id → quantity."""
        with self.engine.connect() as connection:
            lines = connection.execute(select(ticket_parts).where(ticket_parts.c.ticket_id == ticket.id))
            return {line.inventory_id: line.quantity for line in lines}
