"""Dates of tickets change while mechanics come on them: a mechanic's list has each ticket where its date is."""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from app.models import service_tickets, ticket_mechanics
from tests.support.running_shop import Crew, looking

CLIENTS = 8
DAYS = ["2026-11-24", "2026-11-25", "2026-11-26"]

pytestmark = pytest.mark.slow


def reschedule(crew, tickets, mechanics, number, seconds):
    """Move tickets to other days, change who is on them and open others, until the time is over; what was answered."""
    client, dice, end = crew.shop.client(crew.tokens[number]), random.Random(number), time.monotonic() + seconds
    statuses = Counter()
    while time.monotonic() < end:
        ticket, day, some = dice.choice(tickets), dice.choice(DAYS), dice.sample(mechanics, dice.randint(1, 3))
        calls = [
            ("PUT", f"/tickets/{ticket}", {"service_date": day}),
            ("PUT", f"/tickets/{ticket}/mechanics", {"mechanic_ids": some}),
            ("POST", "/tickets", crew.ticket(crew.vin()) | {"service_date": day, "mechanic_ids": some}),
        ]
        statuses[client.call(*dice.choice(calls)).status] += 1
    return statuses


def test_a_mechanics_list_follows_every_change_of_a_date(busy_shop, proof):
    """New dates, new mechanics and new tickets from 8 clients: each mechanic's list has each of their tickets once, at
    its date; no 5xx."""
    crew = Crew(busy_shop, CLIENTS)
    mechanics = [crew.hire().id for _ in range(4)]
    tickets, seconds = crew.tickets(6), proof.size(4, 30)
    with ThreadPoolExecutor(CLIENTS) as threads:
        calls = [threads.submit(reschedule, crew, tickets, mechanics, number, seconds) for number in range(CLIENTS)]
        statuses = sum((call.result() for call in calls), Counter())
    assert set(statuses) <= {200, 201}, statuses
    ours = ticket_mechanics.c.mechanic_id.in_(mechanics)
    with looking(busy_shop) as engine, engine.connect() as connection:
        dates = dict(connection.execute(select(service_tickets.c.id, service_tickets.c.service_date)).all())
        beside = connection.execute(select(ticket_mechanics).where(ours)).all()
    assert [row for row in beside if row.service_date != dates[row.ticket_id]] == []
    admin = busy_shop.client(crew.admin.token)  # The connection of theirs was idle for longer than a server keeps one.
    for mechanic in mechanics:
        theirs = sorted(((dates[row.ticket_id], row.ticket_id) for row in beside if row.mechanic_id == mechanic), reverse=True)
        listed, path = [], f"/tickets?mechanic_id={mechanic}&per_page=100"
        while page := admin.call("GET", path).body:
            listed += [ticket["id"] for ticket in page]
            path = f"/tickets?mechanic_id={mechanic}&per_page=100&after={listed[-1]}"
        assert listed == [number for _, number in theirs]
    proof.saw(done=statuses.total(), astray=0, **{"5xx": 0})
