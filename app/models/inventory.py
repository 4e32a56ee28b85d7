"""The tables of parts and of the stock ledger."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Model
from app.models.base import TABLE_OPTIONS, Record, utcnow
from app.models.search import search_column


class Inventory(Record, Model):
    """A part and its quantity in stock. Only ``inventory/stock.py`` changes ``quantity``."""

    __tablename__ = "inventory"
    __table_args__ = (
        CheckConstraint("quantity >= 0", "quantity_not_negative"),
        CheckConstraint("price_cents >= 0", "price_not_negative"),
        TABLE_OPTIONS,
    )
    name: Mapped[str] = mapped_column(String(255))
    sku: Mapped[str | None] = mapped_column(String(64), unique=True)
    price_cents: Mapped[int] = mapped_column(BigInteger)
    quantity: Mapped[int] = mapped_column(default=0)
    search: Mapped[str | None] = search_column("name", "sku")


class StockMovement(Model):
    """A line of the stock ledger. The quantity of a part is the sum of its changes, and its last balance."""

    __tablename__ = "stock_movements"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    inventory_id: Mapped[int] = mapped_column(ForeignKey("inventory.id"))
    change: Mapped[int]
    balance: Mapped[int]
    reason: Mapped[str] = mapped_column(String(10))
    note: Mapped[str | None] = mapped_column(String(500))
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("service_tickets.id"))
    mechanic_id: Mapped[int | None] = mapped_column(ForeignKey("mechanics.id"))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    __table_args__ = (
        CheckConstraint("balance >= 0", "balance_not_negative"),
        CheckConstraint("reason IN ('received', 'counted', 'used', 'returned', 'scrapped', 'lost', 'found')", "reason_known"),
        Index("ix_stock_movements_part", "inventory_id", "id"),
        Index("ix_stock_movements_ticket", "ticket_id"),
        TABLE_OPTIONS,
    )


inventory = Inventory.__table__
stock_movements = StockMovement.__table__
