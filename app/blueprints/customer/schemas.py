"""Customers on the wire."""

from marshmallow import fields

from app.blueprints.accounts.schemas import EMAIL_EXAMPLE
from app.blueprints.records import Subset
from app.extensions import ma
from app.models import Customer
from app.utils.api.fields import Email, Password, Phone, Text
from app.utils.api.input import InputSchema
from app.utils.api.output import OutputSchema, Timestamp

NAME_EXAMPLE, PHONE_EXAMPLE = {"example": "Ann Driver"}, {"example": "555-0100"}


class CustomerIn(InputSchema):
    """A new customer."""

    name = Text(255, required=True, metadata=NAME_EXAMPLE)
    email = Email(required=True)
    password = Password(required=True)
    phone = Phone(allow_none=True, load_default=None)


class CustomerOut(OutputSchema, ma.SQLAlchemySchema):
    """A customer, without the password and its hash."""

    class Meta:
        model = Customer

    id = ma.auto_field()
    name = ma.auto_field(metadata=NAME_EXAMPLE)
    email = ma.auto_field(allow_none=False, metadata=EMAIL_EXAMPLE)
    phone = ma.auto_field(metadata=PHONE_EXAMPLE)
    created_at = Timestamp()


class CustomerAccountOut(CustomerOut):
    """A customer's own record, and their role."""

    role = fields.Constant("customer", metadata={"type": "string", "enum": ["customer"], "example": "customer"})


class CustomerChange(Subset, CustomerIn):
    """Any subset of a customer's fields; other fields stay."""

    shown = CustomerAccountOut()
