"""SIGKILL of a worker and of the whole shop under load: no acknowledged write is lost or done twice."""

import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from app.models import customers, service_tickets, stock_movements, ticket_parts
from tests.support.invariants import broken_invariants
from tests.support.processes import until
from tests.support.running_shop import Seeder, open_engine, shop_on
from tests.support.shop import CONNECTION_ERRORS, PASSWORD

CLIENTS = 6
LOAD_SECONDS = 0.7
"""Seconds of load before each kill."""
TIMEOUT = 60
REFUSED = "a request was refused"

pytestmark = pytest.mark.slow


class Load:
    """Clients that write continuously and repeat each request, with its idempotency key, until it is answered."""

    def __init__(self, shop):
        self.shop, self.seeder = shop, Seeder(shop, CLIENTS)
        self.part = self.seeder.create_parts(1, 1_000_000)[0]
        self.shared_tickets = self.seeder.create_tickets(CLIENTS)
        self.stopped = threading.Event()
        self.opened, self.registered, self.ordered, self.longest = [], [], Counter(), 0.0

    def work(self, number):
        client, line = self.shop.client(self.seeder.tokens[number]), {"inventory_id": self.part, "quantity": 1}
        while not self.stopped.is_set():
            vin, ticket = self.seeder.unique_vin(), self.shared_tickets[number]
            response = self.write(client, "POST", "/tickets", self.seeder.ticket_body(vin, [line]))
            self.opened.append((response.body["id"], vin))
            self.write(client, "PUT", f"/tickets/{ticket}/inventory", {"add_parts": [line]})
            self.ordered[ticket] += 1
            person = {"name": vin, "email": self.seeder.unique_email(), "password": PASSWORD}
            self.registered.append((self.write(client, "POST", "/customers", person).body["id"], vin))

    def write(self, client, method, path, body):
        started = time.monotonic()
        response = client.call_until_answered(method, path, body, seconds=TIMEOUT)
        self.longest = max(self.longest, time.monotonic() - started)
        assert response.status in (200, 201), f"{REFUSED}: {response}"
        return response

    def writes(self):
        return len(self.opened) + len(self.registered) + sum(self.ordered.values())

    def check(self):
        """Raise AssertionError unless exactly the acknowledged writes exist, once each."""
        with open_engine(self.shop) as engine, engine.connect() as connection:
            tickets = connection.execute(select(service_tickets.c.id, service_tickets.c.vin)).all()
            accounts = connection.execute(select(customers.c.id, customers.c.name)).all()
            lines = dict(connection.execute(select(ticket_parts.c.ticket_id, ticket_parts.c.quantity)).all())
            moved = select(stock_movements.c.ticket_id, func.count()).where(stock_movements.c.reason == "used")
            moved = dict(connection.execute(moved.group_by(stock_movements.c.ticket_id)).all())
            assert broken_invariants(engine) == []
        ticket_ids = {*self.shared_tickets, *(ticket for ticket, _ in self.opened)}
        assert Counter(row.vin for row in tickets if row.id not in self.shared_tickets) == Counter(
            vin for _, vin in self.opened
        ), "a ticket was opened twice, or is lost"
        assert {(row.id, row.vin) for row in tickets} >= set(self.opened)
        registered = sorted(tuple(row) for row in accounts if row.id != self.seeder.customer)
        assert registered == sorted(self.registered), "a customer was created twice, or is lost"
        expected = {ticket: 1 for ticket, _ in self.opened} | self.ordered
        assert (lines, moved) == (expected, expected), "an order was done twice, or is lost"
        assert lines.keys() <= ticket_ids


def kill_a_worker(shop, workers):
    """Kill one worker. Return the seconds until the shop serves with all workers again."""
    killed = shop.workers()[0]
    os.kill(killed, signal.SIGKILL)
    return until(lambda: killed not in shop.workers() and len(shop.workers()) == workers and serves(shop), TIMEOUT, "service")


def kill_the_shop(shop, _workers):
    """Kill the whole shop and start it again. Return the seconds until it serves."""
    shop.kill()
    started = time.monotonic()
    shop.start()
    return time.monotonic() - started


def serves(shop):
    try:
        return shop.client(timeout=2).call("GET", "/health/ready").status == 200
    except CONNECTION_ERRORS:
        return False


def kill_under_load(shop, kills):
    """Kill the shop under load by each function of ``kills``. Return the counts and the longest gap of each kind.

    Raise AssertionError if an acknowledged write is lost or done twice.
    """
    load, workers, gaps = Load(shop), len(shop.workers()), {}
    with ThreadPoolExecutor(CLIENTS) as threads:
        clients = [threads.submit(load.work, number) for number in range(CLIENTS)]
        try:
            for kill in kills:
                time.sleep(LOAD_SECONDS)
                gap = kill(shop, workers)
                gaps[kill.__name__] = max(gap, gaps.get(kill.__name__, 0))
            time.sleep(LOAD_SECONDS)
        finally:
            load.stopped.set()
        for client in clients:
            client.result()
    load.check()
    assert load.writes() > len(kills) * CLIENTS, "there was no load"
    seconds = {f"recovered_after_{name}": f"{gap:.1f} s" for name, gap in gaps.items()}
    return {
        "kills": len(kills),
        "acknowledged_writes": load.writes(),
        "lost": 0,
        "done_twice": 0,
        **seconds,
        "longest_wait_of_a_client": f"{load.longest:.1f} s",
    }, gaps


def test_kill_loses_or_repeats_no_acknowledged_write(database, proof):
    """A worker and the whole app are killed (SIGKILL) six times each under load, and clients retry with their idempotency
    keys: every acknowledged write exists exactly once, and the shop serves again within 5 s."""
    with shop_on(database, workers=2) as shop:
        counts, gaps = kill_under_load(shop, [kill_a_worker, kill_the_shop] * proof.size(1, 6))
    proof.report(**counts)
    if "PYTEST_XDIST_WORKER" not in os.environ:  # In a parallel run, other tests use the processors.
        assert max(gaps.values()) < 5, gaps


@pytest.mark.databases("postgresql")
def test_key_stored_late_is_detected_by_a_kill(database):
    """Control: with idempotency keys stored after the work, a client whose response was lost repeats the work.

    Only some kills hit a request between its work and its key, so the test kills often.
    """

    def kill_often(shop):
        for _ in range(10):
            kill_under_load(shop, [kill_a_worker] * 3)

    with shop_on(database, workers=2, mistake="late_key") as shop, pytest.raises(AssertionError, match=f"twice|{REFUSED}"):
        kill_often(shop)
