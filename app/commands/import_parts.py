"""``flask --app run import-parts FILE.csv``: add the parts of a spreadsheet, all or none.

Each line of the file is a part, validated as by the API. All faults are named with their lines and columns, so that a
file can be mended at once.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext
from marshmallow import ValidationError
from sqlalchemy import bindparam, select

from app.blueprints.inventory.parts import add_part
from app.blueprints.inventory.schemas import PartIn
from app.blueprints.spreadsheet.csv_export import unescape_formula
from app.commands.errors import exit_with_message, require_tables
from app.models import inventory
from app.utils.api.fields import trim
from app.utils.api.problems import flatten
from app.utils.db.statements import fetch_all
from app.utils.db.transactions import transaction

COLUMNS = ("name", "price", "quantity", "sku")
REQUIRED = ("name", "price")
IGNORED = ("id", "created_at", "updated_at")
"""Columns of ``GET /inventory.csv`` that the shop sets itself."""
SHEET_ERROR = re.compile(r"#(REF!|N/A|NAME\?|VALUE!|DIV/0!|NUM!|NULL!|SPILL!|CALC!)|Err:\d+")
"""Error values of spreadsheets."""
EXISTING_SKUS = select(inventory.c.id, inventory.c.sku).where(inventory.c.sku.in_(bindparam("skus", expanding=True)))
BATCH_SIZE = 500
SCHEMA = PartIn()
NOT_CLOSED, TEXT_AFTER = "unexpected end of data", "expected after"
"""Messages of Python's csv module about quotation marks."""
WHOLE_NUMBER = re.compile(r"-?[0-9]+")
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")

Part = dict[str, Any]


@dataclass(frozen=True, order=True)
class Fault:
    """A fault in a line of the file; the column is blank if the whole line is at fault."""

    line: int
    column: str
    text: str

    def __str__(self) -> str:
        return f"line {self.line}{', ' + self.column if self.column else ''}: {self.text}"


@dataclass
class Sheet:
    """The parts of a file by line, and its faults."""

    parts: dict[int, Part]
    faults: list[Fault]


# ---------------------------------------------------------------- the file
def lines_of(file: bytes) -> list[str]:
    """Return the lines of a file. Bytes that are not UTF-8 become lone surrogates, which cells_of() reports."""
    return re.split(r"\r\n|\n|\r", file.decode("utf-8-sig", "surrogateescape"))


def cells_of(line: str, separator: str) -> list[str]:
    """Return the cells of a line. Raise ValueError with the fault."""
    if any("\ud800" <= letter <= "\udfff" for letter in line):
        raise ValueError("is not UTF-8; save the sheet as «CSV UTF-8»")
    if "\ufffd" in line:
        raise ValueError("holds �, so a letter was lost when it was saved; save the sheet as «CSV UTF-8»")
    try:
        found = next(csv.reader([line], delimiter=separator, strict=True))
    except csv.Error as error:
        if NOT_CLOSED in str(error):
            raise ValueError("has a quotation mark that is not closed; a cell may not hold line breaks") from None
        if TEXT_AFTER in str(error):
            raise ValueError("has text after a closing quotation mark") from None
        raise ValueError("has a cell that is too long") from None
    return [unescape_formula(trim(cell)) for cell in found]


def read_sheet(file: bytes) -> Sheet:
    """Return the parts of a file and its faults, without comparing them with the shop."""
    if file.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Sheet({}, [Fault(1, "", "is UTF-16; save the sheet as «CSV UTF-8»")])
    first, *others = lines_of(file)
    separator = max(",;\t", key=first.count)
    try:
        columns = [name.lower() for name in cells_of(first, separator)]
    except ValueError as error:
        return Sheet({}, [Fault(1, "", str(error))])
    sheet = Sheet({}, [Fault(1, column, text) for column, text in faults_of_header(columns)])
    if sheet.faults:
        return sheet
    skus: dict[str, int] = {}
    for number, line in enumerate(others, 2):
        read_line(sheet, number, line, columns, separator)
        sku = sheet.parts[number]["sku"] if number in sheet.parts else None
        if sku and skus.setdefault(sku, number) != number:
            sheet.faults.append(Fault(number, "sku", f"stands in line {skus[sku]} already"))
    if not sheet.parts and not sheet.faults:
        sheet.faults.append(Fault(1, "", "is all there is: there are no parts below it"))
    return sheet


def faults_of_header(columns: list[str]) -> Iterator[tuple[str, str]]:
    for name in REQUIRED:
        if name not in columns:
            yield name, "there is no such column; the first line names them"
    for place, name in enumerate(columns, 1):
        if not name:
            yield f"column {place}", "has no name"
        elif name not in COLUMNS + IGNORED:
            yield name[:40], f"is no column of a part; these are {', '.join(COLUMNS)}"
        elif columns.index(name) != place - 1:
            yield name, "stands twice"


# ---------------------------------------------------------------- a line
def read_line(sheet: Sheet, number: int, line: str, columns: list[str], separator: str) -> None:
    """Add the part of a line to a sheet, or its faults. Skip an empty line."""
    try:
        cells = cells_of(line, separator) if trim(line) else []
        if not any(cells):
            return
        if len(cells) < len(columns) or any(cells[len(columns) :]):
            raise ValueError(f"has {len(cells)} cells, and the first line {len(columns)}")
    except ValueError as error:
        sheet.faults.append(Fault(number, "", str(error)))
        return
    given = {name: cell for name, cell in zip(columns, cells, strict=False) if name in COLUMNS and cell}
    values, wrong = {}, {}
    for name, cell in given.items():
        try:
            values[name] = value_of(name, cell, separator)
        except ValueError as error:
            wrong[name] = [str(error)]
    try:
        part: Part = SCHEMA.load(values)
    except ValidationError as error:
        wrong = dict(flatten(error.messages)) | wrong
    if wrong:
        sheet.faults += [Fault(number, name, " and ".join(texts)) for name, texts in wrong.items()]
    else:
        sheet.parts[number] = part


def value_of(name: str, cell: str, separator: str) -> Any:
    """Return the value of a cell, as JSON would have it. Raise ValueError."""
    if SHEET_ERROR.fullmatch(cell):
        raise ValueError(f"is an error of the spreadsheet: {cell}")
    if name == "quantity":
        if not WHOLE_NUMBER.fullmatch(cell):
            raise ValueError("must be a whole number like 12, without a separator of thousands")
        return int(cell[:20])  # Twenty digits are too large for any quantity.
    if name == "price":
        number = cell.replace(",", ".") if separator == ";" else cell  # Decimal commas come with semicolons.
        if not NUMBER.fullmatch(number):
            raise ValueError("must be a number like 49.90, without a currency or a separator of thousands")
        return Decimal(number)
    return cell


# ---------------------------------------------------------------- the shop
def find_taken_skus(sheet: Sheet) -> list[Fault]:
    """Return a fault for each line whose sku another part of the shop has."""
    lines = {part["sku"]: number for number, part in sorted(sheet.parts.items(), reverse=True) if part["sku"]}
    skus = list(lines)
    found = [
        row
        for start in range(0, len(skus), BATCH_SIZE)
        for row in fetch_all(EXISTING_SKUS, {"skus": skus[start : start + BATCH_SIZE]})
    ]
    return [Fault(lines[row.sku], "sku", f"is that of part {row.id} already") for row in found]


@transaction
def add_parts(parts: list[Part]) -> None:
    """Add the parts with their first stock. Raise SkuTaken."""
    for part in parts:
        add_part(part)


@click.command("import-parts")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--apply", is_flag=True, help="Add the parts; without this option, they are only checked.")
@with_appcontext
def command(file: Path, *, apply: bool) -> None:
    """Add the parts of FILE, a CSV with the columns name and price, and optionally quantity and sku.

    All parts are added, or none: every fault is named with its line. The ledger shows their stock as received. A shop
    that runs without Redis may show its old list for CACHE_TIMEOUT seconds."""
    with exit_with_message():
        require_tables()
        try:
            sheet = read_sheet(file.read_bytes())
        except OSError as error:
            raise click.ClickException(f"{file} can't be read: {error.strerror}") from None
        faults = sorted(sheet.faults + find_taken_skus(sheet))
        for fault in faults:
            click.echo(str(fault))
        if faults:
            lines = len({fault.line for fault in faults})
            raise click.ClickException(f"{len(faults):,} faults in {lines:,} lines; nothing was changed.")
        parts = [part for _, part in sorted(sheet.parts.items())]
        pieces = sum(part["quantity"] for part in parts)
        if apply:
            add_parts(parts)
            click.echo(f"{len(parts):,} parts were added, with {pieces:,} pieces in stock.")
        else:
            click.echo(f"{len(parts):,} parts with {pieces:,} pieces can be added. Nothing was changed; --apply does it.")
