"""``flask --app run check``: the rules of the stock, checked on a live database."""

import pytest
from sqlalchemy import text

from app.commands.check import RULES
from app.startup.checks import newest_revision

CHANGES = {
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
"""A change by hand → the broken rules and the row that the command lists for each."""


@pytest.fixture
def stocked(make, left):
    """Create a part of which 2 of 10 are on a ticket. Return the ids."""
    part = make.part(quantity=10)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 2}])
    return {"part": part.id, "ticket": ticket.id, "last": max(row[0] for row in left.everything()["stock_movements"])}


@pytest.fixture
def change_by_hand(engine):
    """Return a function that changes tables by hand. The changes are undone at the end, since the invariants must hold
    after a test."""
    undo_statements = []

    def execute(sql, **values):
        with engine.begin() as connection:
            connection.execute(text(sql), {name: each for name, each in values.items() if f":{name}" in sql})

    yield lambda sql, back, **values: (execute(sql, **values), undo_statements.append((back, values)))
    for back, values in undo_statements:
        execute(back, **values)


def test_consistent_stock_is_reported(run, stocked, unchanged):
    with unchanged():
        assert run("check") == (0, ["The stock is in order: 1 part and 2 movements keep all 7 rules."])


def test_empty_shop_is_consistent(run):
    assert run("check")[0] == 0


UNDO = {
    "inventory": "UPDATE inventory SET quantity = 8 WHERE id = :part",
    "ticket_parts": "UPDATE ticket_parts SET quantity = 2 WHERE ticket_id = :ticket",
    "stock_movements": "UPDATE stock_movements SET balance = 8 WHERE inventory_id = :part AND reason = 'used'",
    "service_tickets": "UPDATE service_tickets SET deleted_at = NULL WHERE id = :ticket",
}


@pytest.mark.parametrize("sql", CHANGES)
def test_inconsistent_rows_are_listed_with_exit_code_1(run, stocked, change_by_hand, unchanged, sql):
    change_by_hand(sql, UNDO[sql.split()[1]], **stocked)
    with unchanged():
        code, lines = run("check")
    listed = {lines[number].removesuffix(":"): lines[number + 1].strip() for number in range(0, len(lines) - 1, 2)}
    assert code == 1
    assert listed == {rule: row.format(**stocked) for rule, row in CHANGES[sql].items()}
    assert lines[-1] == f"Error: {len(listed)} of {len(RULES)} rules of the stock do not hold."


def test_most_limits_the_listed_rows(run, make, change_by_hand):
    parts = [make.part().id for _ in range(3)]
    change_by_hand("UPDATE inventory SET quantity = 11", "UPDATE inventory SET quantity = 10")
    code, lines = run("check", "--limit", 2)
    assert code == 1
    assert lines[1:4] == [
        *(f"  part {part}, quantity 11, movements 10" for part in parts[:2]),
        "  … and more (--limit shows them)",
    ]
    assert [line for line in run("check")[1] if line.startswith("  part") and "movements" in line][2:] == [
        f"  part {parts[2]}, quantity 11, movements 10"
    ]


def test_database_of_another_version_is_refused_in_one_line(run, engine):
    """As before the first start."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'other'"))
    try:
        code, lines = run("check")
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE alembic_version SET version_num = '{newest_revision()}'"))
    assert (code, len(lines)) == (1, 1)
    assert "has the tables of another version of this app (other): start it once with this one." in lines[0]
