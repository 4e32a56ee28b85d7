"""Statements that the driver runs itself do what SQLAlchemy would have done: their values, their rows, their errors, and who
hears of them."""

from datetime import date, datetime, timedelta
from itertools import product

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Integer,
    MetaData,
    Table,
    bindparam,
    event,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.models import idempotency_keys, inventory, now, service_tickets
from app.utils.database import add, once
from app.utils.prepared import Prepared
from tests.utils.failing import cut_off, failing, raising

MOMENT = datetime(2026, 11, 24, 8, 0, 1)
KEY = {"caller": "a", "key": "naïve 🔧 %s :name", "fingerprint": "f", "status": None, "location": None}
KEPT = KEY | {"body": b"\x00\xff'%", "created_at": MOMENT}
KEEP = Prepared(insert(idempotency_keys).values({name: bindparam(name) for name in KEPT}))
FIND = select(idempotency_keys).where(idempotency_keys.c.key == bindparam("name"))
PART = Prepared(select(inventory.c.id, inventory.c.quantity).where(inventory.c.id == bindparam("part")))
SET = Prepared(update(inventory).where(inventory.c.id >= bindparam("first")).values(price_cents=bindparam("price")))


@pytest.fixture
def connection(engine):
    """In a transaction that is never committed."""
    with engine.connect() as connection, connection.begin() as begun:
        yield connection
        begun.rollback()


# ---------------------------------------------------------------- values and rows
def test_what_goes_in_comes_out(connection):
    """Texts of any kind, bytes, nothing at all, and times: SQLAlchemy reads the same of what was written here."""
    new = KEEP.run(connection, KEPT).inserted_id
    name = {"name": KEPT["key"]}
    (row,) = Prepared(FIND).run(connection, name).all()
    assert row == (new, *[KEPT[column.name] for column in idempotency_keys.c if column.name != "id"])
    assert connection.execute(FIND, name).one() == row
    assert [type(value) for value in row] == [type(value) for value in connection.execute(FIND, name).one()]
    assert (row.id, row.body, row.created_at) == (new, KEPT["body"], MOMENT)


def test_days_are_days(engine, make):
    ticket = make.ticket(service_date="2026-02-28")
    assert ticket.service_date == "2026-02-28"
    days = Prepared(select(service_tickets.c.service_date).where(service_tickets.c.service_date <= bindparam("last")))
    with engine.connect() as connection:
        assert days.run(connection, {"last": date(2026, 2, 27)}).all() == []
        assert [row.service_date for row in days.run(connection, {"last": date(2026, 2, 28)}).all()] == [date(2026, 2, 28)]


def test_a_value_that_a_statement_holds_itself_is_given(connection):
    """And nobody else needs to; a value that no parameter asks for is no matter."""
    said = Prepared(select(literal("it's 100 % sure").label("text"), bindparam("other", type_=inventory.c.id.type).label("id")))
    (row,) = said.run(connection, {"other": 3, "none": 1}).all()
    assert (row.text, row.id) == ("it's 100 % sure", 3)


def test_what_has_a_default_gets_it(app, engine):
    with app.app_context():
        part = once(lambda: add(inventory, {"name": "Oil filter", "price_cents": 799}))
    with engine.connect() as connection:
        held = connection.execute(select(inventory).where(inventory.c.id == part)).one()
    assert (held.name, held.price_cents, held.quantity, held.version, held.deleted_at) == ("Oil filter", 799, 0, 1, None)
    assert held.created_at == held.updated_at
    assert abs(held.created_at - now()) < timedelta(minutes=1)


def test_it_says_how_many_it_met(engine, make):
    """Met, not changed: a guard that held has met its row, even where the row was that already."""
    first, *_ = (make.part().id for _ in range(3))
    with engine.begin() as connection:
        assert [SET.run(connection, {"first": first, "price": 5}).rowcount for _ in range(2)] == [3, 3]
        assert SET.run(connection, {"first": first + 3, "price": 5}).rowcount == 0


def test_a_list_of_values_is_refused(connection):
    """Its text would be another for each length."""
    some = Prepared(select(inventory.c.id).where(inventory.c.id.in_([1, 2])))
    with pytest.raises(TypeError, match="name its parameters"):
        some.run(connection, None)


def test_what_sets_something_by_itself_is_refused(connection):
    """It would be set to nothing."""
    table = Table("clocks", MetaData(), Column("id", Integer), Column("at", DateTime, onupdate=now))
    with pytest.raises(TypeError, match="by itself"):
        Prepared(update(table).values(id=bindparam("new"))).run(connection, {"new": 1})


def test_rows_of_the_same_names_are_of_one_type(connection):
    """However many statements bring them."""
    first, second = (Prepared(select(literal(number).label("number"))).run(connection, None).rows[0] for number in (1, 2))
    assert type(first) is type(second)
    assert (first.number, second.number) == (1, 2)


# ---------------------------------------------------------------- errors
def test_an_error_of_the_driver_is_sqlalchemys_and_quotes_no_value(connection):
    KEEP.run(connection, KEPT)
    with pytest.raises(IntegrityError) as caught:
        KEEP.run(connection, KEPT)
    assert not caught.value.connection_invalidated
    assert KEPT["key"] not in str(caught.value).partition("[SQL")[2]
    assert caught.value.hide_parameters


@pytest.mark.databases("postgresql", "mariadb")
def test_a_connection_that_is_lost_is_told_to_its_pool(engine, make):
    part = make.part(quantity=3).id
    with engine.connect() as connection:
        cut_off(connection.connection.driver_connection, engine.url)
        with pytest.raises(DBAPIError) as caught:
            PART.run(connection, {"part": part})
        assert caught.value.connection_invalidated
        assert connection.invalidated
    with engine.connect() as connection:
        assert PART.run(connection, {"part": part}).all() == [(part, 3)]


def test_an_exit_in_the_middle_leaves_no_connection_that_still_waits_for_an_answer(engine):
    with engine.connect() as connection, failing(engine, "SELECT", raising(KeyboardInterrupt())):
        with pytest.raises(KeyboardInterrupt):
            PART.run(connection, {"part": 1})
        assert connection.invalidated


# ---------------------------------------------------------------- who listens
@pytest.mark.parametrize("asked", [("before", "after"), ("before",), ("after",)])
def test_who_listens_to_the_engine_hears_of_it(engine, make, asked):
    """As what traces an app does: before and after, with a context to keep something in."""
    part = make.part(quantity=3).id
    heard = []

    def hear(_connection, _cursor, _sql, parameters, context, _many):
        context.heard = [*getattr(context, "heard", ()), list(getattr(parameters, "values", lambda: parameters)())]
        heard.append(context.heard)

    with engine.connect() as connection, connection.begin():
        alone = PART.run(connection, {"part": part})
        for when in asked:
            event.listen(engine, f"{when}_cursor_execute", hear)
        try:
            listened = PART.run(connection, {"part": part})
        finally:
            for when in asked:
                event.remove(engine, f"{when}_cursor_execute", hear)
    assert heard[-1] == [[part]] * len(asked)
    assert listened == alone
    assert listened.rows[0].quantity == 3


# ---------------------------------------------------------------- PostgreSQL
@pytest.mark.databases("postgresql")
def test_a_statement_is_prepared_once_for_small_and_large_numbers(engine):
    """The driver itself tells numbers of three sizes apart, and would prepare twenty-seven statements for three of them."""
    sum_of = Prepared(select(sum(bindparam(name, type_=BigInteger) for name in ("first", "second", "third")).label("it")))
    numbers = list(product((1, 70_000, 3_000_000_000), repeat=3))
    held = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%AS it'")
    with engine.connect() as connection, connection.begin():
        for three in numbers * 6:
            (row,) = sum_of.run(connection, dict(zip(("first", "second", "third"), three, strict=True))).all()
            assert row.it == sum(three)
        assert connection.execute(held).scalar() == 1
