"""Lists as CSV, for spreadsheets (RFC 4180, UTF-8): streamed, so that a long list takes no more memory than a short one.

A list is read by batches, each by a statement of its own that goes on behind the last record seen, so that no connection
is held while a client takes its time. Cells that a spreadsheet would run as a formula are made plain text.
"""

import csv
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from io import StringIO
from typing import Any

from flask import Flask, Response, current_app
from sqlalchemy import Integer, Row, bindparam

from app.utils.database import fetch
from app.utils.errors import Unavailable
from app.utils.pagination import Listing, pattern

log = logging.getLogger(__name__)
BATCH = 500
"""Records that are read at once."""
FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
"""How a formula begins, to Excel or LibreOffice (OWASP, «CSV Injection»). Apostrophes may stand before it, so that what
was made plain can be told from what was written so."""
MARK = "\ufeff"
"""By the byte order mark at its beginning Excel knows that a file is UTF-8."""
BROKEN_OFF = "INCOMPLETE: the shop failed while it wrote this; ask for it again"
"""The last line of a list that could not be read to its end: HTTP has no word for that once it has begun to answer."""
PLACES = threading.BoundedSemaphore(1)
"""Long lists and searches that a process writes at a time. A client that is slow to read, or a search that looks through a
whole table, holds a thread that serves requests, of which there are three; the others must stay free."""
BUSY = "Another long list or search is being written; try again shortly."

Cell = str | int | Decimal | None
Columns = Mapping[str, Callable[[Any], Cell]]
"""The names of the columns, and what each shows of a record."""


# ---------------------------------------------------------------- cells
def plain(text: str | None) -> str | None:
    """A text that no spreadsheet runs: an apostrophe stands before what would begin a formula."""
    return f"'{text}" if text and FORMULA.match(text) else text


def unarmed(text: str) -> str:
    """The text that :func:`plain` was given."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def moment(time: datetime) -> str:
    """A time in UTC as spreadsheets know it for one, ``2026-11-24 08:00:00``: with a T and a Z it would be text to them."""
    return time.isoformat(" ")


def written(rows: Iterable[Sequence[Cell]]) -> bytes:
    page = StringIO()
    writer = csv.writer(page, lineterminator="\r\n")
    for row in rows:
        writer.writerow([plain(cell) if isinstance(cell, str) else cell for cell in row])
    return page.getvalue().encode()


# ---------------------------------------------------------------- the list
def batches(
    listing: Listing, query: Mapping[str, Any], within: Mapping[str, Any] | None = None
) -> Iterator[Sequence[Row[Any]]]:
    """All records of a list under the filters of a query and ``within``, a batch at a time; the last one is shorter."""
    values = {name: value for name, value in query.items() if name in listing.filters and value != ""} | dict(within or {})
    parameters = values | ({"q": pattern(values["q"])} if "q" in values else {})
    place = {f"last_{number}": column for number, column in enumerate(listing.order)}
    ordered = (
        listing.rows.add_columns(*(column.label(name) for name, column in place.items()))
        .where(*(listing.filters[name] for name in values))
        .order_by(*(column.desc() if listing.descending else column for column in listing.order))
        .limit(bindparam("most", BATCH, Integer))
    )
    rows = fetch(ordered, parameters)
    yield rows
    following = ordered.where(*listing.beyond([bindparam(name, type_=column.type) for name, column in place.items()]))
    while len(rows) == BATCH:
        rows = fetch(following, parameters | {name: rows[-1]._mapping[name] for name in place})
        yield rows


class Place:
    """One of the places of long lists and searches, for as long as one is written; raise Unavailable where none is free."""

    def __init__(self) -> None:
        if not PLACES.acquire(blocking=False):
            raise Unavailable(BUSY)
        self.is_taken = True

    def leave(self) -> None:
        """Leave it, if that has not happened yet: at the end of the list, or when its client has gone."""
        if self.is_taken:
            self.is_taken = False
            PLACES.release()


def lines(
    app: Flask, columns: Columns, first: Sequence[Any], others: Iterator[Sequence[Any]], place: Place | None
) -> Iterator[bytes]:
    """The bytes of a list. Each batch is read in an app context of its own: one that stayed open between two of them
    would be that of whatever else the server's thread does meanwhile."""
    try:
        yield (
            MARK.encode() + written([list(columns)]) + written([show(record) for show in columns.values()] for record in first)
        )
        while True:
            with app.app_context():
                records = next(others, None)
            if records is None:
                return
            yield written([show(record) for show in columns.values()] for record in records)
    except Exception:
        log.exception("A list broke off while it was written as CSV")
        yield written([[BROKEN_OFF]])
    finally:
        if place:
            place.leave()


def answer(name: str, columns: Columns, found: Iterator[Sequence[Any]], *, is_search: bool = False) -> Response:
    """A list as a file of that name. What fails before its first line is an error as always. Raise Unavailable where the
    list is long or a search, and another such is being written."""
    place = Place() if is_search else None
    try:
        first = next(found)
    except BaseException:
        if place:
            place.leave()
        raise
    if place is None and len(first) >= BATCH:
        place = Place()
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    response = Response(lines(app, columns, first, found, place), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response.headers["Cache-Control"] = "private, no-cache"
    if place:
        response.call_on_close(place.leave)
    return response
