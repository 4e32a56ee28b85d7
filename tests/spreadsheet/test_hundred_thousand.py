"""A hundred thousand tickets as CSV, from a shop as it is served: the first byte soon, and memory flat."""

import time
from datetime import date, datetime

import pytest
from sqlalchemy import create_engine, insert

from app.models import customers, inventory, mechanics, service_tickets, ticket_mechanics, ticket_parts
from config import database_url
from tests.support import services
from tests.support.start import ADMIN, NO_LIMITS, Start, copy_of_the_shop
from tests.test_memory import memory

TICKETS, AT_ONCE = 100_000, 5000
BEGINS_WITHIN, MOST_GROWTH_MIB = 1 / 3, 8
"""Of the time that the whole takes: how many seconds that are is for ``make bench-strain`` to say."""


def fill(url):
    """Tickets with a mechanic and a part on each, written as fast as the database takes them."""
    engine = create_engine(database_url(url))
    dated = {"version": 1, "created_at": datetime(2026, 1, 1), "updated_at": datetime(2026, 1, 1)}
    with engine.begin() as connection:
        account = {"name": "Ann", "token_version": 1, "email": "ann@example.org"}
        connection.execute(insert(customers).values(id=1, **account, **dated))
        connection.execute(insert(mechanics).values(id=99, role="mechanic", **account, **dated))
        connection.execute(insert(inventory).values(id=1, name="Brake pad", price_cents=4990, quantity=0, **dated))
        for start in range(1, TICKETS + 1, AT_ONCE):
            ids = range(start, start + AT_ONCE)
            visit = {"customer_id": 1, "vin": "1HGCM82633A004352", "description": "Replace the brake pads, and look at the oil"}
            days = {each: date(2026, 1, 1 + each % 28) for each in ids}
            rows = [{"id": each, "service_date": day} | visit | dated for each, day in days.items()]
            connection.execute(insert(service_tickets), rows)
            crew = [{"ticket_id": each, "mechanic_id": 99, "service_date": day} for each, day in days.items()]
            connection.execute(insert(ticket_mechanics), crew)
            line = {"inventory_id": 1, "quantity": 2, "unit_price_cents": 4990}
            connection.execute(insert(ticket_parts), [{"ticket_id": each} | line for each in ids])
    engine.dispose()


@pytest.fixture(scope="module")
def served(database, tmp_path_factory):
    """A shop of a hundred thousand tickets that is served, and an admin's token."""
    name = f"shop_csv_{time.time_ns()}"
    url = services.fresh_database(database, name)
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop").mkdir()
    try:
        with Start(copy_of_the_shop(folder / "shop"), **ADMIN, **NO_LIMITS, DATABASE_URL=url) as shop:
            token = shop.log_in()
            fill(url)
            shop.log_in()  # Its memory after a password, which takes 19 MiB for a moment.
            yield shop, token
    finally:
        services.drop_database(database, name)


def ask(shop, token, query=""):
    """Ask for the tickets: the connection, the answer, and the seconds until its first byte."""
    connection = shop.connect()
    began = time.monotonic()
    connection.request("GET", f"/tickets.csv{query}", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Transfer-Encoding")) == (200, "chunked")
    assert answer.read(3) == b"\xef\xbb\xbf"
    return connection, answer, time.monotonic() - began


@pytest.mark.slow
def test_a_hundred_thousand_tickets_begin_long_before_they_end_and_need_no_memory(served):
    """«100,000 tickets as CSV»: every ticket once, the first byte while nearly all is still to be read, memory flat."""
    shop, token = served
    connection, answer, _ = ask(shop, token, "?q=nothing")  # Once before, so that all is loaded that is needed.
    answer.read()
    connection.close()
    before, seen, chunks = memory(shop.process.pid)[1], [], []
    began = time.monotonic()
    connection, answer, first = ask(shop, token)
    while chunk := answer.read(1_000_000):
        chunks.append(chunk)
        seen.append(memory(shop.process.pid)[1])
    whole = time.monotonic() - began
    connection.close()
    text = b"".join(chunks)
    print(f"first byte at {first:.3f} s of {whole:.1f}, {len(text):,} bytes, {before:.1f} MiB before, {max(seen):.1f} at most")
    assert text.count(b"\r\n") == TICKETS + 1
    assert len({line.partition(b",")[0] for line in text.split(b"\r\n")[1:-1]}) == TICKETS
    assert b"INCOMPLETE" not in text
    assert first < BEGINS_WITHIN * whole
    assert max(seen) - before < MOST_GROWTH_MIB


@pytest.mark.slow
def test_a_client_that_stops_reading_or_goes_away_stops_nobody(served):
    """Its connection to the database is free all the while, and its place when it has gone."""
    shop, token = served
    connection, answer, _ = ask(shop, token)
    for _ in range(20):  # While it does not read on, all others are answered.
        status, tickets = shop.call("GET", "/tickets?per_page=5", token=token)
        assert (status, len(tickets)) == (200, 5)
    status, problem = shop.call("GET", "/tickets.csv", token=token)
    assert (status, problem["detail"]) == (503, "Another long list or search is being written; try again shortly.")
    answer.close()
    connection.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        connection = shop.connect()
        connection.request("GET", "/tickets.csv", headers={"Authorization": f"Bearer {token}"})
        status = connection.getresponse().status
        connection.close()
        if status == 200:
            return
        time.sleep(0.1)
    raise AssertionError("the place of the client that has gone was not given back")
