"""The login of customers and mechanics on the wire."""

from marshmallow import Schema, fields

from app.utils.api.fields import Password, Text
from app.utils.api.input import InputSchema
from app.utils.api.output import OutputSchema

EMAIL_EXAMPLE = {"example": "ann@example.com"}
CHANGE_EXAMPLE = {"phone": "555-0199"}  # Without the password: sending the example from /docs would change it.


class LoginIn(InputSchema):
    """The email and password of an account."""

    email = Text(255, required=True, metadata=EMAIL_EXAMPLE)
    password = Password(1, required=True)


class TokenOut(OutputSchema, Schema):
    """A token, to be sent as ``Authorization: Bearer <token>``."""

    status = fields.String(metadata={"enum": ["success"], "example": "success"})
    message = fields.String(metadata={"example": "You are signed in."})
    token = fields.String(metadata={"description": "A JWT", "example": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.…"})
    token_type = fields.String(metadata={"enum": ["Bearer"], "example": "Bearer"})
    expires_in = fields.Integer(metadata={"description": "Lifetime in seconds", "example": 3600})
    id = fields.Integer(metadata={"example": 1})
    name = fields.String(metadata={"example": "Ann"})
    role = fields.String(metadata={"enum": ["customer", "mechanic", "admin"], "example": "customer"})
