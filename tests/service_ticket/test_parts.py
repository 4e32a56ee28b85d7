"""The parts on a ticket, and the stock that changes with them."""

import pytest
from sqlalchemy import func, insert, select

from app.models import inventory, service_tickets, stock_movements
from tests.support.part_lines import MOST, off, on

LONG_AGO = "2020-01-01T00:00:00Z"
"""The times that the fixture backdate sets."""


# ---------------------------------------------------------------- adding and removing
def test_adding_parts_returns_the_ticket_and_deducts_stock(staff, make, left, change_parts):
    """The response is the ticket with its lines by ascending id, each with its total."""
    pads, oil = make.part(name="Pads", price=49.99, quantity=5), make.part(name="Oil", price=0.1, quantity=5)
    ticket = make.ticket()
    response = change_parts(ticket, on((oil, 3), (pads, 2)))
    assert response.status_code == 200
    assert response.json["parts"] == [
        {"inventory_id": pads.id, "name": "Pads", "quantity": 2, "unit_price": 49.99, "total": 99.98},
        {"inventory_id": oil.id, "name": "Oil", "quantity": 3, "unit_price": 0.1, "total": 0.3},
    ]
    assert response.json["parts_total"] == 100.28
    assert '"total":0.3}' in response.text, "money is computed exactly, never in floating point"
    assert staff.get(f"/tickets/{ticket.id}").json == response.json
    assert (left.stock_of(pads), left.stock_of(oil)) == (3, 2)
    assert left.movements_of(pads) == [("received", 5), ("used", -2)]


def test_parts_and_mechanics_are_shown_by_ascending_id(staff, make, change_parts):
    """The order is the same in a single ticket and in a list. They are added in descending order."""
    parts, mechanics, ticket = [make.part() for _ in range(5)], [make.mechanic() for _ in range(5)], make.ticket()
    for part, mechanic in zip(reversed(parts), reversed(mechanics), strict=True):
        change_parts(ticket, on((part, 1)))
        staff.put(f"/tickets/{ticket.id}/mechanics", json={"add_mechanic_ids": [mechanic.id]})
    for shown in (staff.get(f"/tickets/{ticket.id}").json, staff.get("/tickets").json[0]):
        assert [line["inventory_id"] for line in shown["parts"]] == [part.id for part in parts]
        assert [mechanic["id"] for mechanic in shown["mechanics"]] == [mechanic.id for mechanic in mechanics]


def test_default_quantity_is_one(staff, make, left):
    part, ticket = make.part(), make.ticket()
    staff.put(f"/tickets/{ticket.id}/inventory", json={"add_parts": [{"inventory_id": part.id}]})
    assert left.lines_of(ticket) == {part.id: 1}


def test_repeated_part_adds_up(make, left, change_parts):
    """One line and one movement, for returns as for deductions."""
    part, ticket = make.part(quantity=9), make.ticket()
    assert change_parts(ticket, on((part, 2), (part, 3))).json["parts"][0]["quantity"] == 5
    assert change_parts(ticket, off((part, 1), (part, 2))).json["parts"][0]["quantity"] == 2
    assert left.movements_of(part) == [("received", 9), ("used", -5), ("returned", 3)]


@pytest.mark.parametrize("line", ["bare", "object"])
def test_removal_without_a_quantity_removes_the_whole_line(staff, make, left, line):
    part, other = make.part(quantity=9), make.part(quantity=9)
    ticket = make.ticket(parts=[{"inventory_id": each.id, "quantity": 4} for each in (part, other)])
    lines = [part.id if line == "bare" else {"inventory_id": part.id}]
    response = staff.put(f"/tickets/{ticket.id}/inventory", json={"remove_parts": lines})
    assert response.status_code == 200
    assert left.lines_of(ticket) == {other.id: 4}
    assert left.movements_of(part) == [("received", 9), ("used", -4), ("returned", 4)]
    assert (left.stock_of(part), left.stock_of(other)) == (9, 5)


def test_part_in_both_lists_is_removed_first(make, left, change_parts):
    """Its own return makes room: 5 of 5 are on the ticket, and 4 are added again. The ledger shows both movements."""
    part = make.part(quantity=5)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 5}])
    assert change_parts(ticket, on((part, 4)), off(part)).status_code == 200
    assert left.lines_of(ticket) == {part.id: 4}
    assert left.movements_of(part) == [("received", 5), ("used", -5), ("returned", 5), ("used", -4)]
    assert change_parts(ticket, on((part, 3)), off((part, 2))).status_code == 200
    assert left.lines_of(ticket) == {part.id: 5}
    assert left.movements_of(part)[-2:] == [("returned", 2), ("used", -3)]


def test_removing_the_full_quantity_deletes_the_line(make, left, change_parts):
    part = make.part()
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 4}])
    assert change_parts(ticket, off((part, 4))).json["parts"] == []
    assert left.lines_of(ticket) == {}


def test_one_part_is_added_while_another_is_removed(make, left, change_parts):
    old, new = make.part(quantity=5), make.part(quantity=5)
    ticket = make.ticket(parts=[{"inventory_id": old.id, "quantity": 1}])
    assert change_parts(ticket, on((new, 2)), off(old)).status_code == 200
    assert left.lines_of(ticket) == {new.id: 2}
    assert (left.stock_of(old), left.stock_of(new)) == (5, 3)


def test_empty_update_changes_nothing(staff, make, unchanged, left, backdate):
    """Neither `{}` nor two empty lists: `updated_at` stays."""
    ticket = make.ticket(parts=[{"inventory_id": make.part().id}])
    backdate(service_tickets, ticket)
    before, rows = staff.get(f"/tickets/{ticket.id}").json, left.everything()
    for body in ({}, {"add_parts": [], "remove_parts": []}):
        response = staff.put(f"/tickets/{ticket.id}/inventory", json=body)
        assert (response.status_code, response.json) == (200, before)
    after = left.everything()
    assert {name: each for name, each in after.items() if name != "service_tickets"} == {
        name: each for name, each in rows.items() if name != "service_tickets"
    }


def test_updated_at_changes_with_the_parts(make, left, change_parts, backdate):
    """That of the ticket, and that of each part whose stock changes."""
    part, other, ticket = make.part(), make.part(), make.ticket()
    for body in (on((part, 2)), on((part, 1)), off((part, 1)), off(part)):
        for table, record in ((service_tickets, ticket), (inventory, part), (inventory, other)):
            backdate(table, record)
        response = change_parts(ticket, body).json
        assert response["updated_at"] > response["created_at"] == LONG_AGO
        assert left.row(inventory, part.id).updated_at > left.row(inventory, other.id).updated_at


# ---------------------------------------------------------------- prices
def test_unit_price_stays_when_more_is_added(staff, make, change_parts):
    """`unit_price` is the price at the moment the part was first added."""
    part, ticket = make.part(price=10.5), make.ticket()
    change_parts(ticket, on((part, 1)))
    staff.put(f"/inventory/{part.id}", json={"price": 12})
    line = change_parts(ticket, on((part, 2))).json["parts"][0]
    assert (line["quantity"], line["unit_price"], line["total"]) == (3, 10.5, 31.5)
    line = change_parts(ticket, on((part, 2)), off((part, 2))).json["parts"][0]
    assert (line["quantity"], line["unit_price"]) == (3, 10.5), "one piece stayed on the ticket"


@pytest.mark.parametrize("requests", [1, 2])
def test_removed_and_added_part_has_the_current_price(staff, make, change_parts, requests):
    """Wholly removed in one request and added in another, or both in one request."""
    part = make.part(price=10.5)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 2}])
    staff.put(f"/inventory/{part.id}", json={"price": 12})
    if requests == 2:
        change_parts(ticket, off(part))
        response = change_parts(ticket, on((part, 1)))
    else:
        response = change_parts(ticket, on((part, 1)), off((part, 2)))
    assert [(line["quantity"], line["unit_price"]) for line in response.json["parts"]] == [(1, 12)]


def test_ticket_shows_the_new_name_and_the_old_price(staff, make):
    part = make.part(name="Pads", price=10.5)
    ticket = make.ticket(parts=[{"inventory_id": part.id}])
    staff.put(f"/inventory/{part.id}", json={"price": 99, "name": "Brake pads"})
    line = staff.get(f"/tickets/{ticket.id}").json["parts"][0]
    assert (line["name"], line["unit_price"]) == ("Brake pads", 10.5)


def test_largest_total_is_exact(staff, make):
    """The JSON text has every digit: 2,147,483,647 × 99,999,999.99, and the same with one more line."""
    part, cheap = make.part(price=99_999_999.99, quantity=MOST), make.part(price=0.01)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": MOST}, {"inventory_id": cheap.id, "quantity": 8}])
    for response in (staff.get(f"/tickets/{ticket.id}"), staff.get("/tickets")):
        assert '"unit_price":99999999.99,"total":214748364678525163.53}' in response.text
        assert '"parts_total":214748364678525163.61' in response.text


# ---------------------------------------------------------------- large tickets
@pytest.mark.slow
def test_deleting_a_ticket_with_1201_parts_returns_all_of_them(staff, make, engine):
    """A request can name 100 lines, but a ticket can have any number: SQLite allows no condition of a thousand terms."""
    ticket, part_ids = make.ticket(), range(1, 1202)
    received = {"change": 10, "balance": 10, "reason": "received"}
    with engine.begin() as connection:
        connection.execute(
            insert(inventory), [{"id": each, "name": "Bolt", "price_cents": 1, "quantity": 10} for each in part_ids]
        )
        connection.execute(insert(stock_movements), [received | {"inventory_id": each} for each in part_ids])
    for start in range(0, len(part_ids), 100):
        lines = [{"inventory_id": each} for each in part_ids[start : start + 100]]
        assert staff.put(f"/tickets/{ticket.id}/inventory", {"add_parts": lines}).status_code == 200
    assert staff.delete(f"/tickets/{ticket.id}").status_code == 204
    with engine.connect() as connection:
        assert connection.execute(select(inventory.c.quantity).distinct()).scalars().all() == [10]
        assert connection.execute(select(func.count()).select_from(stock_movements)).scalar_one() == 3 * len(part_ids)
