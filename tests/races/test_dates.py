"""Concurrent changes of the dates and mechanics of tickets: lists by mechanic stay sorted by date."""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from app.models import service_tickets, ticket_mechanics
from tests.support.running_shop import Seeder, open_engine

CLIENTS = 8
DAYS = ["2026-11-24", "2026-11-25", "2026-11-26"]

pytestmark = pytest.mark.slow


def reschedule(seeder, tickets, mechanics, number, seconds):
    """Change dates and mechanics of tickets and open new ones for ``seconds``. Return the statuses."""
    client, rng, deadline = seeder.shop.client(seeder.tokens[number]), random.Random(number), time.monotonic() + seconds
    statuses = Counter()
    while time.monotonic() < deadline:
        ticket, day, mechanic_ids = rng.choice(tickets), rng.choice(DAYS), rng.sample(mechanics, rng.randint(1, 3))
        calls = [
            ("PUT", f"/tickets/{ticket}", {"service_date": day}),
            ("PUT", f"/tickets/{ticket}/mechanics", {"mechanic_ids": mechanic_ids}),
            ("POST", "/tickets", seeder.ticket_body(seeder.unique_vin()) | {"service_date": day, "mechanic_ids": mechanic_ids}),
        ]
        statuses[client.call(*rng.choice(calls)).status] += 1
    return statuses


def test_ticket_list_of_a_mechanic_follows_date_changes(busy_shop, proof):
    """8 clients change dates and mechanics and open tickets: the list of each mechanic has each ticket once, in order of
    date, without a 5xx."""
    seeder = Seeder(busy_shop, CLIENTS)
    mechanics = [seeder.hire().id for _ in range(4)]
    tickets, seconds = seeder.create_tickets(6), proof.size(4, 30)
    with ThreadPoolExecutor(CLIENTS) as threads:
        futures = [threads.submit(reschedule, seeder, tickets, mechanics, number, seconds) for number in range(CLIENTS)]
        statuses = sum((future.result() for future in futures), Counter())
    assert set(statuses) <= {200, 201}, statuses
    of_mechanics = ticket_mechanics.c.mechanic_id.in_(mechanics)
    with open_engine(busy_shop) as engine, engine.connect() as connection:
        dates = dict(connection.execute(select(service_tickets.c.id, service_tickets.c.service_date)).all())
        assignments = connection.execute(select(ticket_mechanics).where(of_mechanics)).all()
    assert [row for row in assignments if row.service_date != dates[row.ticket_id]] == []
    admin = busy_shop.client(seeder.admin.token)  # A new connection: the old one was idle longer than the server keeps it.
    for mechanic in mechanics:
        expected = sorted(
            ((dates[row.ticket_id], row.ticket_id) for row in assignments if row.mechanic_id == mechanic), reverse=True
        )
        listed, path = [], f"/tickets?mechanic_id={mechanic}&per_page=100"
        while page := admin.call("GET", path).body:
            listed += [ticket["id"] for ticket in page]
            path = f"/tickets?mechanic_id={mechanic}&per_page=100&after={listed[-1]}"
        assert listed == [ticket_id for _, ticket_id in expected]
    proof.report(requests=statuses.total(), misplaced=0, **{"5xx": 0})
