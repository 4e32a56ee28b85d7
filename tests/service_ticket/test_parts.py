"""The parts on a ticket, and the stock that follows them."""

import pytest
from sqlalchemy import func, insert, select

from app.models import inventory, service_tickets, stock_movements
from tests.support.lines import MOST, off, on

LONG_AGO = "2020-01-01T00:00:00Z"
"""The times of a record that was set back."""


# ---------------------------------------------------------------- on and off
def test_parts_go_on_and_the_answer_is_the_ticket(staff, make, left, parts_of):
    """«answers the ticket»: lines by ascending id, each with its total, and the stock deducted."""
    pads, oil = make.part(name="Pads", price=49.99, quantity=5), make.part(name="Oil", price=0.1, quantity=5)
    ticket = make.ticket()
    answer = parts_of(ticket, on((oil, 3), (pads, 2)))
    assert answer.status_code == 200
    assert answer.json["parts"] == [
        {"inventory_id": pads.id, "name": "Pads", "quantity": 2, "unit_price": 49.99, "total": 99.98},
        {"inventory_id": oil.id, "name": "Oil", "quantity": 3, "unit_price": 0.1, "total": 0.3},
    ]
    assert answer.json["parts_total"] == 100.28
    assert '"total":0.3}' in answer.text, "money is computed exactly, never in floating point"
    assert staff.get(f"/tickets/{ticket.id}").json == answer.json
    assert (left.stock_of(pads), left.stock_of(oil)) == (3, 2)
    assert left.movements_of(pads) == [("received", 5), ("used", -2)]


def test_whatever_came_first_all_stand_by_ascending_id(staff, make, parts_of):
    """«`mechanics` and `parts` stand by ascending id», alone as in a list; here the last came first."""
    parts, crew, ticket = [make.part() for _ in range(5)], [make.mechanic() for _ in range(5)], make.ticket()
    for part, mechanic in zip(reversed(parts), reversed(crew), strict=True):
        parts_of(ticket, on((part, 1)))
        staff.put(f"/tickets/{ticket.id}/mechanics", json={"add_mechanic_ids": [mechanic.id]})
    for shown in (staff.get(f"/tickets/{ticket.id}").json, staff.get("/tickets").json[0]):
        assert [line["inventory_id"] for line in shown["parts"]] == [part.id for part in parts]
        assert [mechanic["id"] for mechanic in shown["mechanics"]] == [mechanic.id for mechanic in crew]


def test_a_line_without_a_quantity_puts_one_on(staff, make, left):
    part, ticket = make.part(), make.ticket()
    staff.put(f"/tickets/{ticket.id}/inventory", json={"add_parts": [{"inventory_id": part.id}]})
    assert left.lines_of(ticket) == {part.id: 1}


def test_the_same_part_twice_in_one_list_adds_up(make, left, parts_of):
    """It is one line and one movement, on its way off as on its way on."""
    part, ticket = make.part(quantity=9), make.ticket()
    assert parts_of(ticket, on((part, 2), (part, 3))).json["parts"][0]["quantity"] == 5
    assert parts_of(ticket, off((part, 1), (part, 2))).json["parts"][0]["quantity"] == 2
    assert left.movements_of(part) == [("received", 9), ("used", -5), ("returned", 3)]


@pytest.mark.parametrize("line", ["bare", "object"])
def test_a_bare_id_or_no_quantity_takes_the_whole_line_off(staff, make, left, line):
    """The other lines stay."""
    part, other = make.part(quantity=9), make.part(quantity=9)
    ticket = make.ticket(parts=[{"inventory_id": each.id, "quantity": 4} for each in (part, other)])
    lines = [part.id if line == "bare" else {"inventory_id": part.id}]
    answer = staff.put(f"/tickets/{ticket.id}/inventory", json={"remove_parts": lines})
    assert answer.status_code == 200
    assert left.lines_of(ticket) == {other.id: 4}
    assert left.movements_of(part) == [("received", 9), ("used", -4), ("returned", 4)]
    assert (left.stock_of(part), left.stock_of(other)) == (9, 5)


def test_a_part_in_both_lists_comes_off_first(make, left, parts_of):
    """Its own return makes room: 5 of 5 are on the ticket, and 4 go on again. The ledger shows both."""
    part = make.part(quantity=5)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 5}])
    assert parts_of(ticket, on((part, 4)), off(part)).status_code == 200
    assert left.lines_of(ticket) == {part.id: 4}
    assert left.movements_of(part) == [("received", 5), ("used", -5), ("returned", 5), ("used", -4)]
    assert parts_of(ticket, on((part, 3)), off((part, 2))).status_code == 200
    assert left.lines_of(ticket) == {part.id: 5}
    assert left.movements_of(part)[-2:] == [("returned", 2), ("used", -3)]


def test_as_many_off_as_the_line_holds_ends_the_line(make, left, parts_of):
    part = make.part()
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 4}])
    assert parts_of(ticket, off((part, 4))).json["parts"] == []
    assert left.lines_of(ticket) == {}


def test_one_part_goes_on_while_another_comes_off(make, left, parts_of):
    old, new = make.part(quantity=5), make.part(quantity=5)
    ticket = make.ticket(parts=[{"inventory_id": old.id, "quantity": 1}])
    assert parts_of(ticket, on((new, 2)), off(old)).status_code == 200
    assert left.lines_of(ticket) == {new.id: 2}
    assert (left.stock_of(old), left.stock_of(new)) == (5, 3)


def test_no_lines_change_nothing(staff, make, unchanged, left, backdate):
    """`{}` changes nothing, nor do two empty lists: `updated_at` stays."""
    ticket = make.ticket(parts=[{"inventory_id": make.part().id}])
    backdate(service_tickets, ticket)
    before, rows = staff.get(f"/tickets/{ticket.id}").json, left.everything()
    for body in ({}, {"add_parts": [], "remove_parts": []}):
        answer = staff.put(f"/tickets/{ticket.id}/inventory", json=body)
        assert (answer.status_code, answer.json) == (200, before)
    after = left.everything()
    assert {name: each for name, each in after.items() if name != "service_tickets"} == {
        name: each for name, each in rows.items() if name != "service_tickets"
    }


def test_the_times_move_with_the_parts(make, left, parts_of, backdate):
    """`updated_at` of the ticket moves with its parts, and that of a part with its stock."""
    part, idle, ticket = make.part(), make.part(), make.ticket()
    for body in (on((part, 2)), on((part, 1)), off((part, 1)), off(part)):
        for table, record in ((service_tickets, ticket), (inventory, part), (inventory, idle)):
            backdate(table, record)
        answer = parts_of(ticket, body).json
        assert answer["updated_at"] > answer["created_at"] == LONG_AGO
        assert left.row(inventory, part.id).updated_at > left.row(inventory, idle.id).updated_at


# ---------------------------------------------------------------- prices
def test_more_of_a_part_keeps_its_first_price(staff, make, parts_of):
    """`unit_price` is the price at the moment the part first went on, and more of it keeps that price."""
    part, ticket = make.part(price=10.5), make.ticket()
    parts_of(ticket, on((part, 1)))
    staff.put(f"/inventory/{part.id}", json={"price": 12})
    line = parts_of(ticket, on((part, 2))).json["parts"][0]
    assert (line["quantity"], line["unit_price"], line["total"]) == (3, 10.5, 31.5)
    line = parts_of(ticket, on((part, 2)), off((part, 2))).json["parts"][0]
    assert (line["quantity"], line["unit_price"]) == (3, 10.5), "one of them never came off"


@pytest.mark.parametrize("requests", [1, 2])
def test_a_part_that_went_off_and_on_again_has_todays_price(staff, make, parts_of, requests):
    """Wholly off in one request and on in another, or both in one: it goes on for the first time again."""
    part = make.part(price=10.5)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 2}])
    staff.put(f"/inventory/{part.id}", json={"price": 12})
    if requests == 2:
        parts_of(ticket, off(part))
        answer = parts_of(ticket, on((part, 1)))
    else:
        answer = parts_of(ticket, on((part, 1)), off((part, 2)))
    assert [(line["quantity"], line["unit_price"]) for line in answer.json["parts"]] == [(1, 12)]


def test_a_new_price_or_name_leaves_old_tickets_their_price(staff, make):
    """The name is the part's of today; the price is the moment's."""
    part = make.part(name="Pads", price=10.5)
    ticket = make.ticket(parts=[{"inventory_id": part.id}])
    staff.put(f"/inventory/{part.id}", json={"price": 99, "name": "Brake pads"})
    line = staff.get(f"/tickets/{ticket.id}").json["parts"][0]
    assert (line["name"], line["unit_price"]) == ("Brake pads", 10.5)


def test_the_largest_total_is_exact(staff, make):
    """Every digit stands in the JSON text: 2,147,483,647 × 99,999,999.99, and with one more line."""
    part, cent = make.part(price=99_999_999.99, quantity=MOST), make.part(price=0.01)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": MOST}, {"inventory_id": cent.id, "quantity": 8}])
    for answer in (staff.get(f"/tickets/{ticket.id}"), staff.get("/tickets")):
        assert '"unit_price":99999999.99,"total":214748364678525163.53}' in answer.text
        assert '"parts_total":214748364678525163.61' in answer.text


# ---------------------------------------------------------------- very many
@pytest.mark.slow
def test_a_ticket_of_more_parts_than_a_request_can_name_goes_back_whole(staff, make, engine):
    """A request names 100 lines, a ticket has no most: SQLite reads no condition of a thousand of them."""
    ticket, many = make.ticket(), range(1, 1202)
    received = {"change": 10, "balance": 10, "reason": "received"}
    with engine.begin() as connection:
        connection.execute(insert(inventory), [{"id": each, "name": "Bolt", "price_cents": 1, "quantity": 10} for each in many])
        connection.execute(insert(stock_movements), [received | {"inventory_id": each} for each in many])
    for start in range(0, len(many), 100):
        lines = [{"inventory_id": each} for each in many[start : start + 100]]
        assert staff.put(f"/tickets/{ticket.id}/inventory", {"add_parts": lines}).status_code == 200
    assert staff.delete(f"/tickets/{ticket.id}").status_code == 204
    with engine.connect() as connection:
        assert connection.execute(select(inventory.c.quantity).distinct()).scalars().all() == [10]
        assert connection.execute(select(func.count()).select_from(stock_movements)).scalar_one() == 3 * len(many)
