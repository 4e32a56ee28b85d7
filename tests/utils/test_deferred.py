"""Changes that are deferred: made by the time that anything else is asked or refused, in their order, and all or none."""

import pytest
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import DBAPIError

from app.models import customers, inventory, mechanics, now, stock_movements, ticket_parts
from app.utils.database import attempted, execute, fetch, once
from app.utils.deferred import Deferred, defer
from app.utils.errors import Conflict
from app.utils.prepared import Prepared
from app.utils.rows import add_rows
from tests.utils.failing import conflict, cut_off, failing, raising

RENAME = {
    table: Prepared(update(table).where(table.c.id >= bindparam("first")).values(name=bindparam("called")))
    for table in (customers, mechanics, inventory)
}
OTHER = Prepared(update(inventory).where(inventory.c.id >= bindparam("first")).values(name=bindparam("called")))
"""Another statement about the same table."""


class Refused(Conflict):
    detail = "No."


class AlsoRefused(Conflict):
    detail = "Neither."


def renaming(table, called, rows=1, refusal=Refused):
    return Deferred(RENAME[table], {"first": 1, "called": called}, rows, refusal)


@pytest.fixture
def people(app, make):
    """One record in each of the tables, and the app to ask."""
    make.customer()
    make.part()
    make.mechanic()
    with app.app_context():
        yield


def names(engine):
    with engine.connect() as connection:
        return [connection.execute(select(table.c.name).order_by(table.c.id)).scalars().all() for table in RENAME]


def asked(statements):
    """Without those that begin a transaction."""
    return [each for each in statements if not each.startswith("BEGIN")]


def test_they_are_made_before_a_commit(people, engine):
    once(lambda: [defer(renaming(table, "New", len(names(engine)[number]))) for number, table in enumerate(RENAME)])
    assert {name for each in names(engine) for name in each} == {"New"}


def test_they_are_made_before_anything_else_is_asked(people):
    def work():
        defer(renaming(customers, "New"))
        return fetch(select(customers.c.name))

    assert [row.name for row in once(work)] == ["New"]


@pytest.mark.parametrize("asking", [lambda: execute(RENAME[customers], {"first": 1, "called": "After"}), lambda: None])
def test_one_that_meets_fewer_rows_is_refused_and_nothing_is_done(people, engine, asking):
    """By whoever asks next, or by the commit; the first of several that are refused is the one that is told."""

    def work():
        defer(renaming(inventory, "New"))
        defer(renaming(customers, "New", 7))
        defer(renaming(mechanics, "New", 7, AlsoRefused))
        asking()

    before = names(engine)
    with pytest.raises(Refused):
        once(work)
    assert names(engine) == before


def refuse():
    raise AlsoRefused


@pytest.mark.parametrize("rows", [1, 7])
def test_what_was_asked_for_first_is_refused_first(people, engine, rows):
    """Not what the work itself refuses, since it is further than what is deferred."""

    def work():
        defer(renaming(customers, "New", rows))
        raise AlsoRefused

    before = names(engine)
    with pytest.raises(AlsoRefused if rows == 1 else Refused):
        once(work)
    assert names(engine) == before


def overdraw():
    defer(Deferred(Prepared(update(inventory).values(quantity=bindparam("left"))), {"left": -1}))


@pytest.mark.parametrize(("then", "raised"), [(refuse, AlsoRefused), (overdraw, DBAPIError)])
def test_what_the_work_or_the_driver_refuses_leaves_none(people, engine, then, raised):
    before = names(engine)
    with pytest.raises(raised):
        once(lambda: [defer(renaming(customers, "New")), then()])
    assert names(engine) == before


def test_postgresql_gets_those_of_several_tables_at_once(people, engine, statements, database):
    counts = [len(each) for each in names(engine)]
    statements.clear()
    once(lambda: [defer(renaming(table, "At once", count)) for table, count in zip(RENAME, counts, strict=True)])
    assert len(asked(statements)) == (1 if database == "postgresql" else 3)
    assert {name for each in names(engine) for name in each} == {"At once"}


def test_those_of_one_table_keep_their_order(people, engine, statements):
    statements.clear()

    def work():
        defer(renaming(inventory, "First"))
        defer(Deferred(OTHER, {"first": 1, "called": "Second"}, 1, Refused))

    once(work)
    assert len(asked(statements)) == 2
    assert names(engine)[-1] == ["Second"]


def test_values_of_one_name_stay_apart(people, engine, make):
    """Both statements have parameters for the part of each row, and for the ticket."""
    moved, used, ticket, other = make.part(), make.part(), make.ticket(), make.ticket()
    line = {"inventory_id": used.id, "quantity": 3, "unit_price_cents": 250}
    movement = {"inventory_id": moved.id, "change": -4, "balance": 5, "reason": "used"}
    shared = {"mechanic_id": None, "created_at": now()}

    def work():
        add_rows(stock_movements, [movement], ticket_id=ticket.id, **shared)
        add_rows(ticket_parts, [line], ticket_id=other.id)

    once(work)
    ours = stock_movements.c.ticket_id == ticket.id
    try:
        with engine.connect() as connection:
            assert [dict(row) for row in connection.execute(select(ticket_parts)).mappings()] == [
                line | {"ticket_id": other.id}
            ]
            (noted,) = connection.execute(select(stock_movements).where(ours)).mappings()
            assert dict(noted) == movement | shared | {"id": noted["id"], "ticket_id": ticket.id}
    finally:  # The shop is to be whole again.
        with engine.begin() as connection:
            connection.execute(ticket_parts.delete())
            connection.execute(stock_movements.delete().where(ours))


@pytest.mark.parametrize("lines", [1, 4, 5, 11, 25])
def test_any_number_of_parts_goes_on_a_ticket_and_off_it(app, make, engine, lines):
    """In one statement or in several: the parts, what is left of them, and the ledger in its order."""
    boss, owner, parts = make.mechanic(), make.customer(), [make.part(quantity=9) for _ in range(lines)]
    on = [{"inventory_id": part.id, "quantity": 2} for part in parts]
    body = {"customer_id": owner.id, "service_date": "2026-11-24", "description": "A visit", "vin": "V", "parts": on}
    ticket = boss.post("/tickets", body | {"mechanic_ids": []}).json["id"]
    assert boss.put(f"/tickets/{ticket}/inventory", {"add_parts": on, "remove_parts": [parts[0].id]}).status_code == 200
    with engine.connect() as connection:
        left = connection.execute(select(inventory.c.quantity).order_by(inventory.c.id)).scalars().all()
        noted = connection.execute(
            select(stock_movements.c.inventory_id, stock_movements.c.change)
            .where(stock_movements.c.ticket_id == ticket)
            .order_by(stock_movements.c.id)
        ).all()
    assert left == [7] + [5] * (lines - 1)
    ids = [part.id for part in parts]
    again = [(ids[0], 2), *((part, -2) for part in ids)]
    assert noted == [*((part, -2) for part in ids), *again]


@pytest.mark.parametrize(("fail", "tries"), [("conflict", 3), ("cut off", 2)])
@pytest.mark.databases("postgresql", "mariadb")
def test_one_that_fails_in_the_commit_is_tried_again(people, engine, fail, tries, database):
    """It has not happened, and nobody says that it may have."""
    if fail == "cut off":
        how, times = lambda cursor: cut_off(cursor.connection, engine.url), 1
    else:
        how, times = raising(conflict(database, "40001" if database == "postgresql" else 1213)), 2
    with failing(engine, "UPDATE customers", how, times) as begun:
        attempted(lambda: once(lambda: [defer(renaming(customers, "New")), defer(renaming(inventory, "New"))]))
    assert len(begun) == tries
    assert names(engine)[0] == ["New"]


def test_an_order_takes_so_many_round_trips(app, make, statements, database):
    """The ticket, the lock of the parts; its mechanics, the stock with its ledger and the lines; and the ticket as it is."""
    boss, owner, parts = make.mechanic(), make.customer(), [make.part(quantity=9) for _ in range(3)]
    lines = [{"inventory_id": part.id, "quantity": 1} for part in parts]
    body = {"customer_id": owner.id, "service_date": "2026-11-24", "description": "A visit", "vin": "V", "parts": lines}
    boss.get("/inventory")
    statements.clear()
    assert boss.post("/tickets", body | {"mechanic_ids": [boss.id]}).status_code == 201
    assert len(asked(statements)) == (4 if database == "postgresql" else 7)
