"""Schemas and fields of responses: values of the tables pass through without conversion."""

from typing import Any

from marshmallow import Schema, fields

from app.utils.api.fields import PassThrough


class OutputString(PassThrough, fields.String):
    """A text of a record."""


class OutputInteger(PassThrough, fields.Integer):
    """An integer of a record: an id, unless ``example`` says otherwise."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs["metadata"] = {"example": 1} | kwargs.get("metadata", {})
        super().__init__(**kwargs)


class Timestamp(PassThrough, fields.DateTime):
    """A time in UTC like ``2026-11-24T08:00:00Z``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(dump_only=True, metadata={"example": "2026-11-24T08:00:00Z"}, **kwargs)


class OutputList(fields.Nested):
    """The records that belong to a record."""

    def __init__(self, schema: type[Schema]) -> None:
        super().__init__(schema, many=True)

    def serialize(self, attr: str, obj: Any, accessor: Any = None, **kwargs: Any) -> Any:
        return self.schema.dump(getattr(obj, self.attribute or attr), many=True)


class OutputSchema:
    """A mixin, before marshmallow's class: a response always has every field, and the document says so."""

    TYPE_MAPPING = Schema.TYPE_MAPPING | {str: OutputString, int: OutputInteger}
    """The fields that ``auto_field`` creates."""

    def on_bind_field(self, _name: str, field: fields.Field[Any]) -> None:
        field.required = True
