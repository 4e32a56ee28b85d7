"""Any story of requests to every endpoint, beside a plain model of the shop: both must answer and hold the same."""

from itertools import count

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from app.utils.auth.tokens import make_token
from tests.support.clients import Person
from tests.support.invariants import faults
from tests.support.shop_machine import DAY, NUMBER, VIN, ShopMachine
from tests.support.shop_model import ShopModel


class Shop(ShopMachine):
    """The machine that looks, too; after each step every list is what the model says."""

    # ------------------------------------------------------------ looking
    @rule(what=st.sampled_from(["customers", "mechanics", "inventory", "tickets"]), number=NUMBER)
    def look_at_one(self, what, number):
        number = self.nth(what, number)
        shown = {each["id"]: each for each in self.model.shown(what)}.get(number)
        answer = self.admin.get(f"/{what}/{number}")
        assert (without_times(answer.json) if answer.status_code == 200 else None) == shown
        crew = self.admin.get(f"/tickets/{number}/mechanics")
        assert (crew.json if crew.status_code == 200 else None) == (
            self.model.crew(number) if number in self.model.tickets else None
        )

    @rule(number=NUMBER, is_staff=st.booleans())
    def look_at_my_tickets(self, number, is_staff):
        """A customer's own, or a mechanic's; nobody's where the account is gone."""
        kind = "mechanic" if is_staff else "customer"
        number = self.nth(f"{kind}s", number)
        with self.app.app_context():
            token = make_token(kind, number, 1)
        answer = Person(self.app, token).get("/tickets/my-tickets?per_page=100")
        table, tickets = getattr(self.model, f"{kind}s"), self.model.tickets
        if number not in table:
            assert answer.status_code == 401
            return
        mine = {
            each for each, held in tickets.items() if (number in held["crew"] if is_staff else number == held["customer_id"])
        }
        assert [without_times(each) for each in answer.json] == [
            each for each in self.model.shown("tickets") if each["id"] in mine
        ]

    @rule(vin=VIN, day=DAY, later=DAY, owner=NUMBER, size=st.integers(1, 3))
    def look_for_tickets(self, vin, day, later, owner, size):
        """Filters, and both ways to walk a list."""
        shown = self.model.shown("tickets")
        for query, fits in {
            f"vin={vin}": lambda each: each["vin"] == vin.upper(),
            f"from={day}&to={later}": lambda each: day <= each["service_date"] <= later,
            f"customer_id={self.nth('customers', owner)}": lambda each: each["customer_id"] == self.nth("customers", owner),
            "q=OIL": lambda each: "oil" in each["description"].lower(),
        }.items():
            found = self.admin.get(f"/tickets?per_page=100&{query}").json
            assert [each["id"] for each in found] == [each["id"] for each in shown if fits(each)], query
        paged, walked, path = [], [], f"/tickets?per_page={size}"
        for page in range(1, 2 + len(shown) // size):
            answer = self.admin.get(f"{path}&page={page}")
            assert answer.headers["X-Total-Count"] == str(len(shown))
            paged += [each["id"] for each in answer.json]
            after = f"&after={walked[-1]}" if walked else ""
            walked += [each["id"] for each in self.admin.get(path + after).json]
        assert paged == walked == [each["id"] for each in shown]

    @invariant()
    def both_show_the_same(self):
        for what in self.made:
            listed = [without_times(each) for each in self.admin.get(f"/{what}?per_page=100").json]
            assert listed == self.model.shown(what)
        for number in list(self.model.parts)[-2:]:
            ledger = self.admin.get(f"/inventory/{number}/movements?per_page=100").json
            assert [(line["reason"], line["change"]) for line in ledger] == self.model.ledger(number)
            assert not ledger or ledger[0]["balance"] == self.model.stock.stock[number]

    def teardown(self):
        assert faults(self.engine) == []


def without_times(record):
    return {name: value for name, value in record.items() if name not in ("created_at", "updated_at")}


@pytest.mark.slow
def test_any_story_of_every_endpoint_ends_as_the_model_says(admin, engine, proof):
    """A state machine over HTTP against a plain model of the shop, at least 2,000 requests on each database: every
    answer, list, ledger, filter, replay and refusal is what the model says, and so is what is left behind."""
    steps = count()
    stories = settings(
        max_examples=proof.size(7, 80),
        stateful_step_count=proof.size(30, 40),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, *([Phase.shrink] if proof.full else [])],  # Which takes minutes.
    )
    run_state_machine_as_test(lambda: Shop(admin, engine, steps), settings=stories)
    made = next(steps)
    assert made >= proof.size(100, 2000)
    proof.report(requests_that_change_something=made)


class Forgetful(ShopModel):
    """A model that is wrong: it knows of no sku, and gives nothing back when a ticket is deleted."""

    def require_sku(self, sku, but=None):
        return None

    def delete_ticket(self, number):
        self.require(self.tickets, number)
        del self.tickets[number]


@pytest.mark.slow
@pytest.mark.databases("sqlite")
def test_a_shop_that_differs_from_the_model_is_found_out(admin, engine):
    """Sabotaged: shop and model do not agree, here on skus and on the parts of a deleted ticket."""
    stories = settings(
        max_examples=50,
        stateful_step_count=30,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(lambda: Shop(admin, engine, count(), Forgetful), settings=stories)
