"""The table of customers."""

from sqlalchemy import CheckConstraint

from app.extensions import Model
from app.models.base import TABLE_OPTIONS, Account


class Customer(Account, Model):
    __tablename__ = "customers"
    __table_args__ = (CheckConstraint("deleted_at IS NOT NULL OR email IS NOT NULL", "email_until_deleted"), TABLE_OPTIONS)


customers = Customer.__table__
