"""A request sent many times at once with the same idempotency key runs once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select

from app.models import customers, idempotency_keys, inventory, service_tickets, stock_movements, ticket_parts
from tests.support.invariants import broken_invariants
from tests.support.running_shop import Seeder, open_engine, shop_on
from tests.support.shop import PASSWORD

COPIES = 20
TIMEOUT = 60

pytestmark = pytest.mark.slow


def requests_with_keys(seeder, part, count):
    """Yield ``count`` requests as (key, method, path, body, statement that counts how often the request took effect)."""
    for number, ticket in enumerate(seeder.create_tickets(count)):
        key = seeder.unique_vin()
        line = {"inventory_id": part, "quantity": 1}
        on_ticket = select(func.coalesce(func.sum(ticket_parts.c.quantity), 0)).where(ticket_parts.c.ticket_id == ticket)
        kinds = (
            ("POST", "/tickets", seeder.ticket_body(key, [line]), count_of(service_tickets, service_tickets.c.vin == key)),
            ("PUT", f"/tickets/{ticket}/inventory", {"add_parts": [line]}, on_ticket),
            ("POST", "/inventory", {"name": key, "price": 1, "quantity": 3}, count_of(inventory, inventory.c.name == key)),
            ("POST", "/customers", {"name": key, "email": seeder.unique_email(), "password": PASSWORD}, customers_named(key)),
        )
        yield key, *kinds[number % len(kinds)]


def count_of(table, where):
    return select(func.count()).select_from(table).where(where)


def customers_named(name):
    return count_of(customers, customers.c.name == name)


def repeat(shop, count):
    """Send each of ``count`` requests twenty times at once. Return the counts.

    Raise AssertionError unless each request runs once and every other copy gets a replay or 409.
    """
    seeder = Seeder(shop, 1)
    part = seeder.create_parts(1, 10 * count)[0]
    requests = list(requests_with_keys(seeder, part, count))
    start, counts, orders = Barrier(COPIES), Counter(), 0

    def send_all(_):
        client, responses = shop.client(seeder.tokens[0]), []
        for key, method, path, body, _ in requests:
            start.wait(TIMEOUT)
            responses.append(client.call(method, path, body, key))
        return responses

    with ThreadPoolExecutor(COPIES) as threads:
        rounds = list(zip(*threads.map(send_all, range(COPIES)), strict=True))
    later_client = shop.client(seeder.tokens[0])
    with open_engine(shop) as engine, engine.connect() as connection:
        for (key, method, path, body, count_effects), responses in zip(requests, rounds, strict=True):
            first = [
                response for response in responses if response.status < 300 and "idempotency-replayed" not in response.headers
            ]
            replays = [response for response in responses if response.headers.get("idempotency-replayed") == "true"]
            in_flight = [response for response in responses if response.status == 409]
            assert len(first) + len(replays) + len(in_flight) == COPIES, Counter(response.status for response in responses)
            effects = connection.execute(count_effects).scalar_one()
            assert (len(first), effects) == (1, 1), f"{method} {path} was done {effects} times, {len(first)} times acknowledged"
            later = later_client.call(method, path, body, key)
            assert later.headers.get("idempotency-replayed") == "true"
            for response in (*replays, later):
                assert (response.status, response.body) == (first[0].status, first[0].body)
                assert response.headers.get("location") == first[0].headers.get("location")
            assert all("Idempotency-Key" in response.body["detail"] for response in in_flight)
            stored = count_of(idempotency_keys, idempotency_keys.c.key == key)
            assert connection.execute(stored).scalar_one() == 1
            counts.update(replays=len(replays), in_flight_409=len(in_flight))
            orders += path.startswith("/tickets")
        used = count_of(stock_movements, (stock_movements.c.inventory_id == part) & (stock_movements.c.reason == "used"))
        assert connection.execute(used).scalar_one() == orders, "a key has more than one set of stock movements"
        assert broken_invariants(engine) == []
    return {"keys": count, "requests": count * COPIES, "done_once": count, "done_twice": 0, **counts}


def test_idempotency_key_runs_once(busy_shop, proof):
    """200 requests, each sent 20 times at once with one idempotency key: each runs once, the other 19 get a replay or 409."""
    proof.report(**repeat(busy_shop, proof.size(20, 200)))


@pytest.mark.databases("postgresql")
def test_key_stored_after_the_work_is_detected(database):
    """Control: with keys stored after the work in a separate transaction, copies of a request run more than once."""
    with shop_on(database, workers=2, mistake="late_key") as shop, pytest.raises(AssertionError, match="was done"):
        repeat(shop, 4)
