"""``flask --app run check``: the rules of the stock, asked of a live database."""

import pytest
from sqlalchemy import text

from app.commands.check import RULES
from app.startup.checks import newest_revision

SPOILT = {
    "UPDATE inventory SET quantity = quantity + 1 WHERE id = :part": {
        "a quantity is not the sum of its movements": "part {part}, quantity 9, movements 8",
        "a quantity is not the last balance": "part {part}, quantity 9, balance 8",
    },
    "UPDATE ticket_parts SET quantity = 5 WHERE ticket_id = :ticket": {
        "a ticket's line is not the net of its movements": "ticket {ticket}, part {part}, on ticket 5, movements 2",
    },
    "UPDATE stock_movements SET balance = 7 WHERE inventory_id = :part AND reason = 'used'": {
        "a quantity is not the last balance": "part {part}, quantity 8, balance 7",
        "a balance is not the one before it and the change": (
            "part {part}, movement {last}, balance before 10, change -2, balance 7"
        ),
    },
    "UPDATE service_tickets SET deleted_at = created_at WHERE id = :ticket": {
        "a deleted ticket holds parts": "ticket {ticket}, part {part}, quantity 2",
    },
}
"""What is done by hand → what the command says of it."""


@pytest.fixture
def stocked(make, left):
    """A part of which 2 of 10 are on a ticket."""
    part = make.part(quantity=10)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 2}])
    return {"part": part.id, "ticket": ticket.id, "last": max(row[0] for row in left.everything()["stock_movements"])}


@pytest.fixture
def spoil(engine):
    """Do something to the tables by hand, and undo it at the end: a shop must be in order after a test."""
    undo = []

    def by_hand(sql, **values):
        with engine.begin() as connection:
            connection.execute(text(sql), {name: each for name, each in values.items() if f":{name}" in sql})

    yield lambda sql, back, **values: (by_hand(sql, **values), undo.append((back, values)))
    for back, values in undo:
        by_hand(back, **values)


def test_a_shop_in_order_is_said_to_be(run, stocked, unchanged):
    with unchanged():
        assert run("check") == (0, ["The stock is in order: 1 parts and 2 movements keep all 7 rules."])


def test_an_empty_shop_is_in_order(run):
    assert run("check")[0] == 0


BACK = {
    "inventory": "UPDATE inventory SET quantity = 8 WHERE id = :part",
    "ticket_parts": "UPDATE ticket_parts SET quantity = 2 WHERE ticket_id = :ticket",
    "stock_movements": "UPDATE stock_movements SET balance = 8 WHERE inventory_id = :part AND reason = 'used'",
    "service_tickets": "UPDATE service_tickets SET deleted_at = NULL WHERE id = :ticket",
}


@pytest.mark.parametrize("sql", SPOILT)
def test_rows_that_differ_are_shown_and_it_ends_with_1(run, stocked, spoil, unchanged, sql):
    spoil(sql, BACK[sql.split()[1]], **stocked)
    with unchanged():
        code, said = run("check")
    shown = {said[place].removesuffix(":"): said[place + 1].strip() for place in range(0, len(said) - 1, 2)}
    assert code == 1
    assert shown == {rule: row.format(**stocked) for rule, row in SPOILT[sql].items()}
    assert said[-1] == f"Error: {len(shown)} of {len(RULES)} rules of the stock do not hold."


def test_so_many_rows_are_shown_and_no_more(run, make, spoil):
    parts = [make.part().id for _ in range(3)]
    spoil("UPDATE inventory SET quantity = 11", "UPDATE inventory SET quantity = 10")
    code, said = run("check", "--most", 2)
    assert code == 1
    assert said[1:4] == [
        *(f"  part {part}, quantity 11, movements 10" for part in parts[:2]),
        "  … and more (--most shows them)",
    ]
    assert [line for line in run("check")[1] if line.startswith("  part") and "movements" in line][2:] == [
        f"  part {parts[2]}, quantity 11, movements 10"
    ]


def test_a_database_without_a_shop_is_told_in_a_line(run, engine):
    """Before the first start, or of another version."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'other'"))
    try:
        code, said = run("check")
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE alembic_version SET version_num = '{newest_revision()}'"))
    assert (code, len(said)) == (1, 1)
    assert "has the tables of another version of this app (other): start it once with this one." in said[0]
