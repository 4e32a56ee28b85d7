"""The table of mechanics and admins."""

from sqlalchemy import BigInteger, CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Model
from app.models.base import EMAIL_UNTIL_DELETED, TABLE_OPTIONS, Account


class Mechanic(Account, Model):
    """A member of the staff."""

    __tablename__ = "mechanics"
    __table_args__ = (
        CheckConstraint(*EMAIL_UNTIL_DELETED),
        CheckConstraint("role IN ('mechanic', 'admin')", "role_known"),
        CheckConstraint("salary_cents >= 0", "salary_not_negative"),
        TABLE_OPTIONS,
    )
    role: Mapped[str] = mapped_column(String(10), default="mechanic")
    salary_cents: Mapped[int | None] = mapped_column(BigInteger)


mechanics = Mechanic.__table__
