"""A state machine for hypothesis that sends each request to the app and to a plain model of the shop."""

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from app.extensions import cache
from app.models import mechanics
from tests.support.environment import PASSWORD
from tests.support.shop_model import Refused, ShopModel, asked
from tests.support.tables import TABLES

NUMBER = st.integers(0, 7)
"""The index of a record ever created, modulo their number; it may be deleted."""
NAME = st.sampled_from(["Ann", "Bob", "Zoë 🔧", "100 % _x", "x" * 255])
EMAIL = st.sampled_from(["a@example.com", "B@Example.com", "b@example.com", "c@example.com", "d@example.com"])
PHONE = st.sampled_from(["555-0100", "+1 (555) 010.1 x9"])
CENTS = st.sampled_from([0, 1, 999, 4990, 9_999_999_999])
SKU = st.sampled_from([None, "S-1", "s-1", "S-2"])
STOCK = st.integers(0, 6)
DAY = st.sampled_from(["2026-01-31", "2026-11-24", "9999-12-31", "0001-01-01"])
TEXT = st.sampled_from(["Brakes", "Oil\nand filter", "x" * 2000])
VIN = st.sampled_from(["V1", "v1", "1HGCM82633A004352"])
KEY = st.sampled_from([None, None, None, "one", "two", "a key with ~ 3"])
MATCH = st.sampled_from([None, None, None, "current", "stale"])
NUMBERS = st.lists(NUMBER, max_size=3)
ON = st.lists(st.tuples(NUMBER, st.integers(1, 4)), max_size=3)
OFF = st.lists(st.tuples(NUMBER, st.integers(1, 4) | st.sampled_from(["bare", "whole"])), max_size=3)


def some(**fields):
    """Return a strategy for any subset of the fields of a change."""
    return st.fixed_dictionaries({}, optional=fields)


class ShopMachine(RuleBasedStateMachine):
    """Each rule sends one request to the app and the model, and compares the results."""

    def __init__(self, admin, engine, steps, model=ShopModel):
        super().__init__()
        self.admin, self.engine, self.steps = admin, engine, steps
        self.app = admin.app
        self.empty()
        self.model = model(self.admin.get(f"/mechanics/{admin.id}").json)
        self.made = {"customers": [], "mechanics": [], "inventory": [], "tickets": []}

    def empty(self):
        with self.engine.begin() as connection:
            for table in TABLES:
                connection.execute(table.delete().where(table.c.id != self.admin.id) if table is mechanics else table.delete())
        with self.app.app_context():
            cache.clear()
        self.app.token_cache.entries.clear()

    def nth(self, what, number):
        """Return the id of a record ever created, or an unknown id if there is none."""
        made = self.made[what]
        return made[number % len(made)] if made else 2_000_000_000

    # ------------------------------------------------------------ requests
    def ask(self, method, path, body, act, *, key=None, match=None, exists=True):
        """Send a request, and let ``act`` change the model; the statuses must be equal. Return the response of a success."""
        next(self.steps)
        headers = {"Idempotency-Key": key} if key else {}
        if match:
            current = self.admin.get(path.removesuffix("/mechanics").removesuffix("/inventory")).headers.get("ETag", '"none"')
            headers["If-Match"] = current if match == "current" else '"stale"'
        answer = self.admin.open(method, path, json=body, headers=headers)
        try:
            if key and (first := self.model.replay(key, asked(method, path, body))) is not None:
                assert (answer.status_code, answer.data, answer.headers.get("Location")) == first
                assert answer.headers["Idempotency-Replayed"] == "true"
                return None
            if match == "stale" and exists:
                raise Refused(412)
            expected = act() or {"POST": 201, "PUT": 200, "DELETE": 204}[method]
        except Refused as refusal:
            expected = refusal.args[0]
        assert answer.status_code == expected, (method, path, body, answer.text)
        assert "Idempotency-Replayed" not in answer.headers
        if answer.status_code >= 400:
            assert answer.mimetype == "application/problem+json"
            return None
        if key:
            first = (answer.status_code, answer.data, answer.headers.get("Location"))
            self.model.kept[key] = (asked(method, path, body), first)
        if method == "POST" and not path.endswith("/movements"):
            self.made[path[1:]].append(answer.json["id"])
            assert answer.headers["Location"] == f"{path}/{answer.json['id']}"
        return answer

    # ------------------------------------------------------------ accounts
    @initialize()
    def stock_up(self):
        self.add_part("Pad", 999, 5, None, None)
        self.register("Ann", "a@example.com", "555-0100", None)
        self.create_mechanic("Max", "a@example.com", "555-0100", 100, "mechanic", None)
        self.open_ticket(0, "2026-11-24", "Brakes", "V1", [0], [(0, 1)], None)

    @rule(name=NAME, email=EMAIL, phone=PHONE | st.none(), key=KEY)
    def register(self, name, email, phone, key):
        body = {"name": name, "email": email, "phone": phone, "password": PASSWORD}
        free = lambda: self.model.require_free(self.model.customers, email.lower())  # noqa: E731
        if answer := self.ask("POST", "/customers", body, free, key=key):
            number = answer.json["id"]
            self.model.customers[number] = {"id": number, "name": name, "email": email.lower(), "phone": phone}

    @rule(number=NUMBER, changes=some(name=NAME, email=EMAIL, phone=PHONE | st.none()), match=MATCH)
    def change_customer(self, number, changes, match):
        number, model = self.nth("customers", number), self.model
        act = lambda: model.change_account(model.customers, number, changes) and None  # noqa: E731
        self.ask("PUT", f"/customers/{number}", changes, act, match=match, exists=number in model.customers)

    @rule(number=NUMBER, match=MATCH)
    def delete_customer(self, number, match):
        number, model = self.nth("customers", number), self.model
        there = number in model.customers
        self.ask(
            "DELETE", f"/customers/{number}", None, lambda: model.delete(model.customers, number), match=match, exists=there
        )
        if there and number not in model.customers:
            model.forget(f"/customers/{number}", f'"customer_id":{number},')

    @rule(name=NAME, email=EMAIL, phone=PHONE, cents=CENTS, role=st.sampled_from(["mechanic", "admin"]), key=KEY)
    def create_mechanic(self, name, email, phone, cents, role, key):
        body = {"name": name, "email": email, "phone": phone, "salary": cents / 100, "role": role}
        free = lambda: self.model.require_free(self.model.mechanics, email.lower())  # noqa: E731
        if answer := self.ask("POST", "/mechanics", body, free, key=key):
            number = answer.json["id"]
            self.model.mechanics[number] = {"id": number, **body, "email": email.lower()}
            self.model.names["mechanics"][number] = name

    @rule(
        number=NUMBER,
        changes=some(name=NAME, email=EMAIL, phone=PHONE, salary=CENTS.map(lambda cents: cents / 100)),
        match=MATCH,
    )
    def change_mechanic(self, number, changes, match):
        number, model = self.nth("mechanics", number), self.model
        act = lambda: model.change_account(model.mechanics, number, changes) and None  # noqa: E731
        self.ask("PUT", f"/mechanics/{number}", changes, act, match=match, exists=number in model.mechanics)

    @rule(number=NUMBER, match=MATCH)
    def delete_mechanic(self, number, match):
        number, model = self.nth("mechanics", number), self.model
        there = number in model.mechanics
        self.ask(
            "DELETE", f"/mechanics/{number}", None, lambda: model.delete(model.mechanics, number), match=match, exists=there
        )
        if there and number not in model.mechanics:
            model.forget(f"/mechanics/{number}")

    @rule(demote=st.booleans())
    def remove_the_last_admin(self, demote):
        if [each["id"] for each in self.model.mechanics.values() if each["role"] == "admin"] == [self.admin.id]:
            path = f"/mechanics/{self.admin.id}"
            sent = {"json": {"role": "mechanic"}} if demote else {}
            assert self.admin.open("PUT" if demote else "DELETE", path, **sent).status_code == 409

    # ------------------------------------------------------------ parts
    @rule(name=NAME, cents=CENTS, quantity=STOCK, sku=SKU, key=KEY)
    def add_part(self, name, cents, quantity, sku, key):
        body = {"name": name, "price": cents / 100, "quantity": quantity, "sku": sku}
        if answer := self.ask("POST", "/inventory", body, lambda: self.model.require_sku(sku), key=key):
            number = answer.json["id"]
            self.model.parts[number] = {"name": name, "sku": sku}
            self.model.names["parts"][number] = name
            self.model.stock.add(number, quantity, cents)

    @rule(
        number=NUMBER,
        changes=some(name=NAME, price=CENTS.map(lambda cents: cents / 100), quantity=STOCK, sku=SKU),
        match=MATCH,
    )
    def change_part(self, number, changes, match):
        number, model = self.nth("inventory", number), self.model
        there = number in model.parts
        self.ask("PUT", f"/inventory/{number}", changes, lambda: model.change_part(number, changes), match=match, exists=there)

    @rule(number=NUMBER, reason=st.sampled_from(["received", "found", "scrapped", "lost"]), count=st.integers(1, 20), key=KEY)
    def record_movement(self, number, reason, count, key):
        number, model = self.nth("inventory", number), self.model
        change = count if reason in ("received", "found") else -count
        body, there = {"change": change, "reason": reason}, number in model.parts
        path = f"/inventory/{number}/movements"
        self.ask("POST", path, body, lambda: model.stock.record(number, change, reason), key=key, exists=there)

    @rule(number=NUMBER, match=MATCH)
    def delete_part(self, number, match):
        number, model = self.nth("inventory", number), self.model
        there = number in model.parts
        self.ask("DELETE", f"/inventory/{number}", None, lambda: model.delete_part(number), match=match, exists=there)

    # ------------------------------------------------------------ tickets
    @rule(owner=NUMBER, day=DAY, text=TEXT, vin=VIN, crew=NUMBERS, on=ON, key=KEY)
    def open_ticket(self, owner, day, text, vin, crew, on, key):
        model = self.model
        body = {"customer_id": self.nth("customers", owner), "service_date": day, "description": text, "vin": vin}
        crew = [self.nth("mechanics", number) for number in crew]
        on = [(self.nth("inventory", number), quantity) for number, quantity in on]
        lines = {}

        def act():
            model.require_ids([body["customer_id"]], model.customers)
            model.require_ids(crew, model.mechanics)
            lines.update(model.stock.order({}, [], on))

        parts = [{"inventory_id": number, "quantity": quantity} for number, quantity in on]
        if answer := self.ask("POST", "/tickets", body | {"mechanic_ids": crew, "parts": parts}, act, key=key):
            record = body | {"vin": vin.upper(), "crew": set(crew), "lines": lines}
            model.tickets[answer.json["id"]] = record

    @rule(number=NUMBER, owner=NUMBER | st.none(), changes=some(service_date=DAY, description=TEXT, vin=VIN), match=MATCH)
    def change_ticket(self, number, owner, changes, match):
        number, model = self.nth("tickets", number), self.model
        if owner is not None:
            changes = changes | {"customer_id": self.nth("customers", owner)}

        def act():
            model.require(model.tickets, number)
            if owner is not None and changes["customer_id"] != model.tickets[number]["customer_id"]:
                model.require_ids([changes["customer_id"]], model.customers)
            model.tickets[number] |= changes | ({"vin": changes["vin"].upper()} if "vin" in changes else {})

        self.ask("PUT", f"/tickets/{number}", changes, act, match=match, exists=number in model.tickets)

    @rule(number=NUMBER, add=NUMBERS, remove=NUMBERS, whole=st.booleans(), match=MATCH)
    def change_crew(self, number, add, remove, whole, match):
        number, model = self.nth("tickets", number), self.model
        add, remove = ([self.nth("mechanics", each) for each in ids] for ids in (add, remove))
        body = {"mechanic_ids": add} if whole else {"add_mechanic_ids": add, "remove_mechanic_ids": remove}
        if not whole and set(add) & set(remove):  # The schema refuses that before any lookup.
            assert self.admin.put(f"/tickets/{number}/mechanics", json=body).status_code == 422
            return
        there = number in model.tickets
        self.ask(
            "PUT", f"/tickets/{number}/mechanics", body, lambda: model.change_crew(number, body), match=match, exists=there
        )

    @rule(number=NUMBER, mechanic=NUMBER)
    def unassign(self, number, mechanic):
        number, mechanic, model = self.nth("tickets", number), self.nth("mechanics", mechanic), self.model

        def act():
            model.require(model.tickets, number)
            if mechanic not in model.tickets[number]["crew"]:
                raise Refused(404)
            model.tickets[number]["crew"].discard(mechanic)

        self.ask("DELETE", f"/tickets/{number}/mechanics/{mechanic}", None, act)

    @rule(number=NUMBER, off=OFF, on=ON, key=KEY, match=MATCH)
    def change_parts(self, number, off, on, key, match):
        number, model = self.nth("tickets", number), self.model
        off, on = ([(self.nth("inventory", each), quantity) for each, quantity in lines] for lines in (off, on))
        forms = {"bare": lambda part: part, "whole": lambda part: {"inventory_id": part}}
        body = {
            "remove_parts": [forms[n](part) if n in forms else {"inventory_id": part, "quantity": n} for part, n in off],
            "add_parts": [{"inventory_id": part, "quantity": n} for part, n in on],
        }
        there = number in model.tickets
        act = lambda: model.change_parts(number, off, on)  # noqa: E731
        self.ask("PUT", f"/tickets/{number}/inventory", body, act, key=key, match=match, exists=there)

    @rule(number=NUMBER, match=MATCH)
    def delete_ticket(self, number, match):
        number, model = self.nth("tickets", number), self.model
        there = number in model.tickets
        self.ask("DELETE", f"/tickets/{number}", None, lambda: model.delete_ticket(number), match=match, exists=there)
