"""``flask --app run copy-to URL``: copying a whole shop into another database, of any kind."""

import os
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, delete, insert, select, text, update

from app import create_app
from app.commands import copy_to
from app.commands.copy_to import TABLES
from app.extensions import db
from app.models import idempotency_keys, inventory, search_value, stock_movements, ticket_parts, utcnow
from app.startup.prepare import prepare
from config import Settings, database_url
from tests.support import services
from tests.support.clients import Person
from tests.support.environment import ENVIRONMENT, PASSWORD
from tests.support.invariants import broken_invariants

LATE = 2_000_000_000
"""An id after all others."""
RAW = bytes(range(256))
TEXTS = ["Öl 5W-30 «groß» 🛞", "a\\b\tc", "\\N", "two\nlines, one \"quoted\" and 'one'", "trailing \u2009x", "%s :name {}"]


@pytest.fixture(params=services.databases())
def target(request, worker_id):
    """Create an empty database of each kind in turn. Yield its URL."""
    name = f"shop_copy_{worker_id}_{os.getpid()}"
    yield services.fresh_database(request.param, name)
    services.drop_database(request.param, name)


@pytest.fixture
def target_engine(target):
    """An engine on the target, to look at the copied rows."""
    engine = create_engine(database_url(target))
    yield engine
    engine.dispose()


@pytest.fixture
def shop(make, engine, admin):
    """Create a shop with every kind of row: deleted records, nulls, boundary values, stored responses."""
    mechanic = make.mechanic(name="Zoë")
    parts = [make.part(name=f"Part {number}", sku=f"S-{number}", price=99_999_999.99) for number in range(len(TEXTS))]
    full_part = make.part(quantity=2_147_483_647)
    lines = [{"inventory_id": part.id, "quantity": 3} for part in (*parts[:2], full_part)]
    ticket, other, _ = (make.ticket(mechanic_ids=[mechanic.id], parts=lines) for _ in range(3))
    body = {name: vars(ticket)[name] for name in ("customer_id", "service_date", "description", "vin")}
    assert make.creator.post("/tickets", json=body, headers={"Idempotency-Key": "once"}).status_code == 201
    credentials = {"email": admin.record["email"], "password": PASSWORD}
    assert admin.post("/mechanics/login", json=credentials).status_code == 200  # The address is known from now on.
    admin.put("/shop", json={"name": "The source", "supplies": {"percent": 1.5}})
    admin.delete(f"/tickets/{other.id}")
    admin.put(f"/customers/{ticket.customer_id}", json={"phone": None})
    admin.delete(f"/inventory/{parts[3].id}")
    admin.delete(f"/customers/{make.customer().id}")
    raw = {"caller": "mechanic:1", "key": "raw", "fingerprint": "x", "body": RAW, "created_at": utcnow() - timedelta(hours=1)}
    with engine.begin() as connection:
        connection.execute(insert(idempotency_keys).values(raw))
        for part, name in zip(parts, TEXTS, strict=True):
            values = {"name": name} | search_value(inventory, {"name": name, "sku": part.sku})
            connection.execute(update(inventory).where(inventory.c.id == part.id).values(values))


def rows_of(engine):
    """Return all rows of all tables."""
    with engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in TABLES
        }


def app_on(url):
    """Return an app on the copy."""
    app = create_app(Settings.load(ENVIRONMENT | {"DATABASE_URL": url}))
    prepare(app)
    return app


def dispose(app):
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


# ---------------------------------------------------------------- copied
def test_every_row_is_copied(run, shop, engine, target, target_engine, unchanged):
    """From each kind of database to each; the source stays unchanged."""
    with unchanged():
        code, output = run("copy-to", target)
    count = sum(map(len, rows_of(engine).values()))
    assert code == 0, output
    assert f"{count:,} rows, {count:,} of them written by this run, all compared." in output[-2]
    assert rows_of(target_engine) == rows_of(engine)
    assert broken_invariants(target_engine) == []
    assert {table.name for table in TABLES} == {name for name, rows in rows_of(target_engine).items() if rows}


def test_copy_can_be_served_and_continues_the_ids(run, shop, engine, admin, target, target_engine):
    """With the same tokens and idempotency keys. Sequences are set: a new record follows the last one."""
    assert run("copy-to", target)[0] == 0
    before = rows_of(engine)
    app = app_on(target)
    try:
        person = Person(app, admin.token)
        for path in ("/tickets", "/inventory", "/mechanics", "/customers"):
            assert person.get(path).data == admin.get(path).data
        first = admin.get("/tickets?per_page=100").json[-1]
        body = {name: first[name] for name in ("customer_id", "service_date", "description", "vin")}
        again = person.post("/tickets", json=body, headers={"Idempotency-Key": "once"})
        assert (again.status_code, again.headers.get("Idempotency-Replayed")) == (201, "true")
        made = {
            "customers": {"name": "New", "email": "new@example.com", "password": "long enough"},
            "mechanics": {"name": "New", "email": "new@example.com", "phone": "555", "salary": 1},
            "inventory": {"name": "New", "price": 1, "quantity": 2},
            "service_tickets": body,
        }
        for table, new in made.items():
            response = person.post(f"/{table.removeprefix('service_')}", json=new, headers={"Idempotency-Key": table})
            assert (response.status_code, response.json["id"]) == (201, max(row[0] for row in before[table]) + 1), response.text
        assert broken_invariants(target_engine) == []
    finally:
        dispose(app)


def test_second_copy_writes_nothing(run, shop, engine, target, target_engine):
    assert run("copy-to", target)[0] == 0
    before = rows_of(target_engine)
    code, output = run("copy-to", target)
    count = sum(map(len, before.values()))
    assert code == 0
    assert output[0] == f"The target holds {count:,} rows already; they are compared first."
    assert f"{count:,} rows, 0 of them written by this run, all compared." in output[-2]
    assert rows_of(target_engine) == before


def test_empty_shop_can_be_copied(run, app, target, target_engine):
    code, output = run("copy-to", target)
    assert code == 0, output
    assert all(rows == [] for rows in rows_of(target_engine).values())


# ---------------------------------------------------------------- resumed
@pytest.mark.parametrize("last", [TABLES[0].name, "service_tickets", TABLES[-1].name])
def test_interrupted_copy_is_resumed(run, shop, engine, target, target_engine, monkeypatch, last):
    """In the first table, in the middle, or in the last one: rows that exist stay, and missing rows are added."""
    monkeypatch.setattr(copy_to, "BATCH_SIZE", 3)
    write, batches = copy_to.write, []

    def fail(connection, table, rows):
        if table.name == last and batches and batches[-1] == last:
            connection.exec_driver_sql("SELECT nothing_of_this_name")
        batches.append(table.name)
        write(connection, table, rows)
        if len(rows) < 3 and table.name == last:
            connection.exec_driver_sql("SELECT nothing_of_this_name")

    monkeypatch.setattr(copy_to, "write", fail)
    code, output = run("copy-to", target)
    assert (code, output[-1][:24]) == (1, "Error: The copy failed: ")
    copied = sum(map(len, rows_of(target_engine).values()))
    assert copied < sum(map(len, rows_of(engine).values()))
    monkeypatch.setattr(copy_to, "write", write)
    code, output = run("copy-to", target)
    assert code == 0, output
    assert rows_of(target_engine) == rows_of(engine)


def test_missing_row_is_copied_again(run, shop, engine, target, target_engine):
    assert run("copy-to", target)[0] == 0
    with target_engine.begin() as connection:
        connection.execute(delete(ticket_parts).where(ticket_parts.c.inventory_id == rows_of(engine)["ticket_parts"][1][1]))
    assert run("copy-to", target)[0] == 0
    assert rows_of(target_engine) == rows_of(engine)


# ---------------------------------------------------------------- refused
def test_target_with_another_shop_is_refused(run, shop, target, target_engine):
    """One row that is not of this shop is enough, even the first admin that a start creates."""
    app = app_on(target)
    dispose(app)
    with target_engine.begin() as connection:
        connection.execute(text("UPDATE mechanics SET id = 4321"))
    before = rows_of(target_engine)
    code, output = run("copy-to", target)
    assert code == 1
    assert "holds another shop, or this one has changed since: mechanics with id 4321 is not a row of this shop" in output[-1]
    assert rows_of(target_engine) == before


def test_source_that_changed_since_an_interrupted_copy_is_refused(run, shop, make, engine, target, target_engine):
    """Nothing is overwritten: the target must be emptied."""
    assert run("copy-to", target)[0] == 0
    before = rows_of(target_engine)
    part = rows_of(engine)["inventory"][0][0]
    assert make.creator.put(f"/inventory/{part}", json={"name": "Renamed"}).status_code == 200
    code, output = run("copy-to", target)
    assert (code, f"inventory with id {part} is not a row of this shop, or has changed" in output[-1]) == (1, True)
    assert rows_of(target_engine) == before


def test_difference_between_copy_and_source_is_reported(run, shop, engine, target, target_engine, monkeypatch):
    """Row by row, at the end: a changed value, a missing row and an extra row."""
    write = copy_to.write

    def spoil(connection, table, rows):
        write(connection, table, rows)
        if table is inventory:
            connection.execute(update(inventory).where(inventory.c.id == rows[0]["id"]).values(quantity=1))
        if table is stock_movements:
            connection.execute(delete(stock_movements).where(stock_movements.c.id == rows[-1]["id"]))
            connection.execute(insert(stock_movements).values(rows[0] | {"id": LATE}))

    monkeypatch.setattr(copy_to, "write", spoil)
    code, output = run("copy-to", target)
    first, last = rows_of(engine)["inventory"][0][0], rows_of(engine)["stock_movements"][-1][0]
    assert code == 1
    differences = [f"inventory with id {first}", *(f"stock_movements with id {each}" for each in (last, LATE))]
    assert output[-1] == f"Error: The copy is not the same: {'; '.join(differences)}."


def test_invalid_target_is_refused_in_one_line(run, app, unchanged):
    own = app.config["DATABASE_URL"].render_as_string(hide_password=False)
    refused = {
        "nonsense": "URL: must be like sqlite:///shop.db, postgresql://… or mysql://…",
        "oracle://host/shop": "URL: names 'oracle'; the shop runs on sqlite, postgresql and mysql (or mariadb)",
        own: "URL: that is the database of this shop.",
        "postgresql://ann:hunter2@127.0.0.1:1/shop": "URL: postgresql+psycopg://ann:***@127.0.0.1:1/shop can't be used: ",
    }
    with unchanged():
        for url, message in refused.items():
            code, lines = run("copy-to", url)
            assert (code, len(lines)) == (1, 1)
            assert lines[0].startswith(f"Error: {message}")
            assert "hunter2" not in lines[0]


def test_url_can_be_read_from_standard_input(run, shop, engine, target, target_engine):
    """Otherwise the process list would show its password."""
    assert run("copy-to", "-", stdin=f"{target}\n")[0] == 0
    assert rows_of(target_engine) == rows_of(engine)
