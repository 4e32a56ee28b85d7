"""``flask --app run copy-to URL``: a whole shop in another database, of whatever kind."""

import os
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, delete, insert, select, text, update

from app import create_app
from app.commands import copy_to
from app.commands.copy_to import TABLES
from app.extensions import db
from app.models import customers, idempotency_keys, inventory, stock_movements, ticket_parts, utcnow
from app.startup.prepare import prepare
from config import Settings, database_url
from tests.conftest import ENVIRONMENT, Person
from tests.support import services
from tests.support.invariants import faults

LATE = 2_000_000_000
"""An id after all others, however many a test has made before."""
RAW = bytes(range(256))
TEXTS = ["Öl 5W-30 «groß» 🛞", "a\\b\tc", "\\N", "two\nlines, one \"quoted\" and 'one'", "trailing \u2009x", "%s :name {}"]


@pytest.fixture(params=services.databases())
def target(request, worker_id):
    """The URL of an empty database, of each kind in turn."""
    name = f"shop_copy_{worker_id}_{os.getpid()}"
    yield services.fresh_database(request.param, name)
    services.drop_database(request.param, name)


@pytest.fixture
def there(target):
    """An engine on the target, to look at what is there."""
    engine = create_engine(database_url(target))
    yield engine
    engine.dispose()


@pytest.fixture
def shop(make, engine, admin):
    """A shop with something of everything: what is deleted, what is null, what hardly fits, and kept answers."""
    worker = make.mechanic(name="Zoë")
    parts = [make.part(name=f"Part {place}", sku=f"S-{place}", price=99_999_999.99) for place in range(len(TEXTS))]
    full = make.part(quantity=2_147_483_647)
    lines = [{"inventory_id": part.id, "quantity": 3} for part in (*parts[:2], full)]
    ticket, other, _ = (make.ticket(mechanic_ids=[worker.id], parts=lines) for _ in range(3))
    body = {name: vars(ticket)[name] for name in ("customer_id", "service_date", "description", "vin")}
    assert make.boss.post("/tickets", json=body, headers={"Idempotency-Key": "once"}).status_code == 201
    admin.put("/shop", json={"name": "The source", "supplies": {"percent": 1.5}})
    admin.delete(f"/tickets/{other.id}")
    admin.delete(f"/inventory/{parts[3].id}")
    admin.delete(f"/customers/{make.customer().id}")
    raw = {"caller": "mechanic:1", "key": "raw", "fingerprint": "x", "body": RAW, "created_at": utcnow() - timedelta(hours=1)}
    with engine.begin() as connection:
        connection.execute(insert(idempotency_keys).values(raw))
        connection.execute(update(customers).where(customers.c.id == ticket.customer_id).values(phone=None))
        for part, name in zip(parts, TEXTS, strict=True):
            connection.execute(update(inventory).where(inventory.c.id == part.id).values(name=name))


def held(engine):
    """Every row of every table."""
    with engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in TABLES
        }


def served(url):
    """The copy, as a shop that serves it."""
    app = create_app(Settings.load(ENVIRONMENT | {"DATABASE_URL": url}))
    prepare(app)
    return app


def dispose(app):
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


# ---------------------------------------------------------------- the whole of it
def test_every_row_is_there_as_it_was(run, shop, engine, target, there, unchanged):
    """From any kind of database to any; the one that is copied stays as it is."""
    with unchanged():
        code, said = run("copy-to", target)
    count = sum(map(len, held(engine).values()))
    assert code == 0, said
    assert f"{count:,} rows, {count:,} of them written by this run, all compared." in said[-2]
    assert held(there) == held(engine)
    assert faults(there) == []
    assert {table.name for table in TABLES} == {name for name, rows in held(there).items() if rows}


def test_it_is_served_with_the_same_tokens_and_keys_and_goes_on_at_the_next_number(run, shop, engine, admin, target, there):
    """Sequences, too: a new record follows the last one."""
    assert run("copy-to", target)[0] == 0
    before = held(engine)
    app = served(target)
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
            answer = person.post(f"/{table.removeprefix('service_')}", json=new, headers={"Idempotency-Key": table})
            assert (answer.status_code, answer.json["id"]) == (201, max(row[0] for row in before[table]) + 1), answer.text
        assert faults(there) == []
    finally:
        dispose(app)


def test_a_copy_of_a_copy_is_the_same(run, shop, engine, target, there):
    assert run("copy-to", target)[0] == 0
    before = held(there)
    code, said = run("copy-to", target)
    count = sum(map(len, before.values()))
    assert code == 0
    assert said[0] == f"The target holds {count:,} rows already; they are compared first."
    assert f"{count:,} rows, 0 of them written by this run, all compared." in said[-2]
    assert held(there) == before


def test_an_empty_shop_can_be_copied(run, app, target, there):
    code, said = run("copy-to", target)
    assert code == 0, said
    assert all(rows == [] for rows in held(there).values())


# ---------------------------------------------------------------- resumed
@pytest.mark.parametrize("last", [TABLES[0].name, "service_tickets", TABLES[-1].name])
def test_a_copy_that_ended_half_way_goes_on(run, shop, engine, target, there, monkeypatch, last):
    """In the first table, in the middle, or in the last: what is there stays, what is missing comes."""
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
    code, said = run("copy-to", target)
    assert (code, said[-1][:24]) == (1, "Error: The copy failed: ")
    half = sum(map(len, held(there).values()))
    assert half < sum(map(len, held(engine).values()))
    monkeypatch.setattr(copy_to, "write", write)
    code, said = run("copy-to", target)
    assert code == 0, said
    assert held(there) == held(engine)


def test_a_row_that_was_lost_in_the_middle_comes_again(run, shop, engine, target, there):
    assert run("copy-to", target)[0] == 0
    with there.begin() as connection:
        connection.execute(delete(ticket_parts).where(ticket_parts.c.inventory_id == held(engine)["ticket_parts"][1][1]))
    assert run("copy-to", target)[0] == 0
    assert held(there) == held(engine)


# ---------------------------------------------------------------- refused
def test_another_shop_is_left_alone(run, shop, target, there):
    """A target that holds a row which is none of this shop's, and be it the first admin of a start."""
    app = served(target)
    dispose(app)
    with there.begin() as connection:
        connection.execute(text("UPDATE mechanics SET id = 4321"))
    before = held(there)
    code, said = run("copy-to", target)
    assert code == 1
    assert "holds another shop, or this one has changed since: mechanics with id 4321 is not a row of this shop" in said[-1]
    assert held(there) == before


def test_a_shop_that_has_changed_since_a_half_copy_is_told(run, shop, make, engine, target, there):
    """Nothing is written over: the target is to be emptied."""
    assert run("copy-to", target)[0] == 0
    before = held(there)
    part = held(engine)["inventory"][0][0]
    assert make.boss.put(f"/inventory/{part}", json={"name": "Renamed"}).status_code == 200
    code, said = run("copy-to", target)
    assert (code, f"inventory with id {part} is not a row of this shop, or has changed" in said[-1]) == (1, True)
    assert held(there) == before


def test_a_copy_that_is_not_the_same_is_found_out(run, shop, engine, target, there, monkeypatch):
    """Row by row, at the end: a value that was changed, a row that was lost, and one too many."""
    write = copy_to.write

    def spoil(connection, table, rows):
        write(connection, table, rows)
        if table is inventory:
            connection.execute(update(inventory).where(inventory.c.id == rows[0]["id"]).values(quantity=1))
        if table is stock_movements:
            connection.execute(delete(stock_movements).where(stock_movements.c.id == rows[-1]["id"]))
            connection.execute(insert(stock_movements).values(rows[0] | {"id": LATE}))

    monkeypatch.setattr(copy_to, "write", spoil)
    code, said = run("copy-to", target)
    first, last = held(engine)["inventory"][0][0], held(engine)["stock_movements"][-1][0]
    assert code == 1
    wrong = [f"inventory with id {first}", *(f"stock_movements with id {each}" for each in (last, LATE))]
    assert said[-1] == f"Error: The copy is not the same: {'; '.join(wrong)}."


def test_what_is_no_target_is_told_in_a_line(run, app, unchanged):
    own = app.config["DATABASE_URL"].render_as_string(hide_password=False)
    refused = {
        "nonsense": "URL: must be like sqlite:///shop.db, postgresql://… or mysql://…",
        "oracle://host/shop": "URL: names 'oracle'; the shop runs on sqlite, postgresql and mysql (or mariadb)",
        own: "URL: that is the database of this shop.",
        "postgresql://ann:hunter2@127.0.0.1:1/shop": "URL: postgresql+psycopg://ann:***@127.0.0.1:1/shop can't be used: ",
    }
    with unchanged():
        for url, said in refused.items():
            code, lines = run("copy-to", url)
            assert (code, len(lines)) == (1, 1)
            assert lines[0].startswith(f"Error: {said}")
            assert "hunter2" not in lines[0]


def test_the_url_can_come_from_standard_input(run, shop, engine, target, there):
    """So that no list of processes shows its password."""
    assert run("copy-to", "-", stdin=f"{target}\n")[0] == 0
    assert held(there) == held(engine)
