"""``flask --app run import-parts FILE.csv``: parts out of a spreadsheet, all of them or none.

Each line of the file is a part, read by the rules that the API has for one. Whatever is wrong anywhere is named with
its line and column, so that a file is mended once and not fault by fault.
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
from sqlalchemy.exc import IntegrityError

from app.blueprints.inventory import catalog, stock
from app.blueprints.inventory.routes import SkuTaken
from app.blueprints.inventory.schemas import PartIn
from app.commands.ending import in_one_line, require_tables
from app.models import inventory
from app.utils.database import add, after_commit, fetch, transaction
from app.utils.errors import flatten
from app.utils.fields import TRIMMED
from app.utils.sheets import unarmed

COLUMNS = ("name", "price", "quantity", "sku")
NEEDED = ("name", "price")
IGNORED = ("id", "created_at", "updated_at")
"""Columns of ``GET /inventory.csv`` that the shop fills itself."""
SHEET_ERROR = re.compile(r"#(REF!|N/A|NAME\?|VALUE!|DIV/0!|NUM!|NULL!|SPILL!|CALC!)|Err:\d+")
"""What a spreadsheet shows in a cell that it could not compute."""
TAKEN = select(inventory.c.id, inventory.c.sku).where(inventory.c.sku.in_(bindparam("skus", expanding=True)))
AT_ONCE = 500
SCHEMA = PartIn()
NOT_CLOSED, TEXT_AFTER = "unexpected end of data", "expected after"
"""What Python's reader of CSV says of a quotation mark."""
WHOLE_NUMBER = re.compile(r"-?[0-9]+")
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")

Part = dict[str, Any]


@dataclass(frozen=True, order=True)
class Fault:
    """What is wrong in a line of the file; the column is blank where it is the line as a whole."""

    line: int
    column: str
    text: str

    def __str__(self) -> str:
        return f"line {self.line}{', ' + self.column if self.column else ''}: {self.text}"


@dataclass
class Sheet:
    """What a file holds: its parts by their lines, and its faults."""

    parts: dict[int, Part]
    faults: list[Fault]


# ---------------------------------------------------------------- the file
def lines_of(file: bytes) -> list[str]:
    """The lines of a file. Bytes that are no UTF-8 become lone surrogates, which the line that holds them is told of."""
    return re.split(r"\r\n|\n|\r", file.decode("utf-8-sig", "surrogateescape"))


def cells_of(line: str, separator: str) -> list[str]:
    """The cells of a line; raise ValueError with what is wrong with it."""
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
    return [unarmed(cell.strip(TRIMMED)) for cell in found]


def read(file: bytes) -> Sheet:
    """The parts of a file by their lines, and whatever is wrong with it but for what the shop has already."""
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
    for name in NEEDED:
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
    """Add to a sheet the part of a line, or its faults; nothing where it is empty."""
    try:
        cells = cells_of(line, separator) if line.strip(TRIMMED) else []
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
    """What a cell says, as JSON would; raise ValueError."""
    if SHEET_ERROR.fullmatch(cell):
        raise ValueError(f"is an error of the spreadsheet: {cell}")
    if name == "quantity":
        if not WHOLE_NUMBER.fullmatch(cell):
            raise ValueError("must be a whole number like 12, without a separator of thousands")
        return int(cell[:20])  # Which is too large by far already.
    if name == "price":
        number = cell.replace(",", ".") if separator == ";" else cell  # Where commas are decimal, semicolons separate.
        if not NUMBER.fullmatch(number):
            raise ValueError("must be a number like 49.90, without a currency or a separator of thousands")
        return Decimal(number)
    return cell


# ---------------------------------------------------------------- the shop
def taken(sheet: Sheet) -> list[Fault]:
    """The lines whose sku a part of the shop has."""
    lines = {part["sku"]: number for number, part in sorted(sheet.parts.items(), reverse=True) if part["sku"]}
    skus = list(lines)
    found = [row for start in range(0, len(skus), AT_ONCE) for row in fetch(TAKEN, {"skus": skus[start : start + AT_ONCE]})]
    return [Fault(lines[row.sku], "sku", f"is that of part {row.id} already") for row in found]


@transaction
def add_parts(parts: list[Part]) -> None:
    """Add the parts with their stock, which the shop itself received; raise SkuTaken."""
    for part in parts:
        try:
            part_id = add(inventory, part)
        except IntegrityError:
            raise SkuTaken from None
        stock.receive(part_id, part["quantity"])
    after_commit(catalog.has_changed)


@click.command("import-parts")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--apply", is_flag=True, help="Add the parts; without it, they are only looked at.")
@with_appcontext
def command(file: Path, *, apply: bool) -> None:
    """Add the parts of FILE, a CSV with the columns name and price and, where wanted, quantity and sku.

    All are added, or none: every fault is named with its line. Their stock is in the ledger as received by the shop
    itself. A shop that runs without Redis may show its list from before for as long as CACHE_TIMEOUT says."""
    with in_one_line():
        require_tables()
        try:
            sheet = read(file.read_bytes())
        except OSError as error:
            raise click.ClickException(f"{file} can't be read: {error.strerror}") from None
        faults = sorted(sheet.faults + taken(sheet))
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
