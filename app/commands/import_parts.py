"""``flask --app run import-parts FILE.csv``: add the parts of a spreadsheet, all or none.

Each line of the file is a part, validated as by the API. All faults are named with their lines and columns, so that a
file can be mended at once.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, BinaryIO

import click
from marshmallow import ValidationError
from sqlalchemy import select

from app.blueprints.inventory.parts import add_part
from app.blueprints.inventory.schemas import PartIn
from app.blueprints.spreadsheet.csv_export import unescape_formula
from app.commands.errors import exit_with_message, require_tables
from app.commands.words import counted
from app.models import inventory
from app.utils.api.fields import trim
from app.utils.db.statements import fetch_all
from app.utils.db.transactions import run_in_transaction

COLUMNS = ("name", "price", "quantity", "sku")
REQUIRED = ("name", "price")
IGNORED = ("id", "created_at", "updated_at")  # Columns of ``GET /inventory.csv`` that the shop sets itself.
SHEET_ERROR = re.compile(r"#(REF!|N/A|NAME\?|VALUE!|DIV/0!|NUM!|NULL!|SPILL!|CALC!)|Err:\d+")
"""Error values of spreadsheets."""
SHORTENED = re.compile(r"-?[0-9]+([.,][0-9]+)?[Ee]\+[0-9]+")
"""A long number as a spreadsheet shortens it: ``1234567890123`` becomes ``1.23457E+12``."""
TEXT_FORMULA = re.compile(r'="((?:[^"]|"")*)"')  # The formula by which a spreadsheet keeps ``00123`` as it is: ``="00123"``.
SEPARATOR = re.compile(r'"?sep=([,;\t|])"?[,;\t|]*', re.IGNORECASE)
"""A first line that tells Excel which character separates the cells."""
CSV_FAULTS = {
    "unexpected end of data": "has a quotation mark that is not closed",
    "expected after": "has text after a closing quotation mark",
    "field larger": "has a cell that is too long",
}
"""A part of a message of Python's csv module → the fault."""
NUMBERS = {
    "price": (r"-?[0-9]+(\.[0-9]+)?", Decimal, "must be a number like 49.90, without a currency or a separator of thousands"),
    "quantity": (r"-?[0-9]+", int, "must be a whole number like 12, without a separator of thousands"),
}
"""Column → the form and the type of its numbers, and the fault of another form."""
SKUS = select(inventory.c.id, inventory.c.sku).where(inventory.c.sku.is_not(None))
SCHEMA = PartIn()
Part = dict[str, Any]
Fault = tuple[int, str, str]  # Line, column and text; the column is blank if the whole line is at fault.


# ---------------------------------------------------------------- the file
def lines_of(file: bytes) -> list[str]:
    """Return the lines of a file. Bytes that are not UTF-8 become lone surrogates, which cells_of() reports."""
    return re.split(r"\r\n|\n|\r", file.decode("utf-8-sig", "surrogateescape"))


def require_text(line: str) -> None:
    """Raise ValueError if a line is not text in UTF-8."""
    if line.startswith(("\udcff\udcfe", "\udcfe\udcff")):  # A byte order mark.
        raise ValueError("is UTF-16; save the sheet as «CSV UTF-8»")
    if any("\ud800" <= letter <= "\udfff" for letter in line):
        raise ValueError("is not UTF-8; save the sheet as «CSV UTF-8»")
    if "\ufffd" in line:
        raise ValueError("holds \ufffd, so a letter was lost when it was saved; save the sheet as «CSV UTF-8»")


def cells_of(lines: Sequence[str], start: int, separator: str) -> tuple[list[str], int]:
    """Return the cells that begin in a line, and the number of the line behind them. Raise ValueError with the fault.

    A cell in quotation marks may hold line breaks. A mark that no later line closes is a fault of its own line alone."""
    require_text(lines[start])
    reader = csv.reader((f"{lines[number]}\n" for number in range(start, len(lines))), delimiter=separator, strict=True)
    try:
        found = next(reader, [])
    except csv.Error as error:
        message = str(error) if reader.line_num == 1 else "unexpected end of data"
        fault = next((text for part, text in CSV_FAULTS.items() if part in message), f"can't be read: {message}")
        raise ValueError(fault) from None
    for number in range(start + 1, start + reader.line_num):
        require_text(lines[number])
    return [text_of(trim(cell)) for cell in found], start + reader.line_num


def text_of(cell: str) -> str:
    """Return the text that a spreadsheet shows in a cell."""
    formula = TEXT_FORMULA.fullmatch(cell)
    return formula[1].replace('""', '"') if formula else unescape_formula(cell)


def read_sheet(file: bytes) -> tuple[dict[int, Part], list[Fault]]:
    """Return the parts of a file by line, and its faults, without comparing them with the shop."""
    parts: dict[int, Part] = {}
    faults: list[Fault] = []
    columns: list[str] = []
    lines = lines_of(file)
    told = SEPARATOR.fullmatch(lines[0])
    separator, following = (told[1], 1) if told else (max(",;\t", key=lines[0].count), 0)
    while following < len(lines):
        number = following = following + 1
        try:
            cells, following = cells_of(lines, number - 1, separator)
            if not columns:
                columns = columns_of(cells)
            elif any(cells):
                parts[number] = part_of(columns, cells, separator)
        except ValidationError as error:
            faults += [(number, column, " and ".join(texts)) for column, texts in error.messages_dict.items()]
        except ValueError as error:
            faults.append((number, "", str(error)))
        if not columns:
            break
    if not parts and not faults:
        faults.append((1, "", "has no parts below it"))
    return parts, faults


# ---------------------------------------------------------------- a line
def columns_of(cells: list[str]) -> list[str]:
    """Return the columns that the first line names, without empty ones at its end. Raise ValidationError."""
    columns = [" ".join(name.lower().split()) for name in cells]
    while columns and not columns[-1]:
        columns.pop()
    wrong = {name: ["there is no such column; the first line names them"] for name in REQUIRED if name not in columns}
    for place, name in enumerate(columns, 1):
        if not name:
            wrong[f"column {place}"] = ["has no name"]
        elif name not in COLUMNS + IGNORED:
            wrong[name[:40]] = [f"is no column of a part; these are {', '.join(COLUMNS)}"]
        elif columns.index(name) != place - 1:
            wrong[name] = ["occurs twice"]
    if wrong:
        raise ValidationError(wrong)
    return columns


def part_of(columns: list[str], cells: list[str], separator: str) -> Part:
    """Return the part of a line. Raise ValidationError, or ValueError if the whole line is at fault."""
    if len(cells) < len(columns) or any(cells[len(columns) :]):
        raise ValueError(f"has {counted(len(cells), 'cell')}, and the first line {len(columns)}")
    values: dict[str, Any] = {name: cell for name, cell in zip(columns, cells, strict=False) if name in COLUMNS and cell}
    if "price" in values and separator == ";":  # Decimal commas come with semicolons.
        values["price"] = values["price"].replace(",", ".")
    wrong = {name: [fault] for name, cell in values.items() if (fault := fault_of(name, cell))}
    for name in NUMBERS.keys() & values.keys() - wrong.keys():
        values[name] = NUMBERS[name][1](Decimal(values[name]))
    if wrong := SCHEMA.validate(values) | wrong:
        raise ValidationError(wrong)
    return dict(SCHEMA.load(values))


def fault_of(name: str, cell: str) -> str | None:
    """Return what is wrong with a cell before the schema sees it."""
    if SHEET_ERROR.fullmatch(cell):
        return f"is an error of the spreadsheet: {cell}"
    if "\n" in cell:
        return "holds a line break"
    if name in NUMBERS:
        return None if re.fullmatch(NUMBERS[name][0], cell) else NUMBERS[name][2]
    if SHORTENED.fullmatch(cell):
        return f"is a number that the spreadsheet has shortened: {cell}; format the column as text, and enter it again"
    return None


# ---------------------------------------------------------------- the shop
def faults_of_skus(parts: dict[int, Part]) -> Iterator[Fault]:
    """Yield a fault for each sku that occurs twice in the file, or that another part of the shop has."""
    lines: dict[str, int] = {}
    for number, part in parts.items():
        if part["sku"] and lines.setdefault(part["sku"], number) != number:
            yield (number, "sku", f"occurs in line {lines[part['sku']]} already")
    for row in fetch_all(SKUS):
        if row.sku in lines:
            yield (lines[row.sku], "sku", f"is that of part {row.id} already")


@click.argument("file", type=click.File("rb"))
@click.option("--apply", is_flag=True, help="Add the parts; without this option, they are only checked.")
def import_parts(file: BinaryIO, *, apply: bool) -> None:
    """Add the parts of FILE, a CSV with the columns name and price, and optionally quantity and sku.

    All parts are added, or none: every fault is named with its line. The ledger shows their stock as received. A shop
    that runs without Redis may show its old list for CACHE_TIMEOUT seconds."""
    with exit_with_message():
        require_tables()
        parts, faults = read_sheet(file.read())
        faults = sorted([*faults, *faults_of_skus(parts)])
        for line, column, text in faults:
            click.echo(f"line {line}, {column}: {text}" if column else f"line {line}: {text}")
        if faults:
            lines = len({line for line, *_ in faults})
            raise click.ClickException(f"{counted(len(faults), 'fault')} in {counted(lines, 'line')}; nothing was changed.")
        found, pieces = counted(len(parts), "part"), counted(sum(part["quantity"] for part in parts.values()), "piece")
        if apply:
            run_in_transaction(lambda: [add_part(part) for part in parts.values()])
            click.echo(f"{found} {'was' if len(parts) == 1 else 'were'} added, with {pieces} in stock.")
        else:
            click.echo(f"{found} with {pieces} can be added. Nothing was changed; --apply does it.")
