"""Lists: pages that are numbered, or that go on after the last record seen.

A page counts the records and skips to its place, so that it costs more the deeper it is; ``after`` costs the same
at any depth. Both answer ``Link`` (RFC 8288), and a page ``X-Total-Count``.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import current_app, request
from marshmallow import EXCLUDE, Schema, ValidationError, validates_schema
from sqlalchemy import BigInteger, ColumnElement, Row, Select, func, literal, or_, select, tuple_

from app.utils.database import fetch, fetch_one
from app.utils.errors import Invalid
from app.utils.fields import Digits, Text

PER_PAGE, MOST_PER_PAGE = 20, 100
FARTHEST = 2**62
"""The farthest offset that every database takes; whatever lies there is past the end."""
COUNT_SECONDS, COUNT_FROM = 5, 1000
"""A count of so many records or more is believed for five seconds, as the contract allows; a smaller one costs nothing."""

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


def matching(query: dict[str, Any], *columns: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    """The condition that the text of ``q`` stands in one of the columns, in any case; none where it is blank."""
    text = query.get("q")
    return [or_(*(column.icontains(text, autoescape=True) for column in columns))] if text else []


class SearchQuery(PageQuery):
    """A list that can be searched."""

    q = Text(255, 0, metadata={"description": "Text to look for"})


@dataclass(frozen=True)
class Listing:
    """A list that can be walked: ``rows`` selects what is shown, ``order`` is unique and all one way.

    ``known`` are the records whose id may stand in ``after``, deleted ones among them."""

    rows: Select[Any]
    key: ColumnElement[int]
    order: tuple[ColumnElement[Any], ...]
    descending: bool = False

    def read(self, query: dict[str, Any], *where: ColumnElement[bool], known: Sequence[ColumnElement[bool]] = ()) -> Found:
        """The records that a query asks for, and the headers that say where the others are."""
        ordered = self.rows.where(*where).order_by(*(column.desc() if self.descending else column for column in self.order))
        if "after" in query:
            return self.read_after(ordered, query, known)
        page, per_page = query.get("page", 1), query["per_page"]
        rows = fetch(ordered.limit(per_page).offset(min((page - 1) * per_page, FARTHEST)))
        total = count(select(func.count()).select_from(self.key.table).where(*where))
        last = max(1, -(-total // per_page))
        pages = {"first": 1, "prev": min(page - 1, last), "next": page + 1, "last": last}
        links = [link(rel, query, page=number) for rel, number in pages.items() if 1 <= number <= last]
        return rows, {"X-Total-Count": str(total), "Link": ", ".join(links)}

    def read_after(self, ordered: Select[Any], query: dict[str, Any], known: Sequence[ColumnElement[bool]]) -> Found:
        position = fetch_one(select(*self.order).where(self.key == literal(query["after"], BigInteger), *known))
        if position is None:
            raise Invalid({"after": "names no record of this list"})
        each, last = tuple_(*self.order), tuple_(*position)
        beyond = each < last if self.descending else each > last
        rows = fetch(ordered.where(beyond).limit(query["per_page"] + 1))
        if len(rows) <= query["per_page"]:
            return rows, {}
        rows = rows[:-1]
        return rows, {"Link": link("next", query, after=rows[-1].id)}


def link(rel: str, query: dict[str, Any], **where: int) -> str:
    """A reference to another part of the list that is asked for, with the same filters."""
    same = {name: value for name, value in query.items() if name not in ("page", "after") and value != ""}
    return f'<{request.path}?{urlencode(where | same)}>; rel="{rel}"'


def count(statement: Select[Any]) -> int:
    """How many there are; for a long list, how many there were less than five seconds ago."""
    counts: dict[str, tuple[float, int]] = current_app.extensions["counts"]
    compiled = statement.compile()
    name = f"{compiled} {compiled.params}"
    expires, total = counts.get(name, (0.0, 0))
    asked = time.monotonic()
    if expires > asked:
        return total
    total = int(fetch(statement)[0][0])
    if total >= COUNT_FROM:
        if len(counts) >= 1000:
            counts.clear()
        counts[name] = (asked + COUNT_SECONDS, total)
    return total
