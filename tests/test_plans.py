"""Query plans of the hot statements in a shop with 10,000 tickets: by an index, reading few rows more than are returned.

The statements that a request ran are explained with their values. No time is measured.
"""

from dataclasses import dataclass
from itertools import count

import pytest
from sqlalchemy import event

from app.commands.demo import Demo
from app.extensions import db
from app.utils.auth.tokens import make_token
from tests.support.clients import Person
from tests.support.demo_shop import demo_shop
from tests.support.query_plans import PRIMARY, plan

pytestmark = pytest.mark.slow
TICKETS = 10_000
"""Enough that no planner prefers a full scan."""
NEWEST, CUSTOMER, VIN = (f"ix_service_tickets_{name}" for name in ("newest", "customer", "vin"))
MECHANIC = "ix_ticket_mechanics_newest"
COUNTER = count(1)
OF_A_MECHANIC = 2000
"""Tickets that each mechanic has."""


@dataclass
class Hot:
    """A request, the indexes of which one must be used, and the number of rows that may be read.

    ``counts``: the count uses an index, too. ``generic``: a generic plan uses the same indexes. ``from_the_end``: an index
    may be scanned from its end, since the newest rows are there. ``key``: the Idempotency-Key of the request.
    """

    request: str
    indexes: tuple[str, ...]
    max_rows: int
    role: str = "staff"
    counts: bool = True
    generic: bool = True
    from_the_end: bool = False
    body: dict | None = None
    key: str | None = None


KEY = ("uq_idempotency_keys_caller", "sqlite_autoindex_idempotency_keys_1")
ORDER = {"add_parts": [{"inventory_id": 4}, {"inventory_id": 6}]}
HOT = {
    # The count reads all rows, at most once in five seconds, and never for `after`.
    "the newest tickets": Hot("/tickets", (NEWEST,), 325, counts=False, from_the_end=True),
    "after the newest": Hot("/tickets?after=9799", (NEWEST,), 325),
    "after one in the middle": Hot("/tickets?after=5250", (NEWEST,), 325),
    "the last after all": Hot("/tickets?after=702", (NEWEST,), 325),
    "one ticket": Hot("/tickets/1234", (PRIMARY,), 20),
    "who works on it": Hot("/tickets/1234/mechanics", (PRIMARY,), 20),
    "a customer's own": Hot("/tickets/my-tickets", (CUSTOMER,), 90, role="customer"),
    "a customer's own, after": Hot("/tickets/my-tickets?after={own}", (CUSTOMER,), 90, role="customer"),
    "of a customer": Hot("/tickets?customer_id=5", (CUSTOMER,), 90),
    "of a car": Hot("/tickets?vin=VIN00000000001234", (VIN,), 30),
    "of a few days": Hot("/tickets?from=2025-11-25&to=2025-11-28", (NEWEST,), 400),
    # A mechanic has thousands; the count has a test of its own below.
    "a mechanic's own": Hot("/tickets/my-tickets", (MECHANIC,), 350, counts=False),
    "of a mechanic": Hot("/tickets?mechanic_id=3", (MECHANIC,), 350, counts=False),
    "of a mechanic, after": Hot("/tickets?mechanic_id=3&after=5250", (MECHANIC,), 350),
    "of a mechanic, the last": Hot("/tickets?mechanic_id=3&after=702", (MECHANIC,), 350),
    "of a mechanic, a few days": Hot("/tickets?mechanic_id=3&from=2025-11-25&to=2025-11-28", (MECHANIC,), 350, counts=False),
    "the ledger of a part": Hot("/inventory/7/movements", ("ix_stock_movements_part",), 150),
    "the ledger, after": Hot("/inventory/7/movements?after={movement}", ("ix_stock_movements_part", PRIMARY), 60),
    "an order": Hot("/tickets/9/inventory", (PRIMARY,), 40, body=ORDER),
    # The plan must use the index although the table of keys is still small.
    "an order that can be repeated": Hot("/tickets/9/inventory", KEY, 40, body=ORDER, key="once"),
}


@pytest.fixture(scope="module")
def shop(database, worker_id):
    with demo_shop(database, f"shop_plans_{worker_id}", TICKETS) as app:
        yield app


@pytest.fixture
def statements_of(shop):
    """Send a hot request, and return its statements with their values."""
    with shop.app_context():
        engines = list(db.engines.values())
        people = {"staff": make_token("mechanic", 1, 1), "customer": make_token("customer", 5, 1)}
    demo = Demo(TICKETS)
    own = max((row["service_date"], row["id"]) for row in demo.service_tickets_rows() if row["customer_id"] == 5)[1]
    movement = max(row["id"] for row in demo.stock_movements_rows() if row["inventory_id"] == 7)

    def send(hot):
        seen = []

        def note(_connection, _cursor, sql, parameters, _context, many):
            seen.append((sql, parameters[0] if many and isinstance(parameters, list) else parameters))

        for engine in engines:
            event.listen(engine, "before_cursor_execute", note)
        try:
            path = hot.request.format(own=own, movement=movement)
            headers = {"Idempotency-Key": f"{hot.key} {next(COUNTER)}"} if hot.key else {}
            response = Person(shop, people[hot.role]).open("PUT" if hot.body else "GET", path, json=hot.body, headers=headers)
        finally:
            for engine in engines:
                event.remove(engine, "before_cursor_execute", note)
        assert response.status_code == 200, response.text
        assert response.json
        return [each for each in seen if each[0].startswith(("SELECT", "UPDATE", "DELETE", "WITH"))]

    return send


def explain(shop, statements, **options):
    """Return the table accesses of all statements, and the number of rows that they read."""
    accesses, total = [], 0
    with shop.app_context(), db.engines["reads"].connect() as connection:
        for sql, parameters in statements:
            found, rows = plan(connection, sql, parameters, **options)
            accesses += found
            total += rows or 0
    return accesses, total


def require_indexes(hot, accesses):
    full_scans = [each for each in accesses if each.index is None]
    assert full_scans == [], "full scan of a growing table"
    assert {each.index for each in accesses} & set(hot.indexes)
    assert all(each.by_condition for each in accesses) or hot.from_the_end


@pytest.mark.parametrize("name", HOT)
def test_hot_request_uses_its_index_and_reads_few_rows(shop, statements_of, name):
    hot = HOT[name]
    statements = [each for each in statements_of(hot) if hot.counts or "count(*)" not in each[0]]
    accesses, rows = explain(shop, statements)
    require_indexes(hot, accesses)
    assert rows <= hot.max_rows


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("name", [name for name, hot in HOT.items() if hot.generic])
def test_generic_plan_uses_the_same_index(shop, statements_of, name):
    """PostgreSQL may plan a prepared statement once for all values."""
    hot = HOT[name]
    statements = [each for each in statements_of(hot) if hot.counts or "count(*)" not in each[0]]
    accesses, rows = explain(shop, statements, mode="generic")
    require_indexes(hot, accesses)
    assert rows <= hot.max_rows


@pytest.mark.parametrize("name", ["a mechanic's own", "of a mechanic"])
def test_count_for_a_mechanic_reads_only_their_rows(shop, statements_of, name):
    shop.list_counts.clear()
    counts = [each for each in statements_of(HOT[name]) if "count(*)" in each[0]]
    for options in [{}, {"mode": "generic"}] if "postgresql" in str(shop.config["DATABASE_URL"]) else [{}]:
        accesses, rows = explain(shop, counts, **options)
        require_indexes(HOT[name], accesses)
        assert rows <= 2 * OF_A_MECHANIC + 400


@pytest.mark.parametrize("name", ["the newest tickets", "after one in the middle", "the last after all"])
def test_deep_page_reads_no_more_rows_than_the_first(shop, statements_of, name):
    """As many rows as right after the newest ticket, except for the few tickets of the same day."""
    deep, first = (
        explain(shop, [each for each in statements_of(HOT[which]) if "count(*)" not in each[0]])[1]
        for which in (name, "after the newest")
    )
    assert deep <= first + TICKETS // 700 + 1


def test_statement_without_an_index_is_found(shop):
    """Control: an unindexed column is a full scan everywhere, and a row comparison is one on MariaDB."""
    with shop.app_context(), db.engines["reads"].connect() as connection:
        accesses, rows = plan(connection, "SELECT id FROM service_tickets WHERE description = 'x'", {})
        assert [each.index for each in accesses] == [None]
        assert rows is None or rows >= TICKETS
        compared = "SELECT id FROM service_tickets WHERE deleted_at IS NULL AND (service_date, id) < ('2024-06-01', 1)"
        accesses, _ = plan(connection, f"{compared} ORDER BY service_date DESC, id DESC LIMIT 20", {})
        assert [each.by_condition for each in accesses] == [connection.dialect.name != "mysql"]
