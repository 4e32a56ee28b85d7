"""What a customer looks like on the wire, coming in and going out."""

from marshmallow import Schema, fields

from app.models import Customer
from app.utils.extensions import ma
from app.utils.fields import Email, Password, Phone, Text
from app.utils.shown import Shown, Timestamp


class CustomerIn(Schema):
    """A new customer."""

    name = Text(255, required=True, metadata={"example": "Ann Driver"})
    email = Email(required=True)
    password = Password(required=True)
    phone = Phone(allow_none=True, load_default=None)


class CustomerChange(Schema):
    """Any subset of a customer's fields; what is left out stays."""

    name = Text(255, metadata={"example": "Ann Driver"})
    email = Email()
    password = Password()
    phone = Phone(allow_none=True)


class CustomerOut(Shown, ma.SQLAlchemySchema):
    """A customer. The password and its hash are never shown."""

    class Meta:
        model = Customer

    id = ma.auto_field()
    name = ma.auto_field()
    email = ma.auto_field(allow_none=False)
    phone = ma.auto_field()
    created_at = Timestamp()


class LoginIn(Schema):
    """The email and password of an account."""

    email = Text(255, required=True, metadata={"example": "ann@example.com"})
    password = Password(1, required=True)


class TokenOut(Shown, Schema):
    """A token, to be sent as ``Authorization: Bearer <token>``."""

    status = fields.String(metadata={"enum": ["success"]})
    message = fields.String()
    token = fields.String(metadata={"description": "A JWT"})
    token_type = fields.String(metadata={"enum": ["Bearer"]})
    expires_in = fields.Integer(metadata={"description": "Seconds that it is good for", "example": 3600})
