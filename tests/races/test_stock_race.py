"""Many want the last parts at once: nothing is oversold, whatever the database; and what these tests would catch."""

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
from tests.support.invariants import faults
from tests.support.together import at_once

BUYERS, STOCK = 12, 10


def opening(staff, make, part):
    """Each opens a ticket with one of the part."""
    owner = make.customer().id
    body = {"customer_id": owner, "service_date": "2026-11-24", "description": "Rush", "vin": "RUSH"}
    line = {"parts": [{"inventory_id": part.id, "quantity": 1}]}
    return [partial(staff.post, "/tickets", json=body | line) for _ in range(BUYERS)]


def many_tickets(staff, make, part):
    """Each puts one of the part on a ticket of their own."""
    return [ordering(staff, make.ticket(), part) for _ in range(BUYERS)]


def one_ticket(staff, make, part):
    """All put one of the part on the same ticket."""
    return [ordering(staff, make.ticket(), part)] * BUYERS


def ordering(staff, ticket, *parts):
    lines = [{"inventory_id": part.id, "quantity": 1} for part in parts]
    return partial(staff.put, f"/tickets/{ticket.id}/inventory", json={"add_parts": lines})


WAYS = [opening, many_tickets, one_ticket]


def rush(way, staff, make, left):
    """Twelve want one each of ten; raise AssertionError unless exactly ten get theirs."""
    part = make.part(quantity=STOCK)
    answers = at_once(*way(staff, make, part))
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses == {201 if way is opening else 200: STOCK, 409: BUYERS - STOCK}
    assert left.stock_of(part) == 0
    assert left.movements_of(part) == [("received", STOCK)] + [("used", -1)] * STOCK
    refused = [answer.json["shortages"] for answer in answers if answer.status_code == 409]
    assert refused == [[{"inventory_id": part.id, "requested": 1, "available": 0}]] * (BUYERS - STOCK)
    return part, answers


@pytest.mark.parametrize("way", WAYS)
def test_twelve_want_ten(staff, make, left, engine, way):
    """Exactly ten get 200 or 201 and two 409: the stock is 0, and ten movements say who has them."""
    part, answers = rush(way, staff, make, left)
    with engine.connect() as connection:
        lines = (
            connection.execute(select(ticket_parts.c.quantity).where(ticket_parts.c.inventory_id == part.id)).scalars().all()
        )
    assert sorted(lines) == ([STOCK] if way is one_ticket else [1] * STOCK)
    if way is one_ticket:
        seen = sorted(answer.json["parts"][0]["quantity"] for answer in answers if answer.status_code == 200)
        assert seen == list(range(1, STOCK + 1)), "each saw the ticket as its own order left it"


def test_orders_of_two_parts_in_opposite_order(staff, make, left):
    """Half of them name one part first, half the other: no deadlock reaches a client, and nothing is oversold."""
    rounds, threads = 3, 8
    pads, oil = make.part(quantity=17), make.part(quantity=20)
    answers = []
    for _ in range(rounds):
        pairs = [(pads, oil) if number % 2 else (oil, pads) for number in range(threads)]
        answers += at_once(*(ordering(staff, make.ticket(), *pair) for pair in pairs))
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses == {200: 17, 409: rounds * threads - 17}
    assert (left.stock_of(pads), left.stock_of(oil)) == (0, 3)
    assert left.movements_of(oil) == [("received", 20)] + [("used", -1)] * 17


def test_returns_orders_and_counts_at_once(admin, staff, make, left):
    """What goes off, on, is counted and deleted at the same moment leaves a ledger that adds up, and no 5xx."""
    part = make.part(quantity=20)
    line = {"inventory_id": part.id, "quantity": 2}
    tickets = [make.ticket(parts=[line]) for _ in range(7)]
    one, two, three, four, five, six, seven = (f"/tickets/{ticket.id}" for ticket in tickets)
    answers = at_once(
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
    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses[:2]) == [200, 409], "a line came off twice"
    assert sorted(statuses[3:5]) == [204, 404], "a ticket was deleted twice"
    assert statuses[5] == 204
    assert statuses[6] in (200, 404, 409)
    assert all(status in (200, 204, 409) for status in (*statuses[2:3], *statuses[7:]))
    assert left.stock_of(part) == sum(change for _, change in left.movements_of(part))


# ---------------------------------------------------------------- what the rush would catch
@pytest.fixture
def unguarded(app, database, monkeypatch):
    """The stock as a careless shop keeps it: read it without a lock, think a while, and write what is left.

    SQLite allows one writer at a time from the moment it begins; there the careless shop begins later, too."""
    unlocked = select(inventory.c.id, inventory.c.price_cents, inventory.c.quantity)

    def look(part_ids, _ticket_id=0):
        rows = fetch_all(unlocked.where(inventory.c.id.in_(list(part_ids))))
        time.sleep(0.05)
        return {row.id: stock.LockedPart(row.id, row.price_cents, row.quantity, False) for row in rows}

    def transfer(_returned, counts, parts, ticket_id):
        if short := [part_id for part_id, count in counts.items() if count > parts[part_id].quantity]:
            raise stock.OutOfStock([{"inventory_id": part_id, "requested": 1, "available": 0} for part_id in short])
        for part_id, count in counts.items():
            rest = parts[part_id].quantity - count
            execute(update(inventory).where(inventory.c.id == part_id).values(quantity=rest, updated_at=utcnow()))
        stock.append_to_ledger([(part_id, -count) for part_id, count in counts.items()], parts, ticket_id)

    monkeypatch.setattr(stock, "lock_parts", look)
    monkeypatch.setattr(stock, "transfer", transfer)
    if database != "sqlite":
        yield
        return
    with app.app_context():
        engine = db.engine
    event.remove(engine, "begin", begin_immediate)
    yield
    event.listen(engine, "begin", begin_immediate)


@pytest.mark.parametrize("way", [opening, many_tickets])
def test_the_rush_catches_an_unguarded_stock(staff, make, left, engine, unguarded, way):
    """Twelve of ten are sold, the answers say so, and the invariants see that the ledger does not add up."""
    with pytest.raises(AssertionError, match="Counter"):
        rush(way, staff, make, left)
    assert "a quantity is not the sum of its movements" in [fault.partition(": ")[0] for fault in faults(engine)]
    with engine.begin() as connection:
        for table in (stock_movements, ticket_parts, inventory):
            connection.execute(table.delete())
