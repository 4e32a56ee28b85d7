"""Compare random sequences of requests to every endpoint with a plain model of the shop."""

from itertools import count

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from app.utils.auth.tokens import make_token
from tests.support.clients import Person
from tests.support.invariants import broken_invariants
from tests.support.shop_machine import DAY, NUMBER, VIN, ShopMachine
from tests.support.shop_model import ShopModel


class Shop(ShopMachine):
    """The machine with rules that read. After each step, every list equals that of the model."""

    # ------------------------------------------------------------ reading
    @rule(what=st.sampled_from(["customers", "mechanics", "inventory", "tickets"]), number=NUMBER)
    def read_record(self, what, number):
        number = self.nth(what, number)
        shown = {each["id"]: each for each in self.model.shown(what)}.get(number)
        response = self.admin.get(f"/{what}/{number}")
        assert (without_times(response.json) if response.status_code == 200 else None) == shown
        crew = self.admin.get(f"/tickets/{number}/mechanics")
        assert (crew.json if crew.status_code == 200 else None) == (
            self.model.crew(number) if number in self.model.tickets else None
        )

    @rule(number=NUMBER, is_staff=st.booleans())
    def read_own_tickets(self, number, is_staff):
        """Read the tickets of a customer or mechanic; expect 401 if the account is deleted."""
        kind = "mechanic" if is_staff else "customer"
        number = self.nth(f"{kind}s", number)
        with self.app.app_context():
            token = make_token(kind, number, 1)
        response = Person(self.app, token).get("/tickets/my-tickets?per_page=100")
        table, tickets = getattr(self.model, f"{kind}s"), self.model.tickets
        if number not in table:
            assert response.status_code == 401
            return
        mine = {
            each for each, held in tickets.items() if (number in held["crew"] if is_staff else number == held["customer_id"])
        }
        assert [without_times(each) for each in response.json] == [
            each for each in self.model.shown("tickets") if each["id"] in mine
        ]

    @rule(vin=VIN, day=DAY, later=DAY, owner=NUMBER, size=st.integers(1, 3))
    def filter_tickets(self, vin, day, later, owner, size):
        """Read tickets by each filter, by page and by ``after``."""
        shown = self.model.shown("tickets")
        for query, matches in {
            f"vin={vin}": lambda each: each["vin"] == vin.upper(),
            f"from={day}&to={later}": lambda each: day <= each["service_date"] <= later,
            f"customer_id={self.nth('customers', owner)}": lambda each: each["customer_id"] == self.nth("customers", owner),
            "q=OIL": lambda each: "oil" in each["description"].lower(),
        }.items():
            found = self.admin.get(f"/tickets?per_page=100&{query}").json
            assert [each["id"] for each in found] == [each["id"] for each in shown if matches(each)], query
        by_page, by_after, path = [], [], f"/tickets?per_page={size}"
        for page in range(1, 2 + len(shown) // size):
            response = self.admin.get(f"{path}&page={page}")
            assert response.headers["X-Total-Count"] == str(len(shown))
            by_page += [each["id"] for each in response.json]
            after = f"&after={by_after[-1]}" if by_after else ""
            by_after += [each["id"] for each in self.admin.get(path + after).json]
        assert by_page == by_after == [each["id"] for each in shown]

    @invariant()
    def require_equal_lists(self):
        for what in self.made:
            listed = [without_times(each) for each in self.admin.get(f"/{what}?per_page=100").json]
            assert listed == self.model.shown(what)
        for number in list(self.model.parts)[-2:]:
            ledger = self.admin.get(f"/inventory/{number}/movements?per_page=100").json
            assert [(line["reason"], line["change"]) for line in ledger] == self.model.ledger(number)
            assert not ledger or ledger[0]["balance"] == self.model.stock.stock[number]

    def teardown(self):
        assert broken_invariants(self.engine) == []


def without_times(record):
    return {name: value for name, value in record.items() if name not in ("created_at", "updated_at")}


@pytest.mark.slow
def test_random_requests_match_the_model(admin, engine, proof):
    """Every response, list, ledger, filter, replay and refusal equals that of the model, and no invariant is broken."""
    steps = count()
    limits = settings(
        max_examples=proof.size(7, 80),
        stateful_step_count=proof.size(30, 40),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, *([Phase.shrink] if proof.full else [])],  # Shrinking takes minutes.
    )
    run_state_machine_as_test(lambda: Shop(admin, engine, steps), settings=limits)
    requests = next(steps)
    assert requests >= proof.size(100, 2000)
    proof.report(writes=requests)


class WrongModel(ShopModel):
    """A wrong model: SKUs need not be unique, and a deleted ticket returns no parts."""

    def require_sku(self, sku, but=None):
        return None

    def delete_ticket(self, number):
        self.require(self.tickets, number)
        del self.tickets[number]


@pytest.mark.slow
@pytest.mark.databases("sqlite")
def test_difference_from_the_model_is_detected(admin, engine):
    limits = settings(
        max_examples=50,
        stateful_step_count=30,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(lambda: Shop(admin, engine, count(), WrongModel), settings=limits)
