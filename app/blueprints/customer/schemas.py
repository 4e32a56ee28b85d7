"""What a customer looks like on the wire, coming in and going out."""

from marshmallow import Schema, fields

from app.models import Customer
from app.utils.extensions import ma
from app.utils.fields import Email, Password, Phone, Text
from app.utils.shown import Shown, Timestamp

A_NAME, AN_EMAIL, A_PHONE = {"example": "Ann Driver"}, {"example": "ann@example.com"}, {"example": "555-0100"}


class CustomerIn(Schema):
    """A new customer."""

    name = Text(255, required=True, metadata=A_NAME)
    email = Email(required=True)
    password = Password(required=True)
    phone = Phone(allow_none=True, load_default=None)


A_CHANGE = {"phone": "555-0199"}
"""How the document shows one: who tries it as it stands there changes nobody's password."""


class CustomerChange(Schema):
    """Any subset of a customer's fields; what is left out stays."""

    name = Text(255, metadata=A_NAME)
    email = Email()
    password = Password()
    phone = Phone(allow_none=True)


class CustomerOut(Shown, ma.SQLAlchemySchema):
    """A customer. The password and its hash are never shown."""

    class Meta:
        model = Customer

    id = ma.auto_field()
    name = ma.auto_field(metadata=A_NAME)
    email = ma.auto_field(allow_none=False, metadata=AN_EMAIL)
    phone = ma.auto_field(metadata=A_PHONE)
    created_at = Timestamp()


class LoginIn(Schema):
    """The email and password of an account."""

    email = Text(255, required=True, metadata=AN_EMAIL)
    password = Password(1, required=True)


class TokenOut(Shown, Schema):
    """A token, to be sent as ``Authorization: Bearer <token>``."""

    status = fields.String(metadata={"enum": ["success"], "example": "success"})
    message = fields.String(metadata={"example": "You are signed in."})
    token = fields.String(metadata={"description": "A JWT", "example": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.…"})
    token_type = fields.String(metadata={"enum": ["Bearer"], "example": "Bearer"})
    expires_in = fields.Integer(metadata={"description": "Seconds that it is good for", "example": 3600})
