"""What the records of all areas have in common: their list, a record by its id, changes, and unique columns."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from marshmallow import fields, missing
from sqlalchemy import Table, bindparam, select
from sqlalchemy.exc import IntegrityError

from app.utils.api.pagination import Listing, contains_text
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
        except IntegrityError:
            raise cls from None


class Subset:
    """A mixin, before the schema of a new record: any subset of its fields, for a change. Other fields stay."""

    def on_bind_field(self, _name: str, field: fields.Field[Any]) -> None:
        field.required, field.load_default = False, missing
