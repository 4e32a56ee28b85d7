"""The table of addresses from which an account signed in within the last 30 days."""

from datetime import datetime

from sqlalchemy import Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Model
from app.models.base import TABLE_OPTIONS, utcnow


class KnownAddress(Model):
    """An address that an account signed in from. ``kind`` is ``customer`` or ``mechanic``, as in a token."""

    __tablename__ = "known_addresses"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    account_id: Mapped[int]
    address: Mapped[str] = mapped_column(String(45))
    seen_at: Mapped[datetime] = mapped_column(default=utcnow)
    __table_args__ = (UniqueConstraint("kind", "account_id", "address"), TABLE_OPTIONS)


known_addresses = KnownAddress.__table__
