"""Statements about several rows: few of them, and each says the same for any number."""

from datetime import datetime

import pytest
from sqlalchemy import select

from app.models import customers, inventory
from app.utils import rows
from app.utils.database import once


@pytest.mark.parametrize("count", [0, 1, 3, 10, 11, 100, 101, 1000])
def test_each_of_many_ids_is_found_once(app, make, count):
    """However many there is room for, and however few of them name something."""
    parts = [make.part().id for _ in range(3)]
    asked = [*parts, *range(10_000, 10_997)][:count]
    with app.app_context():
        found = rows.fetch_about(some_parts, asked)
    assert sorted(row.id for row in found) == parts[:count]


def test_statements_about_many_ids_are_few():
    """At the most ten are compiled for one to ten, nine for up to a hundred, and nine for up to a thousand."""
    sizes = [rows.room_for(count) for count in range(1, 1001)]
    assert len(set(sizes)) == 28
    assert all(size >= count for count, size in enumerate(sizes, 1))


def some_parts(size):
    return select(inventory.c.id).where(inventory.c.id.in_(rows.some_ids(size)))


MOMENT = datetime(2026, 11, 24, 8, 0, 1)
COMMON = {"token_version": 1, "version": 1, "created_at": MOMENT, "updated_at": MOMENT}


def people(count):
    """Of two kinds, in turn: a column may be empty, and texts differ in length."""
    return [
        {"name": "N" * number, "email": f"{number}@example.com", "phone": (None, f"555-{number:04}")[number % 2]}
        for number in range(1, count + 1)
    ]


@pytest.mark.parametrize("count", [0, 1, 3, 10, 11, 25])
@pytest.mark.parametrize("common", [(), ("version", "created_at"), tuple(COMMON)])
def test_rows_are_inserted_each_with_its_own_values(app, engine, count, common):
    """However many, and whatever of them is common to all: each is there once, in the order in which they were given, and
    nothing else is."""
    shared = {name: COMMON[name] for name in common}
    given = [person | {name: value for name, value in COMMON.items() if name not in common} for person in people(count)]
    with app.app_context():
        once(lambda: rows.add_rows(customers, given, **shared))
    with engine.connect() as connection:
        columns = [customers.c[name] for name in [*people(1)[0], *COMMON]]
        found = connection.execute(select(*columns).order_by(customers.c.id)).mappings().all()
    assert [dict(row) for row in found] == [person | COMMON for person in people(count)]


@pytest.mark.databases("sqlite")
def test_statements_that_insert_are_few(app, monkeypatch):
    """One for each number of rows up to ten; of more, ten at once."""
    sizes, real = [], rows.inserting
    monkeypatch.setattr(rows, "inserting", lambda *what: sizes.append(what[-1]) or real(*what))
    with app.app_context():
        once(lambda: rows.add_rows(customers, people(23), **COMMON))
    assert sizes == [10, 10, 3]
