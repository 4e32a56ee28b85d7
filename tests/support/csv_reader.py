"""Reading CSV as a spreadsheet does."""

import csv
from io import StringIO


def rows_of(response):
    """Return the rows of a CSV response as dictionaries."""
    assert response.status_code == 200, response.text
    text = response.data.decode("utf-8")
    assert text.startswith("\ufeff"), "Excel needs the byte order mark to detect UTF-8"
    return list(csv.DictReader(StringIO(text.removeprefix("\ufeff"), newline=""), strict=True))


def ids_of(response):
    return [int(row["id"]) for row in rows_of(response)]


def in_cell(time):
    """Return a time of JSON in the format of a cell."""
    return time.replace("T", " ").removesuffix("Z")


PATHS = ["/inventory.csv", "/tickets.csv", "/inventory/{}/movements.csv"]
