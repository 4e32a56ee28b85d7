"""``flask --app run import-parts``: parts of a spreadsheet, all of them or none, and each fault with its line."""

import pytest
from sqlalchemy import event, select

from app.commands import import_parts
from app.models import inventory, stock_movements
from tests.support.invariants import faults

HEADER = "name,price,quantity,sku"


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a file of these lines; bytes are written unchanged."""

    def write(*lines, ending="\r\n", start=b"\xef\xbb\xbf"):
        path = tmp_path / "parts.csv"
        path.write_bytes(
            start + b"".join((line if isinstance(line, bytes) else line.encode()) + ending.encode() for line in lines)
        )
        return path

    return write


@pytest.fixture
def parts(engine):
    """Return a function that reads all parts: name, price in cents, quantity, sku."""

    def read():
        columns = (inventory.c.name, inventory.c.price_cents, inventory.c.quantity, inventory.c.sku)
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(select(*columns).order_by(inventory.c.id))]

    return read


# ---------------------------------------------------------------- added
def test_dry_run_reports_the_parts_and_adds_nothing(run, file, unchanged):
    path = file(HEADER, '"Brake pad, front",49.90,20,BP-1042', "Oil filter,9.5,,")
    with unchanged():
        output = ["2 parts with 20 pieces can be added. Nothing was changed; --apply does it."]
        assert run("import-parts", path) == (0, output)


def test_apply_adds_parts_with_a_movement_each(run, file, parts, staff, engine):
    """`by` is null, since no mechanic did it."""
    path = file(HEADER, '"Brake pad, front",49.90,20,BP-1042', "Oil filter,9.5,,", " Ölfilter 6\u2033 , 0 , 2147483647 , Ö-1 ")
    staff.get("/inventory")
    output = [f"3 parts were added, with {2_147_483_647 + 20:,} pieces in stock."]
    assert run("import-parts", path, "--apply") == (0, output)
    assert parts() == [
        ("Brake pad, front", 4990, 20, "BP-1042"),
        ("Oil filter", 950, 0, None),
        ("Ölfilter 6\u2033", 0, 2_147_483_647, "Ö-1"),
    ]
    first, second, _ = staff.get("/inventory").json
    [movement] = staff.get(f"/inventory/{first['id']}/movements").json
    assert {name: movement[name] for name in ("change", "balance", "reason", "ticket_id", "by")} == {
        "change": 20,
        "balance": 20,
        "reason": "received",
        "ticket_id": None,
        "by": None,
    }
    assert staff.get(f"/inventory/{second['id']}/movements").json == []
    assert faults(engine) == []


def test_import_invalidates_the_cached_list(run, file, staff, make):
    make.part(name="Before")
    assert len(staff.get("/inventory").json) == 1
    assert run("import-parts", file(HEADER, "Pad,1,2,"), "--apply")[0] == 0
    assert [part["name"] for part in staff.get("/inventory").json] == ["Before", "Pad"]


@pytest.mark.parametrize(
    ("lines", "options"),
    [
        (["price,name", "1.5,Pad"], {}),
        (["NAME, Price ,SKU", "Pad,1.50,"], {"ending": "\n"}),
        (["name;price", "Pad;1,50"], {}),
        (["name\tprice", "Pad\t1.5"], {"ending": "\r"}),
        (["id,name,price,created_at,updated_at", "7,Pad,1.5,2026-11-24 08:00:00,"], {"start": b""}),
        (["name,price,quantity,sku", "", ",,,", "Pad,1.5,,,,", "  "], {}),
        (["name,price,quantity,sku,,", "Pad,1.5,,,,", ",,,,,"], {}),
        (["name;price;;;;", "Pad;1,5", "\ufeff;"], {}),
        (["sep=;", "name;price", "Pad;1,5"], {}),
        (["SEP=,", "name,price", "Pad,1.5"], {"start": b""}),
        (['"sep=\t"', "name\tprice", "Pad\t1.5"], {"ending": "\n"}),
        (["sep=|", "name|price", "Pad|1.5"], {}),
        (["sep=;;", "price;name;", "1.5;Pad;"], {}),
        (['"name\n",price', '"\nPad\r\n",1.5'], {}),
        (["name,price", '="Pad",="1.50"'], {}),
        (["name,price", '"=""Pad""","=""1.5"""'], {}),
    ],
)
def test_formats_of_spreadsheets_are_read(run, file, parts, lines, options):
    """Columns in any order and case; commas, semicolons with a decimal comma, or tabs; blank lines."""
    assert run("import-parts", file(*lines, **options), "--apply")[0] == 0
    assert parts() == [("Pad", 150, 0, None)]


def test_text_formula_is_read_as_its_text(run, file, parts):
    """A sheet keeps the zeros of 00123 by ="00123"."""
    path = file(HEADER, 'Pad,1,2,="00123"', '"=""6"""" disc""",1,2,"=""1,5"""', "'=1+1,1,2,'=\"007\"", '=1+1,1,2,=""')
    assert run("import-parts", path, "--apply")[0] == 0
    names_and_skus = [("Pad", "00123"), ('6" disc', "1,5"), ("=1+1", '="007"'), ("=1+1", None)]
    assert [(name, sku) for name, _, _, sku in parts()] == names_and_skus


def test_cell_with_a_line_break_is_one_fault(run, file, unchanged):
    """All lines of the cell are of one part, and the lines below are read as ever."""
    rows = [f'"Brake\npad {each}\n",1.5,1,SKU-{each}' for each in range(111)]
    broken = ['"Pad,1,1,A', "Disc,1,1,B", '"Pad, front",free,1,"C\r\nD"']
    with unchanged():
        code, output = run("import-parts", file(HEADER, *rows, *broken), "--apply")
    assert code == 1
    assert output[:111] == [f"line {2 + 3 * each}, name: holds a line break" for each in range(111)]
    assert output[111:] == [
        "line 335: has a quotation mark that is not closed",
        f"line 337, price: {NUMBER}",
        "line 337, sku: holds a line break",
        "Error: 114 faults in 113 lines; nothing was changed.",
    ]


def test_single_part_and_fault_are_counted_in_the_singular(run, file):
    assert run("import-parts", file(HEADER, "Pad,free,1,"))[1][-1] == "Error: 1 fault in 1 line; nothing was changed."
    assert run("import-parts", file(HEADER, "Pad"))[1][0] == "line 2: has 1 cell, and the first line 4"
    assert run("import-parts", file(HEADER, "Pad,1,1,"))[1][-1].startswith("1 part with 1 piece can be added.")
    assert run("import-parts", file(HEADER, "Pad,1,1,"), "--apply")[1][-1] == "1 part was added, with 1 piece in stock."


def test_exported_csv_can_be_imported(run, make, staff, tmp_path, engine, parts, admin):
    """`GET /inventory.csv`, with names that would be formulas: each part is restored as it was."""
    names = ["=1+1", "'=2", "-5", "'", "+49", 'Pad, 6" «x»', "Öl", "@home", "''+"]
    made = [make.part(name=name, sku=f"-{each}", price=each + 0.05) for each, name in enumerate(names)]
    (tmp_path / "parts.csv").write_bytes(staff.get("/inventory.csv").data)
    before = parts()
    for part in made:
        admin.delete(f"/inventory/{part.id}")
    assert run("import-parts", tmp_path / "parts.csv", "--apply")[0] == 0
    assert parts()[len(made) :] == before


def test_import_is_one_transaction(run, file, engine, parts):
    commits = []
    event.listen(engine, "commit", note := lambda _: commits.append(1))
    try:
        lines = [f"Part {each},{each}.25,{each % 7},SKU-{each}" for each in range(2000)]
        assert run("import-parts", file(HEADER, *lines), "--apply")[0] == 0
    finally:
        event.remove(engine, "commit", note)
    assert len(commits) == 1
    assert len(parts()) == 2000
    with engine.connect() as connection:
        assert len(connection.execute(select(stock_movements)).all()) == len([each for each in range(2000) if each % 7])
    assert faults(engine) == []


def test_sku_taken_meanwhile_undoes_the_whole_import(run, file, make, unchanged, monkeypatch):
    """The database itself refuses the last part of the file, and none is added."""
    make.part(sku="TAKEN")
    monkeypatch.setattr(import_parts, "faults_of_skus", lambda _: [])
    with unchanged():
        code, output = run("import-parts", file(HEADER, "Pad,1,5,FREE", "Disc,2,5,TAKEN"), "--apply")
    assert (code, output) == (1, ["Error: Another part has this sku."])


# ---------------------------------------------------------------- refused
NUMBER = "must be a number like 49.90, without a currency or a separator of thousands"
WHOLE = "must be a whole number like 12, without a separator of thousands"
SHORTENED = "is a number that the spreadsheet has shortened: {}; format the column as text, and enter it again"
UTF8 = "save the sheet as «CSV UTF-8»"
LINES = {
    "no name": (",9.99,1,", "name: is required"),
    "a name of blanks": ("   ,9.99,1,", "name: is required"),
    "a name that is too long": (f"{'x' * 256},9.99,1,", "name: must have 1 to 255 characters"),
    "a control character in a name": ("Pa\x07d,9.99,1,", "name: may not hold control characters"),
    "a tab in a name": ("Pa\td,9.99,1,", "name: may not hold control characters"),
    "a NUL in a name": ("Pa\0d,9.99,1,", "name: may not hold control characters"),
    "a separator of lines in a name": ("Pa\u2028d,9.99,1,", "name: may not hold control characters"),
    "a cell that could not be computed": ("#REF!,9.99,1,", "name: is an error of the spreadsheet: #REF!"),
    "a price that could not be computed": ("Pad,#DIV/0!,1,", "price: is an error of the spreadsheet: #DIV/0!"),
    "a look-up that found nothing": ("Pad,#N/A,1,", "price: is an error of the spreadsheet: #N/A"),
    "no price": ("Pad,,1,", "price: is required"),
    "a price in words": ("Pad,free,1,", f"price: {NUMBER}"),
    "a price with a currency": ("Pad,$9.99,1,", f"price: {NUMBER}"),
    "a price with a currency behind": ("Pad,9.99 €,1,", f"price: {NUMBER}"),
    "a price with a decimal comma": ('Pad,"9,99",1,', f"price: {NUMBER}"),
    "a price with a separator of thousands": ('Pad,"1,234.50",1,', f"price: {NUMBER}"),
    "a price that is not a number": ("Pad,NaN,1,", f"price: {NUMBER}"),
    "an infinite price": ("Pad,Infinity,1,", f"price: {NUMBER}"),
    "a price with an exponent": ("Pad,1E+03,1,", f"price: {NUMBER}"),
    "a price in other digits": ("Pad,９.９９,1,", f"price: {NUMBER}"),
    "a negative price": ("Pad,-0.01,1,", "price: must be from 0 to 99,999,999.99"),
    "a price that is too large": ("Pad,100000000,1,", "price: must be from 0 to 99,999,999.99"),
    "a price of thousands of digits": (f"Pad,{'9' * 5000},1,", "price: must be from 0 to 99,999,999.99"),
    "a price with three decimals": ("Pad,9.999,1,", "price: may have two decimals at most"),
    "a quantity in words": ("Pad,9.99,many,", f"quantity: {WHOLE}"),
    "a fraction of a part": ("Pad,9.99,1.5,", f"quantity: {WHOLE}"),
    "a quantity with decimals": ("Pad,9.99,1.0,", f"quantity: {WHOLE}"),
    "a quantity with a separator of thousands": ('Pad,9.99,"1,000",', f"quantity: {WHOLE}"),
    "a quantity with an underscore": ("Pad,9.99,1_000,", f"quantity: {WHOLE}"),
    "a quantity that is true": ("Pad,9.99,TRUE,", f"quantity: {WHOLE}"),
    "a quantity in other digits": ("Pad,9.99,١,", f"quantity: {WHOLE}"),
    "a negative quantity": ("Pad,9.99,-1,", "quantity: must be from 0 to 2147483647"),
    "a quantity that is too large": ("Pad,9.99,2147483648,", "quantity: must be from 0 to 2147483647"),
    "a quantity of thousands of digits": (f"Pad,9.99,{'9' * 5000},", "quantity: must be from 0 to 2147483647"),
    "a sku that was shortened": ("Pad,9.99,1,1.23457E+12", f"sku: {SHORTENED.format('1.23457E+12')}"),
    "a sku that was shortened with a comma": ('Pad,9.99,1,"1,23E+15"', f"sku: {SHORTENED.format('1,23E+15')}"),
    "a sku that was shortened to one digit": ("Pad,9.99,1,5e+015", f"sku: {SHORTENED.format('5e+015')}"),
    "a name that was shortened": ("4.00638E+12,9.99,1,", f"name: {SHORTENED.format('4.00638E+12')}"),
    "a sku that is too long": (f"Pad,9.99,1,{'x' * 65}", "sku: must have 1 to 64 characters"),
    "a control character in a sku": ("Pad,9.99,1,A\x1bB", "sku: may not hold control characters"),
    "a sku that stands in the file already": ("Pad,9.99,1,SKU-5", "sku: occurs in line 7 already"),
    "a sku that the shop has": ("Pad,9.99,1,TAKEN", "sku: is that of part {part} already"),
    "too few cells": ("Pad,9.99", "has 2 cells, and the first line 4"),
    "too many cells": ("Pad,9.99,1,,and more", "has 5 cells, and the first line 4"),
    "a quotation mark that is not closed": (
        '"Pad,9.99,1,',
        "has a quotation mark that is not closed",
    ),
    "text after a quotation mark": ('"Pad" front,9.99,1,', "has text after a closing quotation mark"),
    "a cell that is too long": (f"{'x' * 140_000},9.99,1,", "has a cell that is too long"),
    "text in another encoding": ("Ölfilter,9.99,1,".encode("cp1252"), f"is not UTF-8; {UTF8}"),
    "replacement characters": ("\ufffdlfilter,9.99,1,", f"holds \ufffd, so a letter was lost when it was saved; {UTF8}"),
}
"""A kind of fault → a line with the fault, and the message."""


def test_every_fault_is_named_with_its_line(run, file, make, unchanged):
    """The file has 2,000 rows with 40 kinds of errors. Nothing changes, in a dry run and with --apply."""
    assert len(LINES) >= 40
    part = make.part(sku="TAKEN").id
    rows = [f"Part {each},{each}.25,{each % 7},SKU-{each}" for each in range(2000)]
    expected = []
    for number, (line, message) in enumerate(LINES.values(), 1):
        index = 38 * number
        rows[index] = line
        names_a_column = message.startswith(("name: ", "price: ", "quantity: ", "sku: "))
        expected.append(f"line {index + 2}{', ' if names_a_column else ': '}{message.format(part=part)}")
    path = file(HEADER, *rows)
    with unchanged():
        for args in ([], ["--apply"]):
            code, output = run("import-parts", path, *args)
            assert code == 1
            assert output[:-1] == expected
            assert output[-1] == f"Error: {len(LINES)} faults in {len(LINES)} lines; nothing was changed."


def test_every_fault_of_one_line_is_named(run, file, unchanged):
    with unchanged():
        code, output = run("import-parts", file(HEADER, f",free,-1,{'x' * 65}"), "--apply")
    assert code == 1
    assert output == [
        "line 2, name: is required",
        f"line 2, price: {NUMBER}",
        "line 2, quantity: must be from 0 to 2147483647",
        "line 2, sku: must have 1 to 64 characters",
        "Error: 4 faults in 1 line; nothing was changed.",
    ]


@pytest.mark.parametrize(
    ("lines", "messages"),
    [
        ([], ["line 1, name: there is no such column; the first line names them", "line 1, price: there is no such column"]),
        (["sku", "A"], ["line 1, name: there is no such column", "line 1, price: there is no such column"]),
        (["name,price,colour", "Pad,1,red"], ["line 1, colour: is no column of a part; these are name, price, quantity, sku"]),
        (["name,price,name", "Pad,1,Pad"], ["line 1, name: occurs twice"]),
        (["name,,price", "Pad,,1"], ["line 1, column 2: has no name"]),
        (["name,price,", "Pad,1,x"], ["line 2: has 3 cells, and the first line 2"]),
        (
            ["sep=;", "name;colour", "Pad;1"],
            ["line 2, colour: is no column", "line 2, price: there is no such column"],
        ),
        (["sep=;"], ["line 2, name: there is no such column"]),
        (['name,"price\n(USD)"', "Pad,1"], ["line 1, price (usd): is no column of a part"]),
        (['name,"price', "Pad,1"], ["line 1: has a quotation mark that is not closed"]),
        (["näme,price".encode("latin-1"), "Pad,1"], [f"line 1: is not UTF-8; {UTF8}"]),
        ([HEADER], ["line 1: has no parts below it"]),
        ([HEADER, ",,,"], ["line 1: has no parts below it"]),
        (["Pad,1.5,2,"], ["line 1, name: there is no such column", "line 1, price: there is no such column"]),
    ],
)
def test_bad_header_is_reported(run, file, unchanged, lines, messages):
    with unchanged():
        code, output = run("import-parts", file(*lines), "--apply")
    assert code == 1
    for message in messages:
        assert any(each.startswith(message) for each in output), output


def test_file_that_is_not_csv_is_reported(run, tmp_path, unchanged):
    path = tmp_path / "parts.csv"
    with unchanged():
        for raw, message in (
            ("name,price\r\nPad,1".encode("utf-16"), f"line 1: is UTF-16; {UTF8}"),
            (b"PK\x03\x04\xff\xfe\x00", f"line 1: is not UTF-8; {UTF8}"),
        ):
            path.write_bytes(raw)
            code, lines = run("import-parts", path, "--apply")
            assert (code, lines[0]) == (1, message)
        assert run("import-parts", tmp_path / "nowhere.csv")[0] == 2
        assert run("import-parts", tmp_path)[0] == 2
