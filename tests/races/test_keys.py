"""A request that is sent many times at once with one key is done once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select

from app.models import customers, idempotency_keys, inventory, service_tickets, stock_movements, ticket_parts
from tests.support.invariants import faults
from tests.support.running_shop import Crew, looking, shop_on
from tests.support.shop import PASSWORD

TWINS = 20
PATIENCE = 60

pytestmark = pytest.mark.slow


def requests_with_keys(crew, part, count):
    """So many requests, each (key, path, body, a statement that counts how often it was done)."""
    for number, ticket in enumerate(crew.tickets(count)):
        mark = crew.vin()
        line = {"inventory_id": part, "quantity": 1}
        on_ticket = select(func.coalesce(func.sum(ticket_parts.c.quantity), 0)).where(ticket_parts.c.ticket_id == ticket)
        kinds = (
            ("POST", "/tickets", crew.ticket(mark, [line]), counted(service_tickets, service_tickets.c.vin == mark)),
            ("PUT", f"/tickets/{ticket}/inventory", {"add_parts": [line]}, on_ticket),
            ("POST", "/inventory", {"name": mark, "price": 1, "quantity": 3}, counted(inventory, inventory.c.name == mark)),
            ("POST", "/customers", {"name": mark, "email": crew.email(), "password": PASSWORD}, named(mark)),
        )
        yield mark, *kinds[number % len(kinds)]


def counted(table, where):
    return select(func.count()).select_from(table).where(where)


def named(mark):
    return counted(customers, customers.c.name == mark)


def repeat(shop, count):
    """Send each of so many requests twenty times at once; raise AssertionError unless each is done once, and the
    others get its answer again or 409. Return what was seen."""
    crew = Crew(shop, 1)
    part = crew.parts(1, 10 * count)[0]
    requests = list(requests_with_keys(crew, part, count))
    start, seen, orders = Barrier(TWINS), Counter(), 0

    def twin(_):
        client, answers = shop.client(crew.tokens[0]), []
        for key, method, path, body, _ in requests:
            start.wait(PATIENCE)
            answers.append(client.call(method, path, body, key))
        return answers

    with ThreadPoolExecutor(TWINS) as threads:
        rounds = list(zip(*threads.map(twin, range(TWINS)), strict=True))
    again = shop.client(crew.tokens[0])
    with looking(shop) as engine, engine.connect() as connection:
        for (key, method, path, body, how_often), answers in zip(requests, rounds, strict=True):
            first = [each for each in answers if each.status < 300 and "idempotency-replayed" not in each.headers]
            replays = [each for each in answers if each.headers.get("idempotency-replayed") == "true"]
            in_flight = [each for each in answers if each.status == 409]
            assert len(first) + len(replays) + len(in_flight) == TWINS, Counter(each.status for each in answers)
            done = connection.execute(how_often).scalar_one()
            assert (len(first), done) == (1, 1), f"{method} {path} was done {done} times, and {len(first)} were told so"
            later = again.call(method, path, body, key)
            assert later.headers.get("idempotency-replayed") == "true"
            for each in (*replays, later):
                assert (each.status, each.body) == (first[0].status, first[0].body)
                assert each.headers.get("location") == first[0].headers.get("location")
            assert all("Idempotency-Key" in each.body["detail"] for each in in_flight)
            kept = counted(idempotency_keys, idempotency_keys.c.key == key)
            assert connection.execute(kept).scalar_one() == 1
            seen.update(replays=len(replays), in_flight_409=len(in_flight))
            orders += path.startswith("/tickets")
        used = counted(stock_movements, (stock_movements.c.inventory_id == part) & (stock_movements.c.reason == "used"))
        assert connection.execute(used).scalar_one() == orders, "a key has more than one set of movements"
        assert faults(engine) == []
    return {"keys": count, "requests": count * TWINS, "done_once": count, "done_twice": 0, **seen}


def test_a_key_is_done_once(busy_shop, proof):
    """The same key and body 20 times at once, 200 keys: each done once, 19 replays or 409."""
    proof.saw(**repeat(busy_shop, proof.size(20, 200)))


@pytest.mark.databases("postgresql")
def test_a_key_that_is_stored_late_is_found_out(database):
    """The control: where a key is stored after the work, in a transaction of its own, twins are all done."""
    with shop_on(database, workers=2, mistake="late_key") as shop, pytest.raises(AssertionError, match="was done"):
        repeat(shop, 4)
