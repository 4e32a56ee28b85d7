"""The tables for SQLAlchemy, shared by the peers that use it (fastapi, litestar, flask_idiomatic)."""
from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import Column, DateTime, ForeignKey, Numeric, String, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry, relationship


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class Base(DeclarativeBase):
    registry = registry(type_annotation_map={datetime: DateTime(timezone=True), Decimal: Numeric(10, 2)})


class Record(Base):
    """The columns shared by every table of the API."""

    __abstract__ = True
    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    deleted_at: Mapped[datetime | None]


ticket_mechanics = Table(
    "ticket_mechanics",
    Base.metadata,
    Column("ticket_id", ForeignKey("service_tickets.id"), primary_key=True),
    Column("mechanic_id", ForeignKey("mechanics.id"), primary_key=True),
)


class Customer(Record):
    __tablename__ = "customers"
    name: Mapped[str] = mapped_column(String(255))
    email: Mapped[str] = mapped_column(String(255), unique=True)
    phone: Mapped[str | None] = mapped_column(String(20))
    password_hash: Mapped[str] = mapped_column(String(255))


class Mechanic(Record):
    __tablename__ = "mechanics"
    name: Mapped[str] = mapped_column(String(255))
    email: Mapped[str] = mapped_column(String(255), unique=True)
    phone: Mapped[str] = mapped_column(String(20))
    salary: Mapped[Decimal]
    role: Mapped[str] = mapped_column(String(10), default="mechanic")
    password_hash: Mapped[str | None] = mapped_column(String(255))


class Inventory(Record):
    __tablename__ = "inventory"
    name: Mapped[str] = mapped_column(String(255))
    sku: Mapped[str | None] = mapped_column(String(64), unique=True)
    price: Mapped[Decimal]
    quantity: Mapped[int] = mapped_column(default=0)


class TicketPart(Base):
    __tablename__ = "ticket_parts"
    ticket_id: Mapped[int] = mapped_column(ForeignKey("service_tickets.id"), primary_key=True)
    inventory_id: Mapped[int] = mapped_column(ForeignKey("inventory.id"), primary_key=True)
    quantity: Mapped[int]
    unit_price: Mapped[Decimal]
    inventory: Mapped[Inventory] = relationship()

    @property
    def name(self) -> str:
        return self.inventory.name

    @property
    def total(self) -> Decimal:
        return self.unit_price * self.quantity


class Ticket(Record):
    __tablename__ = "service_tickets"
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    service_date: Mapped[date]
    description: Mapped[str] = mapped_column(String(2000))
    vin: Mapped[str] = mapped_column(String(50))
    mechanics: Mapped[list[Mechanic]] = relationship(secondary=ticket_mechanics, order_by=Mechanic.id)
    parts: Mapped[list[TicketPart]] = relationship(cascade="all, delete-orphan", order_by=TicketPart.inventory_id)

    @property
    def parts_total(self) -> Decimal:
        return sum((part.total for part in self.parts), Decimal(0))


class StockMovement(Base):
    __tablename__ = "stock_movements"
    id: Mapped[int] = mapped_column(primary_key=True)
    inventory_id: Mapped[int] = mapped_column(ForeignKey("inventory.id"))
    change: Mapped[int]
    balance: Mapped[int]
    reason: Mapped[str] = mapped_column(String(10))
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("service_tickets.id"))
    actor: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(default=now)
    ticket: Mapped[Ticket | None] = relationship()
