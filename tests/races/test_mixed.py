"""All requests that move stock, mixed, on the same tickets and parts: stock and stock movements stay consistent."""

import random
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from sqlalchemy import select

from app.models import service_tickets, stock_movements
from tests.support.invariants import broken_invariants
from tests.support.running_shop import Seeder, open_engine, shop_on

CLIENTS = 8
FIRST_COUNT = 1000
"""Each count is a unique number above this one, to be found in the stock movements."""

pytestmark = pytest.mark.slow


class Workload:
    """The state that the clients share, and the changes that were acknowledged."""

    def __init__(self, seeder):
        self.seeder, self.parts = seeder, seeder.create_parts(4, FIRST_COUNT)
        self.tickets = seeder.create_tickets(6)
        self.count_values = count(FIRST_COUNT + 1)
        self.lock = threading.Lock()
        self.statuses, self.used, self.returned, self.counted = Counter(), defaultdict(list), Counter(), set()
        self.opened, self.deleted = Counter(), Counter()

    def line(self, rng):
        return {"inventory_id": rng.choice(self.parts), "quantity": rng.randint(1, 3)}

    # ---------------------------------------------------------------- actions of a client
    def add_part(self, client, rng):
        ticket, line = rng.choice(self.tickets), self.line(rng)
        response = client.call("PUT", f"/tickets/{ticket}/inventory", {"add_parts": [line]})
        if response.status == 200:
            self.used[ticket, line["inventory_id"]].append(line["quantity"])
        return response

    def remove_part(self, client, rng):
        ticket, line = rng.choice(self.tickets), self.line(rng)
        removal = rng.choice([line, line["inventory_id"]])  # A quantity or the whole line.
        response = client.call("PUT", f"/tickets/{ticket}/inventory", {"remove_parts": [removal]})
        if response.status == 200:
            self.returned[ticket, line["inventory_id"]] += 1
        return response

    def exchange(self, client, rng):
        ticket, removed, added = rng.choice(self.tickets), self.line(rng), self.line(rng)
        response = client.call("PUT", f"/tickets/{ticket}/inventory", {"remove_parts": [removed], "add_parts": [added]})
        if response.status == 200:
            self.returned[ticket, removed["inventory_id"]] += 1
            self.used[ticket, added["inventory_id"]].append(added["quantity"])
        return response

    def count_stock(self, client, rng):
        number = next(self.count_values)
        response = client.call("PUT", f"/inventory/{rng.choice(self.parts)}", {"quantity": number})
        if response.status == 200:
            self.counted.add(number)
        return response

    def replace_ticket(self, client, rng):
        """Delete a ticket that other clients change, and open another with parts instead."""
        index, line, vin = rng.randrange(len(self.tickets)), self.line(rng), self.seeder.unique_vin()
        ticket = self.tickets[index]
        response = client.call("DELETE", f"/tickets/{ticket}")
        if response.status != 204:
            return response
        self.deleted[ticket] += 1
        response = client.call("POST", "/tickets", self.seeder.ticket_body(vin, [line]))
        if response.status == 201:
            self.tickets[index] = response.body["id"]
            self.opened[vin] += 1
            self.used[response.body["id"], line["inventory_id"]].append(line["quantity"])
        return response

    def read(self, client, rng):
        return client.call("GET", rng.choice(["/inventory", f"/tickets/{rng.choice(self.tickets)}"]))

    def work(self, token, number, seconds):
        """Run random actions for ``seconds``."""
        client, rng, deadline = self.seeder.shop.client(token), random.Random(number), time.monotonic() + seconds
        actions = (
            [self.add_part] * 4
            + [self.remove_part] * 3
            + [self.exchange] * 2
            + [self.count_stock, self.replace_ticket, self.read]
        )
        while time.monotonic() < deadline:
            action = rng.choice(actions)
            response = action(client, rng)
            with self.lock:
                self.statuses[action.__name__, response.status] += 1


def mix(shop, seconds):
    """Let eight clients change the same tickets and parts. Return the counts.

    Raise AssertionError unless the tables hold exactly the acknowledged changes.
    """
    seeder = Seeder(shop, CLIENTS)
    workload = Workload(seeder)
    with ThreadPoolExecutor(CLIENTS) as threads:
        list(threads.map(workload.work, seeder.tokens, range(CLIENTS), [seconds] * CLIENTS))
    with open_engine(shop) as engine, engine.connect() as connection:
        movements = connection.execute(select(stock_movements).where(stock_movements.c.inventory_id.in_(workload.parts))).all()
        tickets = connection.execute(select(service_tickets.c.id, service_tickets.c.vin, service_tickets.c.deleted_at)).all()
        assert broken_invariants(engine) == []
    unexpected = {key: times for key, times in workload.statuses.items() if key[1] not in (200, 201, 204, 404, 409)}
    assert not unexpected, unexpected
    used, returned = defaultdict(list), Counter()
    for movement in movements:
        line = movement.ticket_id, movement.inventory_id
        if movement.reason == "used":
            used[line].append(-movement.change)
        returned[line] += movement.reason == "returned"
    assert {line: sorted(quantities) for line, quantities in used.items()} == {
        line: sorted(quantities) for line, quantities in workload.used.items()
    }, "the parts on tickets differ from the acknowledged changes"
    for line, times in returned.items():
        is_deleted = line[0] in workload.deleted  # The deletion of a ticket returns the rest of the line.
        assert times - workload.returned[line] in ((0, 1) if is_deleted else (0,)), f"{line} was returned {times} times"
    balances = {movement.balance for movement in movements}
    counted = [movement.balance for movement in movements if movement.reason == "counted"]
    assert len(counted) == len(set(counted)), "a count was recorded twice"
    assert set(counted) <= workload.counted <= balances, "a count is lost, or was not acknowledged"
    tickets_by_vin = Counter(ticket.vin for ticket in tickets)
    assert all(tickets_by_vin[vin] == 1 for vin in workload.opened)
    assert set(workload.deleted.values()) <= {1}, "a ticket was deleted twice"
    assert {ticket.id for ticket in tickets if ticket.deleted_at and ticket.id in workload.deleted} == set(workload.deleted)
    done = sum(times for (_, status), times in workload.statuses.items() if status < 300)
    refused = sum(workload.statuses.values()) - done
    return {"done": done, "refused_with_404_or_409": refused, "movements": len(movements), "drift": 0, "5xx": 0}


def test_mixed_writes_keep_stock_and_movements_consistent(busy_shop, proof):
    """8 clients add and remove parts, count stock by PUT and delete tickets for 60 s, on the same tickets and parts: stock
    and stock movements agree with the acknowledged changes, without a 5xx."""
    proof.report(**mix(busy_shop, proof.size(6, 60)))


@pytest.mark.databases("postgresql")
def test_stock_committed_before_its_movement_is_detected(database):
    """Control: with stock committed before its movement, the two differ."""
    with (
        shop_on(database, workers=2, mistake="early_commit") as shop,
        pytest.raises(AssertionError, match="a quantity is not the sum"),
    ):
        mix(shop, 3)
