"""Share among the areas: the list of records, a record by its id, changes, and unique columns."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any, ClassVar

from marshmallow import Schema, missing, pre_load
from marshmallow.fields import Constant, Field
from sqlalchemy import Table, bindparam, select
from sqlalchemy.exc import IntegrityError

from app.utils.api.output import Timestamp
from app.utils.api.pagination import Listing, contains_text
from app.utils.context import current_state
from app.utils.db.statements import fetch_one
from app.utils.errors import Conflict, NotFound


def listing_of(table: Table, names: Sequence[str]) -> Listing:
    """Return the list of a table's records, without deleted ones; ``q`` looks in their search column."""
    rows = select(*(table.c[name] for name in names)).where(table.c.deleted_at.is_(None))
    return Listing(rows, table.c.id, (table.c.id,), filters={"q": contains_text(table)})


def reader_of(listing: Listing) -> Callable[[int], Any]:
    """Return the function that returns a record of a list by its id, or raises NotFound."""
    by_id = listing.rows.where(listing.key == bindparam("record_id"))

    def read(record_id: int) -> Any:
        record = fetch_one(by_id, {"record_id": record_id})
        if record is None:
            raise NotFound
        return record

    return read


class Taken(Conflict):
    """Another record has the same value in the unique column ``field``."""

    field: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(errors={self.field: ["is taken"]})

    @classmethod
    @contextmanager
    def unless_unique(cls) -> Iterator[None]:
        """Raise the conflict if a statement gives a record the value of another."""
        try:
            yield
        except IntegrityError as error:
            if cls.field not in str(error.orig):  # The name of the column, or of its constraint.
                raise
            raise cls from None


def is_constant(shown: Field[Any], value: Any) -> bool:
    """Return whether a field always shows this value: the role of a customer in ``/me``."""
    return isinstance(shown, Constant) and shown.constant == value


class Subset:
    """A mixin, before the schema of a new record: any subset of its fields, for a change. Other fields stay.

    A record that was read can be edited and sent back whole: fields of ``shown`` that can't be changed are set aside, and
    ``lock_if_match`` compares them with the locked record. Times are ignored. So is a null that the record may show in a
    field that accepts none."""

    shown: ClassVar[Schema]
    fields: dict[str, Field[Any]]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name, shown in self.shown.fields.items():
            if name not in self.fields:  # The OpenAPI document names the field as readOnly.
                field = self.fields[name] = copy(shown)
                field.dump_only, field.required = True, False

    @pre_load
    def set_read_only_aside(self, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        shown = self.shown.fields
        aside = {name for name in body if name in shown and self.is_read_only(name, body[name], shown[name])}
        compared = {
            name for name in aside if not isinstance(shown[name], Timestamp) and not is_constant(shown[name], body[name])
        }
        current_state().read_only = {name: body[name] for name in compared}
        return {name: value for name, value in body.items() if name not in aside}

    def is_read_only(self, name: str, value: Any, shown: Field[Any]) -> bool:
        writable = self.fields.get(name)
        return writable is None or writable.dump_only or (value is None and shown.allow_none and not writable.allow_none)

    def on_bind_field(self, _name: str, field: Field[Any]) -> None:
        field.required, field.load_default = False, missing
