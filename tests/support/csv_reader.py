"""A file of CSV, read as a spreadsheet would."""

import csv
from io import StringIO


def rows_of(answer):
    """The rows of a file as Python's own reader has them, without the first."""
    assert answer.status_code == 200, answer.text
    text = answer.data.decode("utf-8")
    assert text.startswith("\ufeff"), "by this mark Excel knows UTF-8"
    return list(csv.DictReader(StringIO(text.removeprefix("\ufeff"), newline=""), strict=True))


def ids_of(answer):
    return [int(row["id"]) for row in rows_of(answer)]


def in_cell(time):
    """A time of JSON as a cell has it."""
    return time.replace("T", " ").removesuffix("Z")
