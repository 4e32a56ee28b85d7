"""The table of customers."""

from sqlalchemy import CheckConstraint

from app.extensions import Model
from app.models.base import EMAIL_UNTIL_DELETED, TABLE_OPTIONS, Account


class Customer(Account, Model):
    """The owner of a car."""

    __tablename__ = "customers"
    __table_args__ = (CheckConstraint(*EMAIL_UNTIL_DELETED), TABLE_OPTIONS)


customers = Customer.__table__
