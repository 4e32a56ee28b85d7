"""Schemas of what goes out, and their fields: what the tables hold is shown as it stands."""

from collections.abc import Callable
from functools import cached_property, partial
from operator import attrgetter
from typing import Any

from marshmallow import Schema, fields

from app.utils.fields import AsIs


class ShownText(AsIs, fields.String):
    """A text of a record."""


class ShownNumber(AsIs, fields.Integer):
    """A whole number of a record; an id, unless its example says otherwise."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs["metadata"] = {"example": 1} | kwargs.get("metadata", {})
        super().__init__(**kwargs)


class Timestamp(AsIs, fields.DateTime):
    """A time in UTC like ``2026-11-24T08:00:00Z``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(dump_only=True, metadata={"example": "2026-11-24T08:00:00Z"}, **kwargs)


class ShownList(fields.Nested):
    """The records that belong to a record."""

    def __init__(self, schema: type[Schema]) -> None:
        super().__init__(schema, many=True)

    def serialize(self, attr: str, obj: Any, accessor: Any = None, **kwargs: Any) -> Any:
        return self.schema.dump(getattr(obj, self.attribute or attr), many=True)


class Shown:
    """Mixed into a schema of what goes out, before marshmallow's: every field of it is always there, and the document says
    so."""

    TYPE_MAPPING = Schema.TYPE_MAPPING | {str: ShownText, int: ShownNumber}
    """Which fields ``auto_field`` makes."""
    dump_fields: dict[str, fields.Field[Any]]

    def on_bind_field(self, _name: str, field: fields.Field[Any]) -> None:
        field.required = True

    @cached_property
    def readers(self) -> list[tuple[str, Callable[[Any], Any]]]:
        """What reads each field of a record, by the name that it goes out under."""
        return [(field.data_key or name, reader_of(name, field)) for name, field in self.dump_fields.items()]

    def _serialize(self, obj: Any, *, many: bool = False) -> Any:
        """What ``dump`` does between its hooks. marshmallow's own asks each field of each record whether it is missing."""
        if many:
            return [self._serialize(each) for each in obj]
        return {name: read(obj) for name, read in self.readers}


def reader_of(name: str, field: fields.Field[Any]) -> Callable[[Any], Any]:
    return attrgetter(field.attribute or name) if isinstance(field, AsIs) else partial(field.serialize, name)
