"""Everything that moves stock, on the same tickets and parts, for a while: the ledger never drifts."""

import random
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from sqlalchemy import select

from app.models import service_tickets, stock_movements
from tests.support.invariants import faults
from tests.support.running_shop import Crew, looking, shop_on

CLIENTS = 8
FIRST_COUNT = 1000
"""Every count is a number of its own above this one, so that it can be found in the ledger."""

pytestmark = pytest.mark.slow


class Desk:
    """What the clients share, and what they were told."""

    def __init__(self, crew):
        self.crew, self.parts = crew, crew.parts(4, FIRST_COUNT)
        self.tickets = crew.tickets(6)
        self.numbers = count(FIRST_COUNT + 1)
        self.mutex = threading.Lock()
        self.statuses, self.used, self.returned, self.counted = Counter(), defaultdict(list), Counter(), set()
        self.opened, self.deleted = Counter(), Counter()

    def line(self, dice):
        return {"inventory_id": dice.choice(self.parts), "quantity": dice.randint(1, 3)}

    # ---------------------------------------------------------------- what a client may do
    def order(self, client, dice):
        ticket, line = dice.choice(self.tickets), self.line(dice)
        answer = client.call("PUT", f"/tickets/{ticket}/inventory", {"add_parts": [line]})
        if answer.status == 200:
            self.used[ticket, line["inventory_id"]].append(line["quantity"])
        return answer

    def give_back(self, client, dice):
        ticket, line = dice.choice(self.tickets), self.line(dice)
        off = dice.choice([line, line["inventory_id"]])  # So many, or the whole line.
        answer = client.call("PUT", f"/tickets/{ticket}/inventory", {"remove_parts": [off]})
        if answer.status == 200:
            self.returned[ticket, line["inventory_id"]] += 1
        return answer

    def exchange(self, client, dice):
        ticket, off, on = dice.choice(self.tickets), self.line(dice), self.line(dice)
        answer = client.call("PUT", f"/tickets/{ticket}/inventory", {"remove_parts": [off], "add_parts": [on]})
        if answer.status == 200:
            self.returned[ticket, off["inventory_id"]] += 1
            self.used[ticket, on["inventory_id"]].append(on["quantity"])
        return answer

    def count_stock(self, client, dice):
        number = next(self.numbers)
        answer = client.call("PUT", f"/inventory/{dice.choice(self.parts)}", {"quantity": number})
        if answer.status == 200:
            self.counted.add(number)
        return answer

    def replace_ticket(self, client, dice):
        """Delete a ticket that others are writing, and open another with parts in its place."""
        place, line, vin = dice.randrange(len(self.tickets)), self.line(dice), self.crew.vin()
        gone = self.tickets[place]
        answer = client.call("DELETE", f"/tickets/{gone}")
        if answer.status != 204:
            return answer
        self.deleted[gone] += 1
        answer = client.call("POST", "/tickets", self.crew.ticket(vin, [line]))
        if answer.status == 201:
            self.tickets[place] = answer.body["id"]
            self.opened[vin] += 1
            self.used[answer.body["id"], line["inventory_id"]].append(line["quantity"])
        return answer

    def look(self, client, dice):
        return client.call("GET", dice.choice(["/inventory", f"/tickets/{dice.choice(self.tickets)}"]))

    def work(self, token, number, seconds):
        """Do one thing after the other, until the time is over."""
        client, dice, end = self.crew.shop.client(token), random.Random(number), time.monotonic() + seconds
        acts = (
            [self.order] * 4 + [self.give_back] * 3 + [self.exchange] * 2 + [self.count_stock, self.replace_ticket, self.look]
        )
        while time.monotonic() < end:
            act = dice.choice(acts)
            answer = act(client, dice)
            with self.mutex:
                self.statuses[act.__name__, answer.status] += 1


def mix(shop, seconds):
    """Let eight clients write the same tickets and parts; raise AssertionError unless the tables hold what the clients
    were told, and nothing else. Return what was seen."""
    crew = Crew(shop, CLIENTS)
    desk = Desk(crew)
    with ThreadPoolExecutor(CLIENTS) as threads:
        list(threads.map(desk.work, crew.tokens, range(CLIENTS), [seconds] * CLIENTS))
    with looking(shop) as engine, engine.connect() as connection:
        ledger = connection.execute(select(stock_movements).where(stock_movements.c.inventory_id.in_(desk.parts))).all()
        tickets = connection.execute(select(service_tickets.c.id, service_tickets.c.vin, service_tickets.c.deleted_at)).all()
        assert faults(engine) == []
    unexpected = {each: times for each, times in desk.statuses.items() if each[1] not in (200, 201, 204, 404, 409)}
    assert not unexpected, unexpected
    used, returned = defaultdict(list), Counter()
    for each in ledger:
        place = each.ticket_id, each.inventory_id
        if each.reason == "used":
            used[place].append(-each.change)
        returned[place] += each.reason == "returned"
    assert {place: sorted(counts) for place, counts in used.items()} == {
        place: sorted(counts) for place, counts in desk.used.items()
    }, "what went on tickets is not what was answered"
    for place, times in returned.items():
        at_the_end = place[0] in desk.deleted  # What a deleted ticket still held came back with it.
        assert times - desk.returned[place] in ((0, 1) if at_the_end else (0,)), f"{place} came back {times} times"
    balances = {each.balance for each in ledger}
    counted = [each.balance for each in ledger if each.reason == "counted"]
    assert len(counted) == len(set(counted)), "a count is there twice"
    assert set(counted) <= desk.counted <= balances, "a count is not there, or one that nobody was told of"
    held = Counter(ticket.vin for ticket in tickets)
    assert all(held[vin] == 1 for vin in desk.opened)
    assert set(desk.deleted.values()) <= {1}, "a ticket was deleted twice"
    assert {ticket.id for ticket in tickets if ticket.deleted_at and ticket.id in desk.deleted} == set(desk.deleted)
    done = sum(times for (_, status), times in desk.statuses.items() if status < 300)
    refused = sum(desk.statuses.values()) - done
    return {"done": done, "refused_with_404_or_409": refused, "movements": len(ledger), "drift": 0, "5xx": 0}


def test_mixed_writes_never_drift(busy_shop, proof):
    """Orders and refunds of the same tickets and parts, counts by PUT, deletions of tickets, for 60 s from 8 clients: no
    drift, no 5xx."""
    proof.saw(**mix(busy_shop, proof.size(6, 60)))


@pytest.mark.databases("postgresql")
def test_mixed_writes_find_out_an_early_commit(database):
    """The control: where stock is committed before its ledger line, the two drift apart."""
    with (
        shop_on(database, workers=2, mistake="early_commit") as shop,
        pytest.raises(AssertionError, match="a quantity is not the sum"),
    ):
        mix(shop, 3)
