"""The table of mechanics and admins."""

from sqlalchemy import BigInteger, CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Model
from app.models.base import TABLE_OPTIONS, Account


class Mechanic(Account, Model):
    __tablename__ = "mechanics"
    __table_args__ = (
        CheckConstraint("deleted_at IS NOT NULL OR email IS NOT NULL", "email_until_deleted"),
        CheckConstraint("role IN ('mechanic', 'admin')", "role_known"),
        CheckConstraint("salary_cents >= 0", "salary_not_negative"),
        TABLE_OPTIONS,
    )
    role: Mapped[str] = mapped_column(String(10), default="mechanic")
    salary_cents: Mapped[int | None] = mapped_column(BigInteger)


mechanics = Mechanic.__table__
