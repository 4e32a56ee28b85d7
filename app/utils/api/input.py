"""Schemas of request bodies: what is wrong is said in the words of ``fields.py``, not in marshmallow's."""

from marshmallow import Schema, fields

from app.utils.api.fields import MESSAGES

NO_OBJECT = {"type": "must be an object"}


class InputSchema(Schema):
    error_messages = NO_OBJECT | {"unknown": "is no field of this request"}


class Object(fields.Nested):
    """An object within a body."""

    default_error_messages = MESSAGES | NO_OBJECT
