"""``flask --app run demo``: the records that it creates, and the databases that it refuses."""

from datetime import date, datetime

import pytest
from sqlalchemy import func, inspect, select, update

from app.commands import demo
from app.commands.demo import Demo
from app.extensions import db
from app.models import customers, inventory, mechanics, service_tickets, stock_movements, ticket_mechanics, ticket_parts, utcnow
from app.startup.prepare import prepare
from tests.support.environment import PASSWORD
from tests.support.invariants import broken_invariants

OPENED = datetime(2024, 1, 1, 8)


@pytest.fixture
def run(app):
    """Run the command; how it ended, and what it said."""

    def invoke(*options):
        ended = app.test_cli_runner().invoke(args=["demo", *options])
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
        return ended.exit_code, ended.output.splitlines()

    return invoke


def counts(left):
    return {name: len(rows) for name, rows in left.everything().items() if rows}


def values(row, *names):
    return tuple(getattr(row, name) for name in names)


# ---------------------------------------------------------------- records
@pytest.mark.parametrize(
    ("tickets", "people", "staff", "parts"),
    [(1, 10, 5, 25), (200, 40, 5, 25), (3275, 655, 5, 130), (50_000, 10_000, 50, 2000), (500_000, 100_000, 500, 20_000)],
)
def test_other_records_grow_with_the_tickets(tickets, people, staff, parts):
    shop = Demo(tickets)
    assert (shop.customers, shop.mechanics, shop.parts) == (people, staff, parts)


@pytest.mark.parametrize("tickets", [1, 24, 131, 200, 999])
def test_demo_of_any_size_keeps_the_invariants(run, left, engine, tickets):
    """The invariants hold, and no ticket names a mechanic or a part twice."""
    code, output = run("--tickets", str(tickets))
    assert (code, output[-1]) == (0, "Sign in as first@example.com, an admin.")
    shop = Demo(tickets)
    assert counts(left) == {table.name: count for table, count in shop.counts.items()}
    assert counts(left)["ticket_parts"] == 3 * tickets
    assert output[-2] == (
        f"The shop has {shop.customers:,} customers, {shop.mechanics} mechanics, {shop.parts} parts "
        f"and {tickets} ticket{'s' * (tickets > 1)}."
    )
    assert broken_invariants(engine) == []


def test_rows_follow_from_their_number(run, left):
    """The second ticket of a shop of 200, with its customer, mechanic and parts."""
    assert run("--tickets", "200")[0] == 0
    person, worker, part, ticket = (left.row(table, 2) for table in (customers, mechanics, inventory, service_tickets))
    dated = (1, OPENED, OPENED, None)
    times = ("version", "created_at", "updated_at", "deleted_at")
    account = ("name", "email", "phone", "password_hash", "token_version")
    assert values(person, *account, *times) == ("Customer 2", "customer2@example.com", "555-010002", None, 1, *dated)
    assert values(worker, *account, *times) == ("Mechanic 2", "mechanic2@example.com", "555-020002", None, 1, *dated)
    assert values(worker, "role", "salary_cents") == ("mechanic", 4_020_000)
    assert values(part, "name", "sku", "price_cents", *times) == ("Part number 2", "SKU-000002", 574, *dated)
    assert part.quantity == 100_000_000 - 20 * 24
    day = datetime(2024, 1, 3, 8)
    assert values(ticket, "customer_id", "service_date", "vin", *times) == (
        23,
        date(2024, 1, 3),
        "VIN00000000000002",
        1,
        day,
        day,
        None,
    )
    assert ticket.description == "Brake inspection and oil change, visit 2"
    assert left.lines_of(ticket) == {15: 20, 21: 20, 2: 20}
    assert left.movements_of(part)[:2] == [("received", 100_000_000), ("used", -20)]
    first, second = left.row(stock_movements, 1), left.row(stock_movements, 29)
    ledger = ("inventory_id", "change", "balance", "reason", "ticket_id", "mechanic_id", "created_at")
    assert values(first, *ledger) == (1, 100_000_000, 100_000_000, "received", None, None, OPENED)
    assert values(second, *ledger) == (2, -20, 99_999_980, "used", 2, None, day)


def test_new_records_follow_the_last_demo_id(app, run, anyone, customer, left):
    """The login of the first admin returns a token of mechanic 1, and ids of new records continue."""
    with app.app_context(), db.engine.begin() as connection:
        for table in (customers, mechanics):
            connection.execute(table.delete())
    assert run("--tickets", "50")[0] == 0
    login = anyone.post("/mechanics/login", json={"email": "first@example.com", "password": PASSWORD})
    assert login.status_code == 200, login.text
    anyone.token = login.json["token"]
    assert anyone.get("/mechanics/1").json["name"] == "Mechanic 1"
    assert [ticket["id"] for ticket in anyone.get("/tickets?per_page=3").json] == [50, 49, 48]
    ticket = anyone.get("/tickets/50").json
    assert [each["id"] for each in ticket["mechanics"]] == [1, 3]
    assert len(ticket["parts"]) == 3
    order = {
        "customer_id": 10,
        "service_date": "2026-11-24",
        "description": "Brakes",
        "vin": "V",
        "parts": [{"inventory_id": 1}],
    }
    opened = anyone.post("/tickets", json=order)
    assert (opened.status_code, opened.json["id"]) == (201, 51)
    assert anyone.post("/inventory", json={"name": "Pad", "price": 5, "quantity": 1}).json["id"] == 26
    new = {"name": "Bea", "email": "bea@example.com", "phone": "555", "salary": 5, "password": PASSWORD}
    assert anyone.post("/mechanics", json=new).json["id"] == 6
    assert anyone.post("/customers", json={name: new[name] for name in ("name", "email", "password")}).json["id"] == 11
    assert left.row(stock_movements, 25 + 150 + 2).reason == "received"


# ---------------------------------------------------------------- the first admin
def test_first_admin_becomes_mechanic_1_with_email_and_password(app, run, left):
    """Independent of the id before."""
    prepare(app)
    [[admin_id, *_]] = left.everything()["mechanics"]
    before = left.row(mechanics, admin_id)
    assert run()[0] == 0
    first = left.row(mechanics, 1)
    kept = ("email", "password_hash", "token_version", "role")
    assert values(first, *kept) == values(before, *kept)
    assert values(first, "name", "phone", "salary_cents") == ("Mechanic 1", "555-020001", 4_010_000)


def test_demo_without_first_admin_allows_no_login(app, run, left, monkeypatch):
    """In production without ADMIN_EMAIL, mechanic 1 keeps the generated email and has no password."""
    monkeypatch.setitem(app.config, "APP_ENV", "production")
    monkeypatch.setitem(app.config, "ADMIN_EMAIL", "")
    code, output = run("--tickets", "10")
    assert (code, output[-1]) == (0, "Nobody can sign in: there was no first admin (ADMIN_EMAIL).")
    first = left.row(mechanics, 1)
    assert values(first, "email", "password_hash", "role") == ("mechanic1@example.com", None, "admin")


# ---------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("customer", "customers"),
        ("mechanic", "mechanics besides the first admin"),
        ("part", "inventory"),
        ("ticket", "customers"),
    ],
)
def test_database_with_records_is_refused(run, make, unchanged, kind, reason):
    """With one line, and exit code 1, or 0 with --if-empty."""
    getattr(make, kind)()
    with unchanged():
        assert run("--tickets", "3") == (
            1,
            [f"Error: The database is not empty: it has {reason} already. Nothing was changed."],
        )
        assert run("--if-empty") == (0, [f"The database is left as it is: it has {reason} already."])


def test_database_with_deleted_records_is_refused(app, run, make, engine, unchanged):
    """The ledger may refer to a deleted record."""
    part = make.part()
    make.creator.delete(f"/inventory/{part.id}")
    with engine.begin() as connection:
        connection.execute(update(mechanics).values(deleted_at=utcnow(), search=None))
    assert run("--if-empty")[1][-1] == "The database is left as it is: it has inventory already."


def test_second_demo_is_refused(run, unchanged):
    assert run("--tickets", "5")[0] == 0
    with unchanged():
        assert run("--tickets", "5")[0] == 1


def test_failing_demo_leaves_nothing(app, run, left, monkeypatch):
    """The demo is one transaction."""
    prepare(app)
    before = left.everything()

    def fail(connection, table, rows):
        if table is ticket_parts:
            connection.exec_driver_sql("SELECT nothing_of_this_name")
        write(connection, table, rows)

    write = demo.write
    monkeypatch.setattr(demo, "write", fail)
    code, output = run("--tickets", "5")
    assert code == 1
    assert len([line for line in output if line.startswith("Error: ")]) == 1
    assert "nothing_of_this_name" in output[-1]
    assert left.everything() == before


@pytest.mark.parametrize("wrong", ["0", "-1", "many", "10000001"])
def test_bad_number_of_tickets_is_refused(run, unchanged, wrong):
    with unchanged():
        assert run("--tickets", wrong)[0] == 2


# ---------------------------------------------------------------- the benchmark shop
@pytest.mark.slow
@pytest.mark.databases("postgresql")
def test_demo_of_fifty_thousand_tickets_is_the_benchmark_shop(run, left, engine):
    """Row counts, sample rows, and statistics for the planner."""
    assert run("--tickets", "50000")[0] == 0
    with engine.connect() as connection:
        ask = lambda statement: [tuple(row) for row in connection.execute(statement)]  # noqa: E731
        rows = {table: ask(select(func.count()).select_from(table))[0][0] for table in Demo(50_000).counts}
        assert rows == {
            customers: 10_000, mechanics: 50, inventory: 2000, service_tickets: 50_000,
            ticket_mechanics: 100_000, ticket_parts: 150_000, stock_movements: 152_000,
        }  # fmt: skip
        ticket = left.row(service_tickets, 4321)
        assert values(ticket, "customer_id", "service_date") == (3952, date(2024, 5, 1))
        crew = select(ticket_mechanics.c.mechanic_id).where(ticket_mechanics.c.ticket_id == 4321)
        assert sorted(ask(crew)) == [(22,), (39,)]
        on_it = ticket_parts.c.inventory_id, ticket_parts.c.quantity, ticket_parts.c.unit_price_cents
        lines = sorted(ask(select(*on_it).where(ticket_parts.c.ticket_id == 4321)))
        assert lines == [(248, 20, 9676), (379, 20, 14523), (510, 20, 19370)]
        assert sum(count * cents for _, count, cents in lines) == 871_380
        newest = select(service_tickets.c.id).order_by(service_tickets.c.service_date.desc(), service_tickets.c.id.desc())
        ids = [row[0] for row in ask(newest)]
        assert (ids[:3], ids[-2:]) == ([49699, 48999, 48299], [1400, 700])
        assert ask(select(func.sum(ticket_parts.c.quantity))) == [(3_000_000,)]
        assert ask(select(func.min(inventory.c.quantity), func.max(inventory.c.quantity))) == [(99_998_500, 99_998_500)]
        assert ask(select(func.max(service_tickets.c.service_date))) == [(date(2025, 11, 30),)]
        assert left.row(mechanics, 50).salary_cents == 4_500_000
        estimate = connection.exec_driver_sql("SELECT reltuples FROM pg_class WHERE relname = 'service_tickets'").scalar()
        assert estimate == 50_000
    assert {table.name for table in Demo(1).counts} <= set(inspect(engine).get_table_names())
    assert broken_invariants(engine) == []
