"""The table of idempotency keys."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Model
from app.models.base import TABLE_OPTIONS, utcnow


class IdempotencyKey(Model):
    """A request that a client may repeat, and its response, written in the transaction of the request itself."""

    __tablename__ = "idempotency_keys"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    caller: Mapped[str] = mapped_column(String(80))
    key: Mapped[str] = mapped_column(String(255))
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    location: Mapped[str | None] = mapped_column(String(64))
    body: Mapped[bytes | None] = mapped_column(LargeBinary(2**24 - 1))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    __table_args__ = (UniqueConstraint("caller", "key"), Index("ix_idempotency_keys_age", "created_at"), TABLE_OPTIONS)


idempotency_keys = IdempotencyKey.__table__
