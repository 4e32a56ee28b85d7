"""Concurrent requests for the last parts: nothing is oversold on any database."""

import time
from collections import Counter
from functools import partial

import pytest
from sqlalchemy import event, select, update

from app.blueprints.inventory import stock
from app.extensions import db
from app.models import inventory, stock_movements, ticket_parts, utcnow
from app.utils.db.engines import begin_immediate
from app.utils.db.statements import execute, fetch_all
from tests.support.invariants import broken_invariants
from tests.support.simultaneous import at_once

BUYERS, STOCK = 12, 10


def new_tickets(staff, make, part):
    """Each buyer opens a ticket with one unit of the part."""
    owner = make.customer().id
    body = {"customer_id": owner, "service_date": "2026-11-24", "description": "Rush", "vin": "RUSH"}
    line = {"parts": [{"inventory_id": part.id, "quantity": 1}]}
    return [partial(staff.post, "/tickets", json=body | line) for _ in range(BUYERS)]


def own_tickets(staff, make, part):
    """Each buyer adds one unit of the part to a separate ticket."""
    return [add_parts(staff, make.ticket(), part) for _ in range(BUYERS)]


def one_ticket(staff, make, part):
    """All buyers add one unit of the part to the same ticket."""
    return [add_parts(staff, make.ticket(), part)] * BUYERS


def add_parts(staff, ticket, *parts):
    lines = [{"inventory_id": part.id, "quantity": 1} for part in parts]
    return partial(staff.put, f"/tickets/{ticket.id}/inventory", json={"add_parts": lines})


ORDERS = [new_tickets, own_tickets, one_ticket]


def sell_out(orders, staff, make, left):
    """Let twelve buyers order one unit each of ten. Raise AssertionError unless exactly ten orders succeed."""
    part = make.part(quantity=STOCK)
    responses = at_once(*orders(staff, make, part))
    statuses = Counter(response.status_code for response in responses)
    assert statuses == {201 if orders is new_tickets else 200: STOCK, 409: BUYERS - STOCK}
    assert left.stock_of(part) == 0
    assert left.movements_of(part) == [("received", STOCK)] + [("used", -1)] * STOCK
    refused = [response.json["shortages"] for response in responses if response.status_code == 409]
    assert refused == [[{"inventory_id": part.id, "requested": 1, "available": 0}]] * (BUYERS - STOCK)
    return part, responses


@pytest.mark.parametrize("orders", ORDERS)
def test_twelve_concurrent_orders_for_ten_units_sell_ten(staff, make, left, engine, orders):
    """Ten orders get 200 or 201, two get 409. The stock is 0, with ten stock movements."""
    part, responses = sell_out(orders, staff, make, left)
    with engine.connect() as connection:
        lines = (
            connection.execute(select(ticket_parts.c.quantity).where(ticket_parts.c.inventory_id == part.id)).scalars().all()
        )
    assert sorted(lines) == ([STOCK] if orders is one_ticket else [1] * STOCK)
    if orders is one_ticket:
        quantities = sorted(response.json["parts"][0]["quantity"] for response in responses if response.status_code == 200)
        assert quantities == list(range(1, STOCK + 1)), "a response does not show the result of its own order"


def test_orders_with_parts_in_opposite_order_do_not_deadlock(staff, make, left):
    """Half of the orders name one part first, half the other: no client sees a deadlock, and nothing is oversold."""
    rounds, threads = 3, 8
    pads, oil = make.part(quantity=17), make.part(quantity=20)
    responses = []
    for _ in range(rounds):
        pairs = [(pads, oil) if number % 2 else (oil, pads) for number in range(threads)]
        responses += at_once(*(add_parts(staff, make.ticket(), *pair) for pair in pairs))
    statuses = Counter(response.status_code for response in responses)
    assert statuses == {200: 17, 409: rounds * threads - 17}
    assert (left.stock_of(pads), left.stock_of(oil)) == (0, 3)
    assert left.movements_of(oil) == [("received", 20)] + [("used", -1)] * 17


def test_concurrent_returns_orders_counts_and_deletions_keep_the_sum_of_movements(admin, staff, make, left):
    part = make.part(quantity=20)
    line = {"inventory_id": part.id, "quantity": 2}
    tickets = [make.ticket(parts=[line]) for _ in range(7)]
    one, two, three, four, five, six, seven = (f"/tickets/{ticket.id}" for ticket in tickets)
    responses = at_once(
        partial(staff.put, f"{one}/inventory", json={"remove_parts": [part.id]}),
        partial(staff.put, f"{one}/inventory", json={"remove_parts": [part.id]}),
        partial(staff.put, f"{two}/inventory", json={"remove_parts": [line], "add_parts": [line]}),
        partial(staff.delete, three),
        partial(staff.delete, three),
        partial(staff.delete, four),
        partial(staff.put, f"{four}/inventory", json={"add_parts": [line]}),
        partial(staff.put, f"{five}/inventory", json={"add_parts": [line]}),
        partial(staff.put, f"/inventory/{part.id}", json={"quantity": 9}),
        partial(staff.put, f"/inventory/{part.id}", json={"quantity": 5, "name": "Counted"}),
        partial(staff.put, f"{six}/inventory", json={"remove_parts": [part.id]}),
        partial(staff.delete, seven),
    )
    statuses = [response.status_code for response in responses]
    assert sorted(statuses[:2]) == [200, 409], "a line was removed twice"
    assert sorted(statuses[3:5]) == [204, 404], "a ticket was deleted twice"
    assert statuses[5] == 204
    assert statuses[6] in (200, 404, 409)
    assert all(status in (200, 204, 409) for status in (*statuses[2:3], *statuses[7:]))
    assert left.stock_of(part) == sum(change for _, change in left.movements_of(part))


# ---------------------------------------------------------------- control
@pytest.fixture
def unguarded(app, database, monkeypatch):
    """Read the stock without a lock, wait, and write the rest as a number.

    On SQLite, also drop BEGIN IMMEDIATE, which allows only one writer at a time.
    """
    unlocked = select(inventory.c.id, inventory.c.price_cents, inventory.c.quantity)

    def lock_parts(part_ids, _ticket_id=0):
        rows = fetch_all(unlocked.where(inventory.c.id.in_(list(part_ids))))
        time.sleep(0.05)
        return {row.id: stock.LockedPart(row.id, row.price_cents, row.quantity, False) for row in rows}

    def transfer(_returned, counts, parts, ticket_id):
        if shortages := [part_id for part_id, count in counts.items() if count > parts[part_id].quantity]:
            raise stock.OutOfStock([{"inventory_id": part_id, "requested": 1, "available": 0} for part_id in shortages])
        for part_id, count in counts.items():
            remaining = parts[part_id].quantity - count
            execute(update(inventory).where(inventory.c.id == part_id).values(quantity=remaining, updated_at=utcnow()))
        stock.append_to_ledger([(part_id, -count) for part_id, count in counts.items()], parts, ticket_id)

    monkeypatch.setattr(stock, "lock_parts", lock_parts)
    monkeypatch.setattr(stock, "transfer", transfer)
    if database != "sqlite":
        yield
        return
    with app.app_context():
        engine = db.engine
    event.remove(engine, "begin", begin_immediate)
    yield
    event.listen(engine, "begin", begin_immediate)


@pytest.mark.parametrize("orders", [new_tickets, own_tickets])
def test_stock_read_without_a_lock_is_detected(staff, make, left, engine, unguarded, orders):
    """Control: more than ten units are sold, and the invariants find that the movements do not add up."""
    with pytest.raises(AssertionError, match="Counter"):
        sell_out(orders, staff, make, left)
    assert "a quantity is not the sum of its movements" in [fault.partition(": ")[0] for fault in broken_invariants(engine)]
    with engine.begin() as connection:
        for table in (stock_movements, ticket_parts, inventory):
            connection.execute(table.delete())
