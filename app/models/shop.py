"""The table of the shop itself: a single row, inserted by its first change."""

from sqlalchemy import BigInteger, CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Model
from app.models.base import TABLE_OPTIONS, Record


class Shop(Record, Model):
    """The settings of the shop. Percentages are stored in ten-thousandths of a percent."""

    __tablename__ = "shop"
    __table_args__ = (CheckConstraint("id = 1", "single_row"), TABLE_OPTIONS)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, sort_order=-1)
    name: Mapped[str] = mapped_column(String(255), default="My Mechanic Shop")
    address: Mapped[str | None] = mapped_column(String(500))
    country: Mapped[str | None] = mapped_column(String(2))
    email: Mapped[str | None] = mapped_column(String(255))
    phone: Mapped[str | None] = mapped_column(String(20))
    tax_number: Mapped[str | None] = mapped_column(String(50))
    registration: Mapped[str | None] = mapped_column(String(50))
    currency: Mapped[str] = mapped_column(String(3), default="USD")
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")
    labor_rate_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    prices_include_tax: Mapped[bool] = mapped_column(default=False)
    supplies_percent: Mapped[int | None]
    supplies_minimum_cents: Mapped[int | None] = mapped_column(BigInteger)
    supplies_maximum_cents: Mapped[int | None] = mapped_column(BigInteger)
    estimate_days: Mapped[int] = mapped_column(default=30)
    tolerance_percent: Mapped[int | None]
    tolerance_amount_cents: Mapped[int | None] = mapped_column(BigInteger)
    tolerance_rule: Mapped[str] = mapped_column(String(10), default="lesser")
    tolerance_maximum_cents: Mapped[int | None] = mapped_column(BigInteger)
    payment_days: Mapped[int] = mapped_column(default=0)
    invoice_prefix: Mapped[str] = mapped_column(String(10), default="INV-")
    credit_note_prefix: Mapped[str] = mapped_column(String(10), default="CN-")
    document_footer: Mapped[str | None] = mapped_column(String(1000))


shop = Shop.__table__
