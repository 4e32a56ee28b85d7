"""Schemas and fields of responses: values of the tables pass through without conversion."""

from collections.abc import Callable
from functools import cached_property, partial
from operator import attrgetter
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
    """A mixin, before marshmallow's class: a response always has every field, and the OpenAPI document says so."""

    dump_fields: dict[str, fields.Field[Any]]
    many: bool

    TYPE_MAPPING = Schema.TYPE_MAPPING | {str: OutputString, int: OutputInteger}  # The fields that ``auto_field`` creates.

    def on_bind_field(self, _name: str, field: fields.Field[Any]) -> None:
        field.required = True

    @cached_property
    def readers(self) -> list[tuple[str, Callable[[Any], Any]]]:
        """The function that reads each field of a record, by the field's name in the response."""
        return [(field.data_key or name, reader_of(name, field)) for name, field in self.dump_fields.items()]

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """Serialize records. marshmallow's own method asks of each field whether its value is missing."""
        if self.many if many is None else many:
            return [self.dump(each, many=False) for each in obj]
        return {name: read(obj) for name, read in self.readers}


def reader_of(name: str, field: fields.Field[Any]) -> Callable[[Any], Any]:
    return attrgetter(field.attribute or name) if isinstance(field, PassThrough) else partial(field.serialize, name)
