"""Many buy what there is too little of, from processes of their own: exactly what was there is sold."""

import random
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest
from sqlalchemy import select

from app.models import inventory, service_tickets, stock_movements, ticket_parts
from tests.support.invariants import faults
from tests.support.running_shop import Crew, looking, shop_on
from tests.support.shop import Client

PROCESSES, THREADS = 4, 3
PARTS = 5

pytestmark = pytest.mark.slow


def buy(port, token, orders):
    """What one client process does: it sends its orders over a few connections at once, each once, and says what was
    answered."""

    def send(mine):
        client = Client(port, token)
        return [(order, client.call(*order)) for order in mine]

    with ThreadPoolExecutor(THREADS) as threads:
        return [each for done in threads.map(send, [orders[n::THREADS] for n in range(THREADS)]) for each in done]


def some_orders(crew, parts, count):
    """Orders of one to three of the parts in random order: half open a ticket, half go on one of a few that are shared."""
    dice, shared = random.Random(count), crew.tickets(6)
    for _ in range(count):
        lines = [{"inventory_id": part, "quantity": 1} for part in dice.sample(parts, dice.randint(1, 3))]
        if dice.random() < 0.5:
            yield "POST", "/tickets", crew.ticket(crew.vin(), lines)
        else:
            yield "PUT", f"/tickets/{dice.choice(shared)}/inventory", {"add_parts": lines}


def sell_out(shop, count, units):
    """Let four processes order more than there is; raise AssertionError unless exactly what was there is sold, each unit
    to who was told so. Return what was seen."""
    crew = Crew(shop, PROCESSES)
    parts = crew.parts(PARTS, units // PARTS)
    orders = list(some_orders(crew, parts, count))
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as processes:
        errands = [processes.submit(buy, shop.port, crew.tokens[n], orders[n::PROCESSES]) for n in range(PROCESSES)]
        answered = [each for errand in errands for each in errand.result()]
    statuses = Counter(answer.status for _, answer in answered)
    assert sum(statuses.values()) == count
    assert set(statuses) <= {200, 201, 409}, f"answered to a client: {statuses}"
    told, opened = Counter(), Counter()
    for (_, _, body), answer in answered:
        if answer.status == 409:
            short = answer.body["shortages"]
            assert all(each["available"] < each["requested"] for each in short), answer.body
            continue
        lines = body.get("parts") or body["add_parts"]
        told.update((answer.body["id"], line["inventory_id"]) for line in lines)
        opened.update([body["vin"]] if answer.status == 201 else [])
    with looking(shop) as engine, engine.connect() as connection:
        left = dict(connection.execute(select(inventory.c.id, inventory.c.quantity).where(inventory.c.id.in_(parts))).all())
        lines = connection.execute(select(ticket_parts).where(ticket_parts.c.inventory_id.in_(parts))).all()
        ledger = connection.execute(select(stock_movements).where(stock_movements.c.inventory_id.in_(parts))).all()
        wanted = [body["vin"] for _, path, body in orders if path == "/tickets"]
        found = connection.execute(select(service_tickets.c.vin).where(service_tickets.c.vin.in_(wanted))).scalars().all()
        assert faults(engine) == []
    assert left == dict.fromkeys(parts, 0), "something was left, though it was asked for"
    assert {(line.ticket_id, line.inventory_id): line.quantity for line in lines} == told, "what is sold is not what was told"
    assert Counter((each.ticket_id, each.inventory_id) for each in ledger if each.reason == "used") == told
    assert sum(told.values()) == units
    assert Counter(found) == opened, "a ticket is there that nobody was told of, or the other way round"
    return {"orders": count, "units_sold": units, "refused_with_409": statuses[409], "oversold": 0, "lost": 0, "5xx": 0}


def test_orders_sell_exactly_what_is_there(busy_shop, proof):
    """4 client processes, 2,000 orders of 1–3 parts in random order for 900 units: exactly what was there is sold; 0
    oversold, 0 lost, 0 deadlocks answered to a client."""
    count, units = proof.size((300, 150), (2000, 900))
    proof.saw(**sell_out(busy_shop, count, units))


@pytest.mark.databases("postgresql")
def test_orders_find_out_an_unguarded_update(database):
    """The control: where a quantity is read without a lock and written as a number, more is sold than was there."""
    with shop_on(database, workers=2, mistake="unguarded") as shop, pytest.raises(AssertionError):
        sell_out(shop, 120, 60)
