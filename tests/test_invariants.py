"""Every invariant fails on tables that break it: a check that cannot fail proves nothing.

The tables are sabotaged and checked in one transaction, which is rolled back. The CHECK constraints of the database are
dropped in it (PostgreSQL) or switched off for the connection, since they would refuse the sabotage.
"""

from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from tests.support.invariants import RULES, broken_invariants, statement

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
"""Name → statement, and the rules that it breaks."""

CHECKS = {
    "inventory": "quantity_not_negative",
    "stock_movements": "balance_not_negative",
    "ticket_parts": "quantity_positive",
}
OFF = {"sqlite": "PRAGMA ignore_check_constraints = ON", "mysql": "SET check_constraint_checks = 0"}
ON = {"sqlite": "PRAGMA ignore_check_constraints = OFF", "mysql": "SET check_constraint_checks = 1"}


@pytest.fixture
def stocked(make, left):
    """Create a part of which 2 of 10 are on a ticket, and return the ids for the statements."""
    part = make.part(quantity=10)
    ticket, other = make.ticket(parts=[{"inventory_id": part.id, "quantity": 2}]), make.ticket()
    first, last = sorted(row[0] for row in left.everything()["stock_movements"])
    return {"part": part.id, "ticket": ticket.id, "other": other.id, "first": first, "last": last}


@contextmanager
def unchecked(engine):
    """Return a connection without CHECK constraints, whose changes are rolled back."""
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


@pytest.mark.parametrize("name", SABOTAGE)
def test_sabotaged_tables_break_the_expected_rules(engine, stocked, name):
    sql, expected = SABOTAGE[name]
    with unchecked(engine) as connection:
        in_transaction = SimpleNamespace(connect=lambda: nullcontext(connection))
        assert broken_invariants(in_transaction) == []
        connection.execute(statement(connection, sql), {key: value for key, value in stocked.items() if f":{key}" in sql})
        found = broken_invariants(in_transaction)
    assert {fault.partition(": ")[0] for fault in found} == expected
    assert broken_invariants(engine) == [], "the sabotage was not undone"


def test_every_rule_has_a_sabotage():
    assert set.union(*(expected for _, expected in SABOTAGE.values())) == set(RULES)
