"""The tables of the shop, and the rules that belong to a row.

Money is kept in whole hundredths (``price_cents``), so that every database and every sum is exact. Times are UTC
without a zone, to the second. A record that a client deletes stays, with ``deleted_at`` set, since tickets and the
stock ledger refer to it; what must be unique (``email``, ``sku``) is then set to null, and so is free again.
"""

from datetime import UTC, date, datetime
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.utils.extensions import Model, db

MAX_COUNT = 2_147_483_647
"""The largest count of a part, in stock or on a ticket."""
MAX_CENTS = 9_999_999_999
"""The largest price or salary, in hundredths."""
MAX_ID = 2_147_483_647

# Text is compared byte by byte on MySQL and MariaDB too, as SQLite and PostgreSQL do.
UTF8: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def now() -> datetime:
    """The time as the tables keep it: UTC, without a zone, to the second."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


class Record:
    """What every table that clients see has in common. ``version`` is what a writer locks a row by."""

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    version: Mapped[int] = mapped_column(default=1, sort_order=1)
    created_at: Mapped[datetime] = mapped_column(default=now, sort_order=1)
    updated_at: Mapped[datetime] = mapped_column(default=now, sort_order=1)
    deleted_at: Mapped[datetime | None] = mapped_column(sort_order=1)


class Account(Record):
    """Someone who can sign in. ``token_version`` is in every token, so that raising it ends them all."""

    name: Mapped[str] = mapped_column(String(255))
    email: Mapped[str | None] = mapped_column(String(255), unique=True)
    phone: Mapped[str | None] = mapped_column(String(20))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    token_version: Mapped[int] = mapped_column(default=1)


class Customer(Account, Model):
    __tablename__ = "customers"
    __table_args__ = (CheckConstraint("deleted_at IS NOT NULL OR email IS NOT NULL", "email_until_deleted"), UTF8)


class Mechanic(Account, Model):
    __tablename__ = "mechanics"
    __table_args__ = (
        CheckConstraint("deleted_at IS NOT NULL OR email IS NOT NULL", "email_until_deleted"),
        CheckConstraint("role IN ('mechanic', 'admin')", "role_known"),
        CheckConstraint("salary_cents >= 0", "salary_not_negative"),
        UTF8,
    )
    role: Mapped[str] = mapped_column(String(10), default="mechanic")
    salary_cents: Mapped[int | None] = mapped_column(BigInteger)


class Inventory(Record, Model):
    """A part, and how many of it are in stock. Only ``stock.py`` changes ``quantity``."""

    __tablename__ = "inventory"
    __table_args__ = (
        CheckConstraint("quantity >= 0", "quantity_not_negative"),
        CheckConstraint("price_cents >= 0", "price_not_negative"),
        UTF8,
    )
    name: Mapped[str] = mapped_column(String(255))
    sku: Mapped[str | None] = mapped_column(String(64), unique=True)
    price_cents: Mapped[int] = mapped_column(BigInteger)
    quantity: Mapped[int] = mapped_column(default=0)


class ServiceTicket(Record, Model):
    __tablename__ = "service_tickets"
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    service_date: Mapped[date]
    description: Mapped[str] = mapped_column(String(2000))
    vin: Mapped[str] = mapped_column(String(50))
    # Lists are newest first, by service date and then by id: each index is read backwards. The first is unique, as an id
    # is, so that a foreign key can refer to both.
    __table_args__ = (
        Index("ix_service_tickets_newest", "service_date", "id", unique=True),
        Index("ix_service_tickets_customer", "customer_id", "service_date", "id"),
        Index("ix_service_tickets_vin", "vin", "service_date", "id"),
        UTF8,
    )


# The date is the ticket's, so that a mechanic's tickets are found newest first; the foreign key keeps it so.
ticket_mechanics = Table(
    "ticket_mechanics",
    db.metadata,
    Column("ticket_id", Integer, primary_key=True),
    Column("mechanic_id", ForeignKey("mechanics.id"), primary_key=True),
    Column("service_date", Date, nullable=False),
    ForeignKeyConstraint(
        ["service_date", "ticket_id"], ["service_tickets.service_date", "service_tickets.id"], onupdate="CASCADE"
    ),
    Index("ix_ticket_mechanics_newest", "mechanic_id", "service_date", "ticket_id"),
    **UTF8,
)


class TicketPart(Model):
    """A line of a ticket: how many of a part it holds, at the price of the moment it first went on."""

    __tablename__ = "ticket_parts"
    ticket_id: Mapped[int] = mapped_column(ForeignKey("service_tickets.id"), primary_key=True)
    inventory_id: Mapped[int] = mapped_column(ForeignKey("inventory.id"), primary_key=True)
    quantity: Mapped[int]
    unit_price_cents: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (
        CheckConstraint("quantity > 0", "quantity_positive"),
        Index("ix_ticket_parts_part", "inventory_id"),
        UTF8,
    )


class StockMovement(Model):
    """A line of the stock ledger. The quantity of a part is the sum of its changes, and its last balance."""

    __tablename__ = "stock_movements"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    inventory_id: Mapped[int] = mapped_column(ForeignKey("inventory.id"))
    change: Mapped[int]
    balance: Mapped[int]
    reason: Mapped[str] = mapped_column(String(10))
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("service_tickets.id"))
    mechanic_id: Mapped[int | None] = mapped_column(ForeignKey("mechanics.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (
        CheckConstraint("balance >= 0", "balance_not_negative"),
        CheckConstraint("reason IN ('received', 'counted', 'used', 'returned')", "reason_known"),
        Index("ix_stock_movements_part", "inventory_id", "id"),
        Index("ix_stock_movements_ticket", "ticket_id"),
        UTF8,
    )


class IdempotencyKey(Model):
    """A request that a client may repeat, and the answer that it got. The row is written in the transaction of the
    work itself, so that there is never one without the other."""

    __tablename__ = "idempotency_keys"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    caller: Mapped[str] = mapped_column(String(80))
    key: Mapped[str] = mapped_column(String(255))
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    location: Mapped[str | None] = mapped_column(String(64))
    body: Mapped[bytes | None] = mapped_column(LargeBinary(2**24 - 1))
    created_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (
        UniqueConstraint("caller", "key"),
        Index("ix_idempotency_keys_age", "created_at"),
        UTF8,
    )


def table_of(model: type[Model]) -> Table:
    """The table of a model, for statements that need no objects."""
    return cast("Table", model.__table__)


customers = table_of(Customer)
mechanics = table_of(Mechanic)
inventory = table_of(Inventory)
service_tickets = table_of(ServiceTicket)
ticket_parts = table_of(TicketPart)
stock_movements = table_of(StockMovement)
idempotency_keys = table_of(IdempotencyKey)
