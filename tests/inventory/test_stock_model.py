"""Random sequences of orders, returns, counts and deletions leave what a plain model of the shop predicts."""

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from app.models import inventory, stock_movements, ticket_parts
from tests.support.invariants import broken_invariants
from tests.support.stock_model import MAX_QUANTITY, Model, Refused

INDEX = st.integers(0, 5)
"""The index of a part or ticket, modulo their number."""
COUNT = st.integers(1, 4) | st.just(MAX_QUANTITY)
STOCK = st.integers(0, 6) | st.sampled_from([MAX_QUANTITY - 1, MAX_QUANTITY])
ON = st.lists(st.tuples(INDEX, COUNT), max_size=3)
OFF = st.lists(st.tuples(INDEX, COUNT | st.sampled_from(["bare", "whole"])), max_size=3)


class Shop(RuleBasedStateMachine):
    """The app over HTTP beside the model. Each rule calls both, and after each step both have the same state."""

    def __init__(self, admin, customer, engine):
        super().__init__()
        self.admin, self.customer, self.engine = admin, customer, engine
        self.model = Model()

    def part(self, number):
        return sorted(self.model.stock)[number % len(self.model.stock)]

    def ticket(self, number):
        return sorted(self.model.tickets)[number % len(self.model.tickets)]

    def lines(self, drawn):
        return [(self.part(number), count) for number, count in drawn]

    def check(self, response, expect, *, status):
        """Apply the same to the model. The response must have ``status``, or the status of the refusal."""
        try:
            expected, result = status, expect()
        except Refused as refusal:
            expected, result = refusal.args[0], None
        assert response.status_code == expected, response.text
        return result

    @initialize(stocks=st.lists(st.integers(1, 6), min_size=2, max_size=3))
    def stock_up(self, stocks):
        for quantity in stocks:
            self.add_part(quantity, 100)
        self.open_ticket([])

    @precondition(lambda self: len(self.model.stock) < 6)
    @rule(quantity=STOCK, cents=st.integers(0, 9_999_999_999))
    def add_part(self, quantity, cents):
        response = self.admin.post("/inventory", json={"name": "Part", "price": cents / 100, "quantity": quantity})
        assert response.status_code == 201
        self.model.add(response.json["id"], quantity, cents)

    @rule(number=INDEX, quantity=STOCK)
    def count_part(self, number, quantity):
        part_id = self.part(number)
        response = self.admin.put(f"/inventory/{part_id}", json={"quantity": quantity})
        self.check(response, lambda: self.model.count(part_id, quantity), status=200)

    @rule(number=INDEX, reason=st.sampled_from(["received", "found", "scrapped", "lost"]), count=COUNT)
    def record_movement(self, number, reason, count):
        part_id, change = self.part(number), count if reason in ("received", "found") else -count
        response = self.admin.post(f"/inventory/{part_id}/movements", json={"change": change, "reason": reason})
        self.check(response, lambda: self.model.record(part_id, change, reason), status=201)

    @rule(number=INDEX, cents=st.integers(0, 999))
    def price_part(self, number, cents):
        part_id = self.part(number)
        response = self.admin.put(f"/inventory/{part_id}", json={"price": cents / 100})
        assert response.status_code == (200 if part_id in self.model.live else 404)
        if response.status_code == 200:
            self.model.price[part_id] = cents

    @rule(number=INDEX)
    def delete_part(self, number):
        part_id = self.part(number)
        response = self.admin.delete(f"/inventory/{part_id}")
        assert response.status_code == (204 if part_id in self.model.live else 404)
        self.model.live.discard(part_id)

    @rule(on=ON)
    def open_ticket(self, on):
        on = self.lines(on)
        body = {"customer_id": self.customer.id, "service_date": "2026-11-24", "description": "Visit", "vin": "V1"}
        parts = [{"inventory_id": part_id, "quantity": count} for part_id, count in on]
        response = self.admin.post("/tickets", json=body | {"parts": parts})
        lines = self.check(response, lambda: self.model.order({}, [], on), status=201)
        if lines is not None:
            self.model.tickets[response.json["id"]] = lines
            self.assert_ticket_has(response, lines)

    @precondition(lambda self: self.model.tickets)
    @rule(number=INDEX, off=OFF, on=ON)
    def change_ticket(self, number, off, on):
        ticket_id, off, on = self.ticket(number), self.lines(off), self.lines(on)
        forms = {"bare": lambda part_id: part_id, "whole": lambda part_id: {"inventory_id": part_id}}
        body = {
            "remove_parts": [
                forms[count](part_id) if count in forms else {"inventory_id": part_id, "quantity": count}
                for part_id, count in off
            ],
            "add_parts": [{"inventory_id": part_id, "quantity": count} for part_id, count in on],
        }
        response = self.admin.put(f"/tickets/{ticket_id}/inventory", json=body)
        lines = self.check(response, lambda: self.model.order(self.model.tickets[ticket_id], off, on), status=200)
        if lines is not None:
            self.model.tickets[ticket_id] = lines
            self.assert_ticket_has(response, lines)

    @precondition(lambda self: self.model.tickets)
    @rule(number=INDEX)
    def delete_ticket(self, number):
        ticket_id = self.ticket(number)
        lines = self.model.tickets[ticket_id]
        response = self.admin.delete(f"/tickets/{ticket_id}")
        self.check(response, lambda: self.model.order(lines, [(part_id, "whole") for part_id in lines], []), status=204)
        if response.status_code == 204:
            del self.model.tickets[ticket_id]

    def assert_ticket_has(self, response, lines):
        """Check that the ticket of the response has these lines, and their totals."""
        shown = [(line["inventory_id"], line["quantity"], line["unit_price"]) for line in response.json["parts"]]
        assert shown == [(part_id, count, cents / 100) for part_id, (count, cents) in sorted(lines.items())]
        total = sum(count * cents for count, cents in lines.values())
        written = response.text.partition('"parts_total":')[2].partition(",")[0]
        assert round(100 * float(written)) == total or written == f"{total // 100}.{total % 100:02}"

    @invariant()
    def states_are_equal(self):
        ids = list(self.model.stock)
        with self.engine.connect() as connection:
            stocks = connection.execute(select(inventory.c.id, inventory.c.quantity).where(inventory.c.id.in_(ids))).all()
            lines = connection.execute(select(ticket_parts).where(ticket_parts.c.inventory_id.in_(ids))).all()
            ledger = connection.execute(
                select(stock_movements).where(stock_movements.c.inventory_id.in_(ids)).order_by(stock_movements.c.id)
            ).all()
        assert {row.id: row.quantity for row in stocks} == self.model.stock
        expected = {ticket_id: each for ticket_id, each in self.model.tickets.items() if each}
        found = {}
        for row in lines:
            found.setdefault(row.ticket_id, {})[row.inventory_id] = [row.quantity, row.unit_price_cents]
        assert found == expected
        for part_id, movements in self.model.ledger.items():
            assert [(row.reason, row.change) for row in ledger if row.inventory_id == part_id] == movements

    def teardown(self):
        assert broken_invariants(self.engine) == []


@pytest.mark.slow
def test_random_operations_match_the_model(admin, customer, engine, database):
    """Long sequences on SQLite, shorter runs on the others. Hypothesis shrinks and prints a failing one."""
    sequences = settings(
        max_examples=10 if database == "sqlite" else 8,
        stateful_step_count=30,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    run_state_machine_as_test(lambda: Shop(admin, customer, engine), settings=sequences)
