"""Each invariant is shown to fail where it should: a check that can't fail proves nothing.

The tables are sabotaged in a transaction, looked at from inside it, and rolled back. PostgreSQL's own checks are
dropped in it, the others' switched off for the connection: here they would stop the sabotage before it is found.
"""

from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from tests.support.invariants import RULES, faults, statement

SUM = "a quantity is not the sum of its movements"
LAST = "a quantity is not the last balance"
CHAIN = "a balance is not the one before it and the change"
LINE = "a ticket's line is not the net of its movements"
NEGATIVE = "something is negative, or a line is empty"
DELETED = "a deleted ticket holds parts"
NOTHING = "a movement changes nothing"
MOVEMENT = "INSERT INTO stock_movements (inventory_id, `change`, balance, reason, ticket_id, created_at) VALUES "
NEW_LINE = "INSERT INTO ticket_parts (ticket_id, inventory_id, quantity, unit_price_cents) VALUES "
SABOTAGE = {
    "a stock is one more": ("UPDATE inventory SET quantity = quantity + 1 WHERE id = :part", {SUM, LAST}),
    "a stock is less than none": ("UPDATE inventory SET quantity = -1 WHERE id = :part", {SUM, LAST, NEGATIVE}),
    "the first balance is wrong": ("UPDATE stock_movements SET balance = balance + 1 WHERE id = :first", {CHAIN}),
    "the last balance is wrong": ("UPDATE stock_movements SET balance = balance + 1 WHERE id = :last", {LAST, CHAIN}),
    "the last balance is negative": ("UPDATE stock_movements SET balance = -1 WHERE id = :last", {LAST, CHAIN, NEGATIVE}),
    "a movement was lost": ("DELETE FROM stock_movements WHERE id = :first", {SUM, CHAIN}),
    "a use was lost": ("DELETE FROM stock_movements WHERE id = :last", {SUM, LAST, LINE}),
    "a movement stands twice": (
        MOVEMENT + "(:part, -2, 8, 'used', :ticket, '2026-01-01')",
        {SUM, CHAIN, LINE},
    ),
    "a movement changes nothing": (MOVEMENT + "(:part, 0, 8, 'counted', NULL, '2026-01-01')", {NOTHING}),
    "a use stands on another ticket": ("UPDATE stock_movements SET ticket_id = :other WHERE id = :last", {LINE}),
    "a line holds more": ("UPDATE ticket_parts SET quantity = quantity + 1 WHERE ticket_id = :ticket", {LINE}),
    "a line was lost": ("DELETE FROM ticket_parts WHERE ticket_id = :ticket", {LINE}),
    "a line is empty": (NEW_LINE + "(:other, :part, 0, 100)", {NEGATIVE}),
    "a line that nothing was used for": (NEW_LINE + "(:other, :part, 1, 100)", {LINE}),
    "a deleted ticket holds its parts": ("UPDATE service_tickets SET deleted_at = created_at WHERE id = :ticket", {DELETED}),
}
"""What is done to the tables → the statement, and every rule that finds it."""

CHECKS = {
    "inventory": "quantity_not_negative",
    "stock_movements": "balance_not_negative",
    "ticket_parts": "quantity_positive",
}
OFF = {"sqlite": "PRAGMA ignore_check_constraints = ON", "mysql": "SET check_constraint_checks = 0"}
ON = {"sqlite": "PRAGMA ignore_check_constraints = OFF", "mysql": "SET check_constraint_checks = 1"}


@pytest.fixture
def stocked(make, left):
    """A part of which 2 of 10 are on a ticket: its ids, for the statements."""
    part = make.part(quantity=10)
    ticket, other = make.ticket(parts=[{"inventory_id": part.id, "quantity": 2}]), make.ticket()
    first, last = sorted(row[0] for row in left.everything()["stock_movements"])
    return {"part": part.id, "ticket": ticket.id, "other": other.id, "first": first, "last": last}


@contextmanager
def unchecked(engine):
    """A connection on which the tables' own checks are off; whatever it did is rolled back."""
    with engine.connect() as connection:
        try:
            if engine.dialect.name == "postgresql":
                for table, check in CHECKS.items():
                    connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{check}"))
            else:
                connection.execute(text(OFF[engine.dialect.name]))
            yield connection
        finally:
            connection.rollback()
            if engine.dialect.name in ON:
                connection.execute(text(ON[engine.dialect.name]))
                connection.rollback()


@pytest.mark.parametrize("what", SABOTAGE)
def test_a_sabotaged_shop_is_found_out(engine, stocked, what):
    sql, expected = SABOTAGE[what]
    with unchecked(engine) as connection:
        inside = SimpleNamespace(connect=lambda: nullcontext(connection))
        assert faults(inside) == []
        connection.execute(statement(connection, sql), {name: each for name, each in stocked.items() if f":{name}" in sql})
        found = faults(inside)
    assert {fault.partition(": ")[0] for fault in found} == expected
    assert faults(engine) == [], "the sabotage was not undone"


def test_every_rule_has_its_sabotage():
    assert set.union(*(expected for _, expected in SABOTAGE.values())) == set(RULES)
