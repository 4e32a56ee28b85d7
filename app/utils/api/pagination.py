"""Lists: numbered pages, and keyset pagination with ``after``.

A page counts the records and skips to its offset, so deep pages cost more. ``after`` costs the same at any depth. Both
have the header ``Link`` (RFC 8288), a page also with ``X-Total-Count``.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlencode

from marshmallow import EXCLUDE, Schema, ValidationError, validates_schema
from sqlalchemy import BigInteger, ColumnElement, Integer, Row, Select, String, Table, bindparam, func, or_, select, tuple_

from app.models.search import DIGITS_FOLLOW, digits_of, fold
from app.utils.api.fields import QueryInteger, Text
from app.utils.context import current_request, current_shop
from app.utils.db.statements import fetch_all, fetch_one
from app.utils.db.timeouts import StatementTimeout
from app.utils.errors import Invalid

DEFAULT_PER_PAGE, MAX_PER_PAGE = 20, 100
MAX_OFFSET = 2**62  # The largest offset that every database accepts; it is past the end of any list.
COUNT_SECONDS, COUNT_CACHED_FROM = 5, 1000
"""The length of a list is cached for five seconds if the list has 1,000 records or more."""
SEARCH_SECONDS = 2  # The statement timeout of a search, and of counting what it found.
SEARCH_LIMIT = (
    f"A page is refused if the database takes more than {SEARCH_SECONDS} seconds to search, or to count what it found"
)
SEARCH_TOO_SLOW = f"takes more than {SEARCH_SECONDS} seconds to look for in so many records"
LIKE_PHONE = re.compile(r"[0-9\s+().x/\u2010-\u2015-]+")
BATCH_SIZE = 500  # Records of one statement of a whole list.
PAGE_FIELDS = ("page", "per_page", "after")  # The fields of a query that are no filters.
MIN_DIGITS = 3  # A search for digits and separators also finds phones by their digits, from this many on.
NARROW_SEARCH = "; narrow the list by its other filters"

Page = tuple[Sequence[Row[Any]], dict[str, str]]  # The records of a page, and the headers that lead to the others.


class PageQuery(Schema):
    """The part of a list that is wanted."""

    class Meta:
        unknown = EXCLUDE

    page = QueryInteger(1, 10**18 - 1, metadata={"description": "Number of the page; 1 unless `after` is given"})
    per_page = QueryInteger(1, MAX_PER_PAGE, load_default=DEFAULT_PER_PAGE, metadata={"description": "Records on a page"})
    after = QueryInteger(1, 10**18 - 1, metadata={"description": "Id of the last record seen; instead of `page`"})

    @validates_schema
    def page_or_after(self, query: dict[str, Any], **_: Any) -> None:
        if "page" in query and "after" in query:
            raise ValidationError("can't be combined with page", "after")


def contains_text(table: Table) -> ColumnElement[bool]:
    """Return the condition that the searched texts of a record contain ``q``, or its phone the digits of ``q``."""
    names = ("q", "q_phone") if "phone" in table.c else ("q",)
    return or_(*(table.c.search.like(bindparam(name, type_=String), escape="/") for name in names))


class SearchQuery(PageQuery):
    """The part of a list that is wanted, with a search."""

    q = Text(255, 0, metadata={"description": f"Text to look for. {SEARCH_LIMIT}"})


class Statements(NamedTuple):
    """The statements of a list under a set of filters."""

    page: Select[Any]
    total: Select[Any]
    after: Select[Any]
    after_record: Select[Any]


@dataclass(frozen=True, eq=False)
class Listing:
    """A list of records: its rows, its key, the columns of its order (unique together), and its filters by name."""

    rows: Select[Any]
    key: ColumnElement[Any]
    order: tuple[ColumnElement[Any], ...]
    descending: bool = False
    filters: Mapping[str, ColumnElement[bool]] = field(default_factory=dict)

    def page(self, query: dict[str, Any], *, fixed: Mapping[str, Any] | None = None, required: Sequence[str] = ()) -> Page:
        """Return the records of a query, and the headers that lead to the others.

        ``fixed`` adds values of filters that the query can't choose. ``required`` names the filters that the record of
        ``after`` must meet. Other filters are not required of it: a record that has since changed still marks its place.
        Raise Invalid if a search takes too long."""
        parameters = self.filter_values(query) | dict(fixed or {})
        statements = self.statements(tuple(parameters), tuple(required))
        parameters = bound_values(parameters)
        find = self._page_after if "after" in query else self._page_by_number
        try:
            return find(statements, parameters, query)
        except StatementTimeout:
            raise Invalid({"q": SEARCH_TOO_SLOW + (NARROW_SEARCH if len(self.filters) > 1 else "")}) from None

    def filter_values(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of the filters that a query sets."""
        return {name: value for name, value in query.items() if name in self.filters and value != ""}

    def _page_by_number(self, statements: Statements, parameters: dict[str, Any], query: dict[str, Any]) -> Page:
        number, per_page = query.get("page", 1), query["per_page"]
        offset = min((number - 1) * per_page, MAX_OFFSET)
        window = {"limit": per_page, "offset": offset}
        rows = fetch_all(statements.page, parameters | window, seconds=search_timeout(parameters))
        total = count_records((current_request().path, *parameters.items()), statements.total, parameters)
        last_page = max(1, -(-total // per_page))
        pages = {"first": 1, "prev": min(number - 1, last_page), "next": number + 1, "last": last_page}
        links = [link(rel, query, page=target) for rel, target in pages.items() if 1 <= target <= last_page]
        return rows, {"X-Total-Count": str(total), "Link": ", ".join(links)}

    def _page_after(self, statements: Statements, parameters: dict[str, Any], query: dict[str, Any]) -> Page:
        parameters |= {"after_id": query["after"]}
        limit = {"limit": query["per_page"] + 1}
        rows = fetch_all(statements.after, parameters | limit, seconds=search_timeout(parameters))
        if not rows and fetch_one(statements.after_record, parameters) is None:
            raise Invalid({"after": "must be the id of a record of this list"})
        if len(rows) <= query["per_page"]:
            return rows, {}
        rows = rows[:-1]
        return rows, {"Link": link("next", query, after=rows[-1].id)}

    @cache  # noqa: B019 - a listing lives as long as the program.
    def statements(self, names: tuple[str, ...], required: tuple[str, ...]) -> Statements:
        """Return the statements of the list under the named filters."""
        filtered, ordered = self.selected(names)
        limit = bindparam("limit", type_=Integer)
        after_id = bindparam("after_id", type_=BigInteger)
        record = select(self.key).where(self.key == after_id, *(self.filters[name] for name in required)).correlate(None)
        own = [self.record_column(column) for column in self.order]
        place = [after_id if each is self.key else record.with_only_columns(each).scalar_subquery() for each in own]
        return Statements(
            page=ordered.limit(limit).offset(bindparam("offset", type_=BigInteger)),
            total=filtered.with_only_columns(func.count(), maintain_column_froms=True),
            after=ordered.where(*self.after_condition(place), record.exists()).limit(limit),
            after_record=record,
        )

    def selected(self, names: Iterable[str]) -> tuple[Select[Any], Select[Any]]:
        """Return the statement of all records under the named filters, without and in their order."""
        filtered = self.rows.where(*(self.filters[name] for name in names))
        return filtered, filtered.order_by(*(column.desc() if self.descending else column for column in self.order))

    def batches(self, query: Mapping[str, Any]) -> Iterator[Sequence[Row[Any]]]:
        """Yield all records under the filters of a query, in batches by keyset."""
        values = self.filter_values(query)
        parameters = bound_values(values)
        keys = {f"after_{number}": column for number, column in enumerate(self.order)}
        named = self.selected(values)[1].add_columns(*(column.label(name) for name, column in keys.items())).limit(BATCH_SIZE)
        rows = fetch_all(named, parameters)
        yield rows
        following = named.where(*self.after_condition([bindparam(name, type_=column.type) for name, column in keys.items()]))
        while len(rows) == BATCH_SIZE:
            rows = fetch_all(following, parameters | {name: rows[-1]._mapping[name] for name in keys})
            yield rows

    def record_column(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return the column of the record itself that a column of the order is, or refers to."""
        return next((each.column for each in column.foreign_keys if each.column.table is self.key.table), column)

    def after_condition(self, place: Sequence[ColumnElement[Any]]) -> list[ColumnElement[bool]]:
        """Return the conditions of the rows behind a place in the order, given by a value for each of its columns.

        The first column is also compared by itself: MySQL and MariaDB use no index to compare tuples."""
        first, order = self.order[0], tuple_(*self.order)
        if self.descending:
            return [first <= place[0], order < tuple_(*place)] if len(place) > 1 else [first < place[0]]
        return [first >= place[0], order > tuple_(*place)] if len(place) > 1 else [first > place[0]]


def search_timeout(parameters: Mapping[str, Any]) -> float | None:
    """Return the statement timeout in seconds. Only a search has one: it reads every record."""
    return SEARCH_SECONDS if "q" in parameters else None


def bound_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of filters as the statements take them: for ``q``, the LIKE patterns that find it anywhere."""
    if "q" not in values:
        return dict(values)
    escaped = re.sub("([%_/])", r"/\1", fold(values["q"]))
    patterns = {"q": f"%{escaped}%", "q_phone": f"%{escaped}%"}
    if LIKE_PHONE.fullmatch(values["q"]) and len(digits := digits_of(values["q"])) >= MIN_DIGITS:
        patterns["q_phone"] = f"%{DIGITS_FOLLOW}%{digits}%"
    return dict(values) | patterns


def link(rel: str, query: dict[str, Any], **position: int) -> str:
    """Return a ``Link`` to another part of the same list, with the same filters."""
    filters = {name: value for name, value in query.items() if name not in ("page", "after") and value != ""}
    return f'<{current_request().path}?{urlencode(position | filters)}>; rel="{rel}"'


def count_records(cache_key: tuple[Any, ...], statement: Select[Any], parameters: dict[str, Any]) -> int:
    """Return the length of a list; of a long list, its length at some time in the last five seconds."""
    counts = current_shop().list_counts
    expires, total = counts.get(cache_key, (0.0, 0))
    now = time.monotonic()
    if expires > now:
        return total
    total = int(fetch_all(statement, parameters, seconds=search_timeout(parameters))[0][0])
    if total >= COUNT_CACHED_FROM:
        if len(counts) >= 1000:
            counts.clear()
        counts[cache_key] = (now + COUNT_SECONDS, total)
    return total
