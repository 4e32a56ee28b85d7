"""Lists: pages that are numbered, or that go on after the last record seen.

A page counts the records and skips to its place, so that it costs more the deeper it is; ``after`` costs the same
at any depth. Both answer ``Link`` (RFC 8288), and a page ``X-Total-Count``.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import current_app, request
from marshmallow import EXCLUDE, Schema, ValidationError, validates_schema
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Row,
    Select,
    String,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from app.utils.bounded import TooLong
from app.utils.database import fetch, fetch_one
from app.utils.errors import Invalid
from app.utils.fields import Digits, Text
from app.utils.prepared import Prepared

PER_PAGE, MOST_PER_PAGE = 20, 100
FARTHEST = 2**62
"""The farthest offset that every database takes; whatever lies there is past the end."""
COUNT_SECONDS, COUNT_FROM = 5, 1000
"""A count of so many records or more is believed for five seconds, as the contract allows; a smaller one costs nothing."""
SEARCH_SECONDS = 2
"""How long a search may look, and as long again to count what it found."""
SEARCH_BOUND = f"Refused where the database takes more than {SEARCH_SECONDS} seconds to find it, or to count what it found"
TOO_LONG = f"takes more than {SEARCH_SECONDS} seconds to look for in so many records"
NARROW = "; narrow the list by its other filters"

Found = tuple[Sequence[Row[Any]], dict[str, str]]


class PageQuery(Schema):
    """Which part of a list is wanted."""

    class Meta:
        unknown = EXCLUDE

    page = Digits(1, 10**18 - 1, metadata={"description": "Number of the page", "default": 1})
    per_page = Digits(1, MOST_PER_PAGE, load_default=PER_PAGE, metadata={"description": "Records on a page"})
    after = Digits(1, 10**18 - 1, metadata={"description": "Id of the last record seen; instead of `page`"})

    @validates_schema
    def one_way(self, query: dict[str, Any], **_: Any) -> None:
        if "page" in query and "after" in query:
            raise ValidationError("stands instead of page, not beside it", "after")


def matching(*columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """The condition that the text of ``q`` stands in one of the columns, in any case."""
    return or_(*(func.lower(column).like(func.lower(bindparam("q", type_=String)), escape="/") for column in columns))


class SearchQuery(PageQuery):
    """A list that can be searched."""

    q = Text(255, 0, metadata={"description": f"Text to look for. {SEARCH_BOUND}"})


class Statements(NamedTuple):
    """What reads a list under some of its filters; made once, and given their values at each request."""

    page: Prepared
    total: Prepared
    after: Prepared
    last: Prepared
    """Finds the record of ``after``, whether it is still there or not."""


@dataclass(frozen=True, eq=False)
class Listing:
    """A list that can be walked: ``rows`` selects what is shown of the records that are there, ``order`` is unique
    and all one way; it may be that of another table, whose foreign keys refer to the record's columns. ``filters`` are
    conditions whose parameter has their name, and is its query's or the caller's."""

    rows: Select[Any]
    key: ColumnElement[int]
    order: tuple[ColumnElement[Any], ...]
    descending: bool = False
    filters: Mapping[str, ColumnElement[bool]] = field(default_factory=dict)

    def read(self, query: dict[str, Any], *, within: Mapping[str, Any] | None = None, known: Sequence[str] = ()) -> Found:
        """The records that a query asks for, and the headers that say where the others are.

        ``within`` are filters that the query can't choose. ``known`` names those among them that ``after`` must meet,
        too: whatever else its record was, deleted since or no longer in the list, the list goes on behind it. Raise Invalid
        for a search that takes too long."""
        try:
            return self.find(query, dict(within or {}), tuple(known))
        except TooLong:
            raise Invalid({"q": TOO_LONG + NARROW * (len(self.filters) > 1)}) from None

    def find(self, query: dict[str, Any], within: dict[str, Any], known: tuple[str, ...]) -> Found:
        values = {name: value for name, value in query.items() if name in self.filters and value != ""} | within
        parameters = values | ({"q": pattern(values["q"])} if "q" in values else {})
        # Where nothing narrows the list, any plan of `after` is good for all: with its length as a number, PostgreSQL plans it
        # once. What a plan for an average customer or part would read of a busy one, only the length at hand tells it.
        length = query["per_page"] + 1 if "after" in query and not values else None
        statements = self.statements(tuple(values), known, length)
        if "after" in query:
            return self.read_after(statements, parameters | {"last": query["after"]}, query)
        page, per_page = query.get("page", 1), query["per_page"]
        place = {"most": per_page, "skipped": min((page - 1) * per_page, FARTHEST)}
        rows = fetch(statements.page, parameters | place, seconds=patience(parameters))
        total = count((request.path, *values.items()), statements.total, parameters)
        last = max(1, -(-total // per_page))
        pages = {"first": 1, "prev": min(page - 1, last), "next": page + 1, "last": last}
        links = [link(rel, query, page=number) for rel, number in pages.items() if 1 <= number <= last]
        return rows, {"X-Total-Count": str(total), "Link": ", ".join(links)}

    def read_after(self, statements: Statements, parameters: dict[str, Any], query: dict[str, Any]) -> Found:
        rows = fetch(statements.after, parameters | {"most": query["per_page"] + 1}, seconds=patience(parameters))
        if not rows and fetch_one(statements.last, parameters) is None:
            raise Invalid({"after": "names no record of this list"})
        if len(rows) <= query["per_page"]:
            return rows, {}
        rows = rows[:-1]
        return rows, {"Link": link("next", query, after=rows[-1].id)}

    @cache  # noqa: B019 - a listing lives as long as the program.
    def statements(self, names: tuple[str, ...], known: tuple[str, ...], length: int | None) -> Statements:
        found = self.rows.where(*(self.filters[name] for name in names))
        ordered = found.order_by(*(column.desc() if self.descending else column for column in self.order))
        most = bindparam("most", type_=Integer)
        so_many = most if length is None else literal_column(str(length))
        last_id = bindparam("last", type_=BigInteger)
        last = select(self.key).where(self.key == last_id, *(self.filters[name] for name in known)).correlate(None)
        own = [self.own(each) for each in self.order]
        place = [last_id if each is self.key else last.with_only_columns(each).scalar_subquery() for each in own]
        return Statements(
            page=Prepared(ordered.limit(most).offset(bindparam("skipped", type_=BigInteger))),
            total=Prepared(found.with_only_columns(func.count(), maintain_column_froms=True)),
            after=Prepared(ordered.where(*self.beyond(place), last.exists()).limit(so_many)),
            last=Prepared(last),
        )

    def own(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """The column of the record itself that a column of the order is, or refers to."""
        return next((each.column for each in column.foreign_keys if each.column.table is self.key.table), column)

    def beyond(self, last: Sequence[ColumnElement[Any]]) -> list[ColumnElement[bool]]:
        """The conditions of what stands behind a place in the order, which has a value for each of its columns. The first
        is compared by itself, too: MySQL and MariaDB would read the whole list to compare several at once, and for this
        they go to the place by an index."""
        first, behind = self.order[0], tuple_(*self.order)
        if self.descending:
            return [first <= last[0], behind < tuple_(*last)] if len(last) > 1 else [first < last[0]]
        return [first >= last[0], behind > tuple_(*last)] if len(last) > 1 else [first > last[0]]


def patience(parameters: Mapping[str, Any]) -> float | None:
    """The seconds that a statement may take. Only a search has an end: it looks into every record."""
    return SEARCH_SECONDS if "q" in parameters else None


def pattern(text: str) -> str:
    """What LIKE looks for: the text anywhere, with its own wildcards meant literally."""
    literally = re.sub("([%_/])", r"/\1", text)
    return f"%{literally}%"


def link(rel: str, query: dict[str, Any], **where: int) -> str:
    """A reference to another part of the list that is asked for, with the same filters."""
    same = {name: value for name, value in query.items() if name not in ("page", "after") and value != ""}
    return f'<{request.path}?{urlencode(where | same)}>; rel="{rel}"'


def count(name: tuple[Any, ...], statement: Prepared, parameters: dict[str, Any]) -> int:
    """How many there are; for a long list, how many there were less than five seconds ago."""
    counts: dict[tuple[Any, ...], tuple[float, int]] = current_app.extensions["counts"]
    expires, total = counts.get(name, (0.0, 0))
    asked = time.monotonic()
    if expires > asked:
        return total
    total = int(fetch(statement, parameters, seconds=patience(parameters))[0][0])
    if total >= COUNT_FROM:
        if len(counts) >= 1000:
            counts.clear()
        counts[name] = (asked + COUNT_SECONDS, total)
    return total
