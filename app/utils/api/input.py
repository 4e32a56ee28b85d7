"""Schemas of request bodies, with the error messages of ``fields.py`` instead of marshmallow's."""

from marshmallow import Schema, fields

from app.utils.api.fields import MESSAGES

NO_OBJECT = {"type": "must be an object"}


class InputSchema(Schema):
    """The object of a request body."""

    error_messages = NO_OBJECT | {"unknown": "is no field of this request"}


class Object(fields.Nested):
    """An object within a body."""

    default_error_messages = MESSAGES | NO_OBJECT
