"""Lists as CSV (RFC 4180, UTF-8), streamed: a long list takes no more memory than a short one.

A list is read in batches by keyset, each with a statement of its own, so that no connection is held while a slow client
reads. A cell that a spreadsheet would run as a formula is escaped.
"""

import csv
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from decimal import Decimal
from io import StringIO
from operator import attrgetter
from typing import Any

from flask import Flask, Response

from app.utils.api import pagination
from app.utils.context import current_shop
from app.utils.errors import Unavailable

log = logging.getLogger(__name__)
FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
"""The start of a formula in Excel or LibreOffice (OWASP, «CSV Injection»), with any number of apostrophes before it, so
that an escaped text differs from one that was written with an apostrophe."""
UTF8_BOM = "\ufeff"  # The byte order mark tells Excel that a file is UTF-8.
TRUNCATED_NOTICE = "INCOMPLETE: the shop failed while it wrote this; ask for it again"
"""The last line of a list that broke off: HTTP can't report an error once the response has begun."""
EXPORT_LOCK = threading.Lock()
"""Held by the one long list or search that a process exports at a time: each holds one of its three threads."""
Records = Sequence[Any]
Columns = Mapping[str, Callable[[Any], Any]]  # Name of a column → the function that returns the cell of a record.


# ---------------------------------------------------------------- cells
def escape_formula(text: str | None) -> str | None:
    """Return the text with an apostrophe before it, if a spreadsheet would run it as a formula."""
    return f"'{text}" if text and FORMULA.match(text) else text


def unescape_formula(text: str) -> str:
    """Return the text that :func:`escape_formula` was given."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def as_money(column: str) -> Callable[[Any], Decimal]:
    """Return the function that returns the cents in a column of a record as an amount."""
    return lambda record: Decimal(getattr(record, column)).scaleb(-2)


def as_is(*columns: str) -> Columns:
    """Return columns with the values of a record.

    A time is like ``2026-11-24 08:00:00``: spreadsheets take the form with T and Z for text."""
    return {column: attrgetter(column) for column in columns}


def encode_rows(rows: Iterable[Sequence[Any]]) -> bytes:
    page = StringIO()
    writer = csv.writer(page, lineterminator="\r\n")
    for row in rows:
        writer.writerow([escape_formula(cell) if isinstance(cell, str) else cell for cell in row])
    return page.getvalue().encode()


# ---------------------------------------------------------------- the list
def hold_export_lock(held: ExitStack) -> None:
    """Hold EXPORT_LOCK until ``held`` is closed. Raise Unavailable if it is taken."""
    if not EXPORT_LOCK.acquire(blocking=False):
        raise Unavailable("Another long list or search is being written; try again shortly.")
    held.callback(EXPORT_LOCK.release)


def stream(app: Flask, columns: Columns, first: Records, others: Iterator[Records], held: ExitStack) -> Iterator[bytes]:
    """Yield the bytes of a list. Each batch is read in its own app context: the server's thread serves other requests
    between two batches."""
    try:
        header = UTF8_BOM.encode() + encode_rows([list(columns)])
        yield header + encode_rows([cell(record) for cell in columns.values()] for record in first)
        while True:
            with app.app_context():
                records = next(others, None)
            if records is None:
                return
            yield encode_rows([cell(record) for cell in columns.values()] for record in records)
    except Exception:
        log.exception("A CSV list broke off")
        yield encode_rows([[TRUNCATED_NOTICE]])
    finally:
        held.close()


def csv_response(name: str, columns: Columns, found: Iterator[Records], *, is_search: bool = False) -> Response:
    """Return a list as a file. An error before the first line is an error response.

    Raise Unavailable if the list is long or a search, and another one is being written."""
    with ExitStack() as stack:
        if is_search:
            hold_export_lock(stack)
        first = next(found)
        if len(first) >= pagination.BATCH_SIZE and not is_search:
            hold_export_lock(stack)
        held = stack.pop_all()
    response = Response(stream(current_shop(), columns, first, found, held), content_type="text/csv; charset=utf-8")
    response.call_on_close(held.close)  # If the client has gone before the first line; closing twice releases once.
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response.headers["Cache-Control"] = "private, no-cache"
    return response
