"""The columns, limits and conventions that all tables share.

Money is stored in whole cents (``price_cents``), so that every database and every sum is exact. Times are UTC without a
zone, to the second. A record that a client deletes stays, with ``deleted_at`` set, because tickets and the stock ledger
refer to it; its unique columns (``email``, ``sku``) are then set to null and can be used again.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.search import search_column

MAX_COUNT = 2_147_483_647  # The largest count of a part, in stock or on a ticket.
MAX_CENTS = 9_999_999_999  # The largest price or salary, in cents.
MAX_ID = 2_147_483_647  # The largest id of a record: MySQL, MariaDB and PostgreSQL have integers of 32 bits.

# MySQL and MariaDB compare text byte by byte, as SQLite and PostgreSQL do.
EMAIL_UNTIL_DELETED = ("deleted_at IS NOT NULL OR email IS NOT NULL", "email_until_deleted")
TABLE_OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def utcnow() -> datetime:
    """Return the time as the tables store it: UTC, without a zone, to the second."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


class Record:
    """The columns of every table that clients see. A writer locks a row by raising its ``version``."""

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    version: Mapped[int] = mapped_column(default=1, sort_order=1)
    created_at: Mapped[datetime] = mapped_column(default=utcnow, sort_order=1)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, sort_order=1)
    deleted_at: Mapped[datetime | None] = mapped_column(sort_order=1)


class Account(Record):
    """An account that can sign in. Each token holds ``token_version``: raising it revokes all tokens."""

    name: Mapped[str] = mapped_column(String(255))
    email: Mapped[str | None] = mapped_column(String(255), unique=True)
    phone: Mapped[str | None] = mapped_column(String(20))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    token_version: Mapped[int] = mapped_column(default=1)
    search: Mapped[str | None] = search_column("name", "email", "phone")
