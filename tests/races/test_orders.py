"""Client processes order more than is in stock: exactly the stock is sold."""

import random
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest
from sqlalchemy import select

from app.models import inventory, service_tickets, stock_movements, ticket_parts
from tests.support.invariants import broken_invariants
from tests.support.running_shop import Seeder, open_engine, shop_on
from tests.support.shop import Client

PROCESSES, THREADS = 4, 3
PARTS = 5

pytestmark = pytest.mark.slow


def buy(port, token, orders):
    """Send orders over a few connections at once, as one client process. Return (order, response) pairs."""

    def send(batch):
        client = Client(port, token)
        return [(order, client.call(*order)) for order in batch]

    with ThreadPoolExecutor(THREADS) as threads:
        return [pair for pairs in threads.map(send, [orders[n::THREADS] for n in range(THREADS)]) for pair in pairs]


def random_orders(seeder, parts, count):
    """Yield orders of one to three parts in random order: half open a ticket, half change one of six shared tickets."""
    rng, shared = random.Random(count), seeder.create_tickets(6)
    for _ in range(count):
        lines = [{"inventory_id": part, "quantity": 1} for part in rng.sample(parts, rng.randint(1, 3))]
        if rng.random() < 0.5:
            yield "POST", "/tickets", seeder.ticket_body(seeder.unique_vin(), lines)
        else:
            yield "PUT", f"/tickets/{rng.choice(shared)}/inventory", {"add_parts": lines}


def sell_out(shop, count, units):
    """Let four processes order more than is in stock. Return the counts.

    Raise AssertionError unless exactly the stock is sold, as acknowledged.
    """
    seeder = Seeder(shop, PROCESSES)
    parts = seeder.create_parts(PARTS, units // PARTS)
    orders = list(random_orders(seeder, parts, count))
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as processes:
        futures = [processes.submit(buy, shop.port, seeder.tokens[n], orders[n::PROCESSES]) for n in range(PROCESSES)]
        results = [pair for future in futures for pair in future.result()]
    statuses = Counter(response.status for _, response in results)
    assert sum(statuses.values()) == count
    assert set(statuses) <= {200, 201, 409}, f"unexpected statuses: {statuses}"
    sold, opened = Counter(), Counter()
    for (_, _, body), response in results:
        if response.status == 409:
            shortages = response.body["shortages"]
            assert all(shortage["available"] < shortage["requested"] for shortage in shortages), response.body
            continue
        lines = body.get("parts") or body["add_parts"]
        sold.update((response.body["id"], line["inventory_id"]) for line in lines)
        opened.update([body["vin"]] if response.status == 201 else [])
    with open_engine(shop) as engine, engine.connect() as connection:
        left = dict(connection.execute(select(inventory.c.id, inventory.c.quantity).where(inventory.c.id.in_(parts))).all())
        lines = connection.execute(select(ticket_parts).where(ticket_parts.c.inventory_id.in_(parts))).all()
        movements = connection.execute(select(stock_movements).where(stock_movements.c.inventory_id.in_(parts))).all()
        vins = [body["vin"] for _, path, body in orders if path == "/tickets"]
        found = connection.execute(select(service_tickets.c.vin).where(service_tickets.c.vin.in_(vins))).scalars().all()
        assert broken_invariants(engine) == []
    assert left == dict.fromkeys(parts, 0), "some stock is left, though there were enough orders"
    assert {(line.ticket_id, line.inventory_id): line.quantity for line in lines} == sold, (
        "the sold parts differ from the acknowledged orders"
    )
    assert Counter((movement.ticket_id, movement.inventory_id) for movement in movements if movement.reason == "used") == sold
    assert sum(sold.values()) == units
    assert Counter(found) == opened, "the tickets differ from the acknowledged ones"
    return {"orders": count, "units_sold": units, "refused_with_409": statuses[409], "oversold": 0, "lost": 0, "5xx": 0}


def test_concurrent_orders_sell_exactly_the_stock(busy_shop, proof):
    """4 client processes send 2,000 orders of 1–3 parts in random order for 900 units: exactly 900 units are sold, none
    oversold or lost, and no client sees a deadlock."""
    count, units = proof.size((300, 150), (2000, 900))
    proof.report(**sell_out(busy_shop, count, units))


@pytest.mark.databases("postgresql")
def test_stock_read_without_a_lock_is_detected_by_orders(database):
    """Control: with a quantity read without a lock and written as a number, more is sold than was in stock."""
    with shop_on(database, workers=2, mistake="unguarded") as shop, pytest.raises(AssertionError):
        sell_out(shop, 120, 60)
