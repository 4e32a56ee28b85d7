"""The lists as CSV: their content, and the escaping of formulas."""

import re

import pytest
from sqlalchemy import insert, update

from app.blueprints.spreadsheet import csv_export
from app.models import inventory, mechanics, stock_movements
from app.utils.api import pagination
from app.utils.api.pagination import BATCH_SIZE
from tests.support.csv_reader import PATHS, ids_of, in_cell, rows_of

PARTS = ["id", "name", "price", "quantity", "sku", "created_at", "updated_at"]
TICKETS = ["id", "customer_id", "customer_name", "service_date", "description", "vin"]
TICKETS += ["mechanics", "parts", "parts_total", "created_at", "updated_at"]
MOVEMENTS = ["id", "change", "balance", "reason", "note", "ticket_id", "by_id", "by", "created_at"]


# ---------------------------------------------------------------- content
def test_parts_have_the_values_of_the_json_list(staff, make):
    make.part(name="Brake pad, front", price=49.9, quantity=20, sku="BP-1042")
    make.part(name='Ölfilter 6" «groß»\u2009日本 🛞', price=0, quantity=0)
    response = staff.get("/inventory.csv")
    assert [
        row | {"price": float(row["price"]), "id": int(row["id"]), "quantity": int(row["quantity"]), "sku": row["sku"] or None}
        for row in rows_of(response)
    ] == [part | {name: in_cell(part[name]) for name in ("created_at", "updated_at")} for part in staff.get("/inventory").json]
    assert list(rows_of(response)[0]) == PARTS
    assert [row["price"] for row in rows_of(response)] == ["49.90", "0.00"]


def test_ticket_is_one_row_with_its_mechanics_and_parts(staff, make):
    ann, bob = make.mechanic(name="Ann"), make.mechanic(name="Bob, the second")
    pads, oil = make.part(name="Pad", price=12.5), make.part(name="Oil; 5W-30", price=9.99)
    lines = [{"inventory_id": oil.id, "quantity": 3}, {"inventory_id": pads.id, "quantity": 2}]
    ticket = make.ticket(description='Line one\n"two", three', mechanic_ids=[bob.id, ann.id], parts=lines)
    [row] = rows_of(staff.get("/tickets.csv"))
    assert list(row) == TICKETS
    assert row == {
        "id": str(ticket.id),
        "customer_id": str(ticket.customer_id),
        "customer_name": ticket.customer_name,
        "service_date": "2026-11-24",
        "description": 'Line one\n"two", three',
        "vin": ticket.vin,
        "mechanics": "Ann; Bob, the second",
        "parts": "2 × Pad; 3 × Oil; 5W-30",
        "parts_total": "54.97",
        "created_at": in_cell(ticket.created_at),
        "updated_at": in_cell(ticket.updated_at),
    }


def test_movements_are_newest_first_with_the_mechanic(staff, make, engine):
    """The column By is blank for the shop itself."""
    part = make.part(quantity=10)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 3}])
    staff.put(f"/inventory/{part.id}", json={"quantity": 5})
    with engine.begin() as connection:
        connection.execute(update(stock_movements).where(stock_movements.c.change == 10).values(mechanic_id=None))
    response = staff.get(f"/inventory/{part.id}/movements.csv")
    listed = staff.get(f"/inventory/{part.id}/movements").json
    assert list(rows_of(response)[0]) == MOVEMENTS
    assert [(row["change"], row["balance"], row["reason"], row["ticket_id"], row["by"]) for row in rows_of(response)] == [
        ("-2", "5", "counted", "", staff.record["name"]),
        ("-3", "7", "used", str(ticket.id), make.boss.record["name"]),
        ("10", "10", "received", "", ""),
    ]
    assert [(int(row["id"]), row["by_id"], row["created_at"]) for row in rows_of(response)] == [
        (move["id"], str(move["by"]["id"]) if move["by"] else "", in_cell(move["created_at"])) for move in listed
    ]


def test_empty_list_has_only_the_header(staff):
    assert staff.get("/inventory.csv").data.decode() == "\ufeff" + ",".join(PARTS) + "\r\n"
    assert staff.get("/tickets.csv").data.decode() == "\ufeff" + ",".join(TICKETS) + "\r\n"


def test_format_is_rfc_4180(staff, make):
    """CRLF, quotation marks doubled, and as many cells in each line as in the first."""
    part = make.part(name='3" pipe, long')
    for path in PATHS:
        response = staff.get(path.format(part.id))
        assert response.content_type == "text/csv; charset=utf-8"
        assert re.fullmatch(r'attachment; filename="[a-z0-9-]+\.csv"', response.headers["Content-Disposition"])
        assert response.data.endswith(b"\r\n")
        assert response.data.count(b"\n") == response.data.count(b"\r\n")
        assert all(None not in row and None not in row.values() for row in rows_of(response))
    assert b'"3"" pipe, long"' in staff.get("/inventory.csv").data


def test_deleted_records_are_left_out(admin, make):
    part, ticket = make.part(), make.ticket()
    admin.delete(f"/inventory/{part.id}")
    admin.delete(f"/tickets/{ticket.id}")
    assert rows_of(admin.get("/inventory.csv")) == rows_of(admin.get("/tickets.csv")) == []
    assert admin.get(f"/inventory/{part.id}/movements.csv").status_code == 404


# ---------------------------------------------------------------- formulas
FORMULAS = ["=1+1", "+49 30 1", "-5", "-5.50", "@SUM(A1)", "＝1+1"]
FORMULAS += ['=HYPERLINK("http://evil.example","x")', "=cmd|' /C calc'!A0"]


@pytest.mark.parametrize("text", FORMULAS)
def test_formula_is_escaped_in_every_column(staff, make, text):
    """With an apostrophe before it, a spreadsheet takes it for text."""
    mechanic = make.mechanic(name=text)
    part = make.part(name=text, sku=text, quantity=5)
    make.ticket(description=text, mechanic_ids=[mechanic.id], parts=[{"inventory_id": part.id}])
    mechanic.put(f"/inventory/{part.id}", json={"quantity": 1})
    [part_row] = rows_of(staff.get("/inventory.csv"))
    [ticket_row] = rows_of(staff.get("/tickets.csv"))
    movement_rows = rows_of(staff.get(f"/inventory/{part.id}/movements.csv"))
    assert (part_row["name"], part_row["sku"]) == (f"'{text}", f"'{text}")
    assert (ticket_row["description"], ticket_row["mechanics"]) == (f"'{text}", f"'{text}")
    assert movement_rows[0]["by"] == f"'{text}"
    for row in (part_row, ticket_row, *movement_rows):
        assert not any(cell.startswith(tuple("=+@＝")) for cell in row.values())


def test_negative_number_is_not_escaped(staff, make):
    """A change of -2 must stay a number; only a text that looks like one is escaped."""
    part = make.part(quantity=5)
    make.ticket(parts=[{"inventory_id": part.id, "quantity": 2}])
    assert rows_of(staff.get(f"/inventory/{part.id}/movements.csv"))[0]["change"] == "-2"


def test_leading_tab_or_line_break_is_escaped(staff, make, engine):
    """The API refuses such a text, but a row that was written by hand may have one."""
    part = make.part()
    for start in "\t\r\n":
        with engine.begin() as connection:
            connection.execute(
                update(inventory).where(inventory.c.id == part.id).values(name=f"{start}=1+1", search=f"{start}=1+1")
            )
        assert rows_of(staff.get("/inventory.csv"))[0]["name"] == f"'{start}=1+1"


@pytest.mark.parametrize("text", ["=1+1", "'=1+1", "''-", "'", "it's", "", "'quoted'", "5-6", "-", "Öl"])
def test_escaping_is_reversible(text):
    assert csv_export.unescape_formula(csv_export.escape_formula(text)) == text
    assert not str(csv_export.escape_formula(text)).startswith(tuple("=+-@"))


# ---------------------------------------------------------------- records
def test_filters_are_those_of_the_json_list(staff, make):
    mechanic, part = make.mechanic(), make.part(name="Pad", sku="X-1")
    make.part(name="Other")
    matching = make.ticket(vin="AB1", description="Oil 100%", service_date="2026-02-01", mechanic_ids=[mechanic.id])
    other = make.ticket(vin="CD2", description="Brakes", service_date="2026-03-01")
    for query in (
        "vin=ab1",
        f"customer_id={matching.customer_id}",
        f"mechanic_id={mechanic.id}",
        "to=2026-02-28",
        "q=100%25",
        "from=2026-02-01&to=2026-02-01&q=oil",
    ):
        assert ids_of(staff.get(f"/tickets.csv?{query}")) == [matching.id], query
    assert ids_of(staff.get("/tickets.csv?q=&unknown=1&page=7&per_page=1&after=9")) == [other.id, matching.id]
    assert ids_of(staff.get("/inventory.csv?q=x-1")) == [part.id]


@pytest.mark.parametrize(
    "query", ["from=yesterday", "customer_id=0", "mechanic_id=x", "vin=%25", "to=2026-02-30", "q=" + "x" * 256]
)
def test_bad_filter_is_422_as_in_the_json_list(staff, query):
    response, listed = staff.get(f"/tickets.csv?{query}"), staff.get(f"/tickets?{query}")
    assert (response.status_code, response.content_type) == (422, "application/problem+json")
    assert response.data == listed.data


@pytest.mark.parametrize(
    "path", ["/inventory/1999999999/movements.csv", "/inventory/0/movements.csv", "/inventory/x/movements.csv"]
)
def test_movements_of_an_unknown_part_are_404(staff, path):
    response = staff.get(path)
    assert (response.status_code, response.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("number", [BATCH_SIZE - 1, BATCH_SIZE, BATCH_SIZE + 1, 2 * BATCH_SIZE, 2 * BATCH_SIZE + 3])
def test_batches_have_every_record_once_and_in_order(staff, make_tickets, number, monkeypatch):
    make_tickets(number)
    rows = rows_of(staff.get("/tickets.csv"))
    keys = [(row["service_date"], int(row["id"])) for row in rows]
    assert len(set(keys)) == number
    assert keys == sorted(keys, reverse=True)


def test_ascending_list_is_read_in_batches_too(staff, engine, monkeypatch):
    monkeypatch.setattr(pagination, "BATCH_SIZE", 3)
    with engine.begin() as connection:
        connection.execute(insert(inventory), [{"name": f"Part {each}", "price_cents": each} for each in range(10)])
    assert [row["price"] for row in rows_of(staff.get("/inventory.csv"))] == [f"0.0{each}" for each in range(10)]


def test_batches_are_stable_under_inserts_and_deletions(staff, make, monkeypatch):
    """The next batch begins after the last record written, wherever that record is now."""
    monkeypatch.setattr(pagination, "BATCH_SIZE", 2)
    tickets = [make.ticket() for _ in range(6)][::-1]
    response = staff.get("/tickets.csv")
    chunks = iter(response.response)
    first_chunk = next(chunks)
    make.ticket()
    make.boss.put(f"/tickets/{tickets[1].id}", json={"service_date": "2000-01-01"})
    make.boss.delete(f"/tickets/{tickets[3].id}")
    other_chunks = b"".join(chunks)
    ids = [int(line.split(b",")[0]) for line in (first_chunk + other_chunks).splitlines()[1:]]
    assert ids == [tickets[0].id, tickets[1].id, tickets[2].id, tickets[4].id, tickets[5].id, tickets[1].id]
    response.close()


def test_deleted_mechanic_is_still_named_in_the_movements(admin, staff, make, left):
    mechanic = make.mechanic(name="Gone")
    part = make.part()
    mechanic.put(f"/inventory/{part.id}", json={"quantity": 3})
    admin.delete(f"/mechanics/{mechanic.id}")
    assert left.row(mechanics, mechanic.id).deleted_at is not None
    assert rows_of(staff.get(f"/inventory/{part.id}/movements.csv"))[0]["by"] == "Gone"
