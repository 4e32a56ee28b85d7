"""A hundred thousand tickets as CSV from a running server: an early first byte, and flat memory."""

import time
from datetime import date, datetime

import pytest
from sqlalchemy import create_engine, insert

from app.models import customers, inventory, mechanics, service_tickets, ticket_mechanics, ticket_parts
from config import database_url
from tests.support import services
from tests.support.start import ADMIN, NO_LIMITS, Start, copy_of_the_shop, memory

TICKETS, BATCH = 100_000, 5000
MAX_FIRST_BYTE, MAX_GROWTH_MIB = 1 / 3, 8
"""A fraction of the total time, and MiB."""


def fill(url):
    """Insert tickets with a mechanic and a part each, as fast as the database allows."""
    engine = create_engine(database_url(url))
    dated = {"version": 1, "created_at": datetime(2026, 1, 1), "updated_at": datetime(2026, 1, 1)}
    with engine.begin() as connection:
        account = {"name": "Ann", "token_version": 1, "email": "ann@example.org"}
        connection.execute(insert(customers).values(id=1, **account, **dated))
        connection.execute(insert(mechanics).values(id=99, role="mechanic", **account, **dated))
        connection.execute(insert(inventory).values(id=1, name="Brake pad", price_cents=4990, quantity=0, **dated))
        for start in range(1, TICKETS + 1, BATCH):
            ids = range(start, start + BATCH)
            ticket = {
                "customer_id": 1,
                "vin": "1HGCM82633A004352",
                "description": "Replace the brake pads, and look at the oil",
            }
            days = {each: date(2026, 1, 1 + each % 28) for each in ids}
            rows = [{"id": each, "service_date": day} | ticket | dated for each, day in days.items()]
            connection.execute(insert(service_tickets), rows)
            assignments = [{"ticket_id": each, "mechanic_id": 99, "service_date": day} for each, day in days.items()]
            connection.execute(insert(ticket_mechanics), assignments)
            line = {"inventory_id": 1, "quantity": 2, "unit_price_cents": 4990}
            connection.execute(insert(ticket_parts), [{"ticket_id": each} | line for each in ids])
    engine.dispose()


@pytest.fixture(scope="module")
def shop_and_token(database, tmp_path_factory):
    """Start a shop with a hundred thousand tickets. Yield the shop and an admin's token."""
    name = f"shop_csv_{time.time_ns()}"
    url = services.fresh_database(database, name)
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop").mkdir()
    try:
        with Start(copy_of_the_shop(folder / "shop"), **ADMIN, **NO_LIMITS, DATABASE_URL=url) as shop:
            token = shop.log_in()
            fill(url)
            shop.log_in()  # Hashing a password takes 19 MiB for a moment.
            yield shop, token
    finally:
        services.drop_database(database, name)


def request_tickets(shop, token, query=""):
    """Request the tickets. Return the connection, the response, and the seconds until its first byte."""
    connection = shop.connect()
    began = time.monotonic()
    connection.request("GET", f"/tickets.csv{query}", headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    assert (response.status, response.getheader("Transfer-Encoding")) == (200, "chunked")
    assert response.read(3) == b"\xef\xbb\xbf"
    return connection, response, time.monotonic() - began


@pytest.mark.slow
def test_hundred_thousand_tickets_are_streamed_with_flat_memory(shop_and_token):
    """Each ticket is sent once, and the first byte while most of the list is still unread."""
    shop, token = shop_and_token
    connection, response, _ = request_tickets(shop, token, "?q=nothing")  # A first request loads all modules.
    response.read()
    connection.close()
    before, measured, chunks = memory(shop.process.pid)[1], [], []
    began = time.monotonic()
    connection, response, first_byte = request_tickets(shop, token)
    while chunk := response.read(1_000_000):
        chunks.append(chunk)
        measured.append(memory(shop.process.pid)[1])
    total = time.monotonic() - began
    connection.close()
    text = b"".join(chunks)
    sizes = f"{len(text):,} bytes, {before:.1f} MiB before, {max(measured):.1f} at most"
    print(f"first byte at {first_byte:.3f} s of {total:.1f}, {sizes}")
    assert text.count(b"\r\n") == TICKETS + 1
    assert len({line.partition(b",")[0] for line in text.split(b"\r\n")[1:-1]}) == TICKETS
    assert b"INCOMPLETE" not in text
    assert first_byte < MAX_FIRST_BYTE * total
    assert max(measured) - before < MAX_GROWTH_MIB


@pytest.mark.slow
def test_client_that_stops_reading_blocks_no_other(shop_and_token):
    """It holds no database connection, and its export slot is free again after it has gone."""
    shop, token = shop_and_token
    connection, response, _ = request_tickets(shop, token)
    for _ in range(20):  # Meanwhile the client does not read, and other requests are answered.
        status, tickets = shop.call("GET", "/tickets?per_page=5", token=token)
        assert (status, len(tickets)) == (200, 5)
    status, problem = shop.call("GET", "/tickets.csv", token=token)
    assert (status, problem["detail"]) == (503, "Another long list or search is being written; try again shortly.")
    response.close()
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
    raise AssertionError("the export slot of the closed connection was not released")
