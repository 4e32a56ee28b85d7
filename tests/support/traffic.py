"""People who use the shop while a part of it dies, and remember what they were told; and whether that was the truth."""

import random
import threading
import time
import uuid
from collections import Counter
from contextlib import contextmanager

from sqlalchemy import text

from tests.support.invariants import faults
from tests.support.shop import GONE

STOCK = 1_000_000
PATIENCE = 15
"""Seconds within which every request must be answered, whatever is down."""
UNKNOWN = "The database was lost while it wrote"
"""How a 503 begins that can't say whether its change happened: one without a key, lost in the middle of its commit."""


class Ledger:
    """What the clients were told."""

    def __init__(self):
        self.vin = uuid.uuid4().hex.upper()  # Of every ticket that is opened here.
        self.statuses = Counter()
        self.orders = {}  # What a ticket is known by → its id, where it was acknowledged.
        self.refunds = {}  # The key of a refund → its ticket.
        self.refused = set()  # Tickets that a 503 said were not opened.
        self.unknown = set()  # Tickets of which a 503 said that it can't tell.
        self.wrong = []
        self.slowest = 0.0
        self.troubles = []  # When there was a 503.
        self.lock = threading.Lock()

    def note(self, answer, call):
        """Count an answer; only what was asked for, and 503 that says when to come back, are right."""
        with self.lock:
            self.statuses[answer.status] += 1
            self.slowest = max(self.slowest, answer.seconds)
            if answer.status == 503:
                self.troubles.append((time.monotonic(), call))
            in_flight = answer.status == 409 and "Idempotency-Key" in answer.body["detail"]
            if not in_flight and (answer.status not in (200, 201, 503) or (answer.status == 503 and not retry_after(answer))):
                self.wrong.append((call, answer.status, answer.body, answer.headers))


def retry_after(answer):
    return answer.headers.get("retry-after", "").isdecimal() and answer.headers["content-type"] == "application/problem+json"


class Traffic:
    """Clients of one or more shops on the same data: with keys and without, orders, refunds and reads.

    ``with Traffic(shops) as traffic`` makes them begin; at the end each gets the answer that it waits for."""

    def __init__(self, *shops, insisting=3, plain=2, reading=1, parts=4):
        self.shops, self.ledger = shops, Ledger()
        self.token = shops[0].admin_token()
        admin = shops[0].client(self.token)
        owner = {"name": "Ann", "email": f"{uuid.uuid4().hex}@example.com", "password": "correct horse"}
        self.owner = made(admin.call("POST", "/customers", owner))
        part = {"price": 9.99, "quantity": STOCK}
        self.parts = [made(admin.call("POST", "/inventory", part | {"name": f"Part {n}"})) for n in range(parts)]
        acts = [self.order_and_insist] * insisting + [self.order_once] * plain + [self.read] * reading
        self.threads = [threading.Thread(target=self.go_on, args=(number, act)) for number, act in enumerate(acts)]
        self.over, self.errors = threading.Event(), []
        self.faults = []  # From when to when a part of the shop was down, and its clients may be told so.

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(90)
        assert not any(thread.is_alive() for thread in self.threads), "a client still waits for an answer"

    def go_on(self, number, act):
        client = self.shops[number % len(self.shops)].client(self.token, timeout=60)
        dice = random.Random(number)
        try:
            while not self.over.is_set():
                act(client, dice)
                time.sleep(0.005)
        except Exception as error:
            self.errors.append(repr(error))
        finally:
            client.close()

    def new_order(self, dice):
        chosen = dice.sample(self.parts, dice.randint(1, 2))
        lines = [{"inventory_id": part, "quantity": dice.randint(1, 3)} for part in chosen]
        ticket = {"customer_id": self.owner, "service_date": "2026-11-24", "vin": self.ledger.vin}
        ticket["description"] = uuid.uuid4().hex
        return ticket | {"parts": lines}

    def order_and_insist(self, client, dice):
        """Open a ticket, and sometimes take its parts off again; repeat each with its key until it is done."""
        order = self.new_order(dice)
        answer = self.until_done(client, "POST", "/tickets", order)
        if answer.status != 201:
            return
        self.ledger.orders[order["description"]] = answer.body["id"]
        if dice.random() < 0.4:
            off = {"remove_parts": [line["inventory_id"] for line in order["parts"]]}
            if self.until_done(client, "PUT", f"/tickets/{answer.body['id']}/inventory", off).status == 200:
                self.ledger.refunds[order["description"]] = answer.body["id"]

    def until_done(self, client, method, path, body):
        key, deadline = uuid.uuid4().hex, time.monotonic() + 80
        while True:
            answer = self.call(client, method, path, body, key)
            if answer.status not in (409, 503) or time.monotonic() > deadline:
                return answer
            time.sleep(0.05)

    def order_once(self, client, dice):
        """Open a ticket without a key, and believe the answer."""
        order = self.new_order(dice)
        answer = self.call(client, "POST", "/tickets", order)
        if answer.status == 201:
            self.ledger.orders[order["description"]] = answer.body["id"]
        elif answer.body["detail"].startswith(UNKNOWN):
            self.ledger.unknown.add(order["description"])
        else:
            self.ledger.refused.add(order["description"])

    def read(self, client, dice):
        paths = ["/inventory", "/tickets?per_page=5", f"/inventory/{dice.choice(self.parts)}/movements?per_page=5"]
        self.call(client, "GET", dice.choice(paths))

    def call(self, client, method, path, body=None, key=None):
        try:
            answer = client.call(method, path, body, key)
        except GONE as error:
            self.ledger.wrong.append((f"{method} {path}", "no answer", repr(error)))
            raise
        self.ledger.note(answer, f"{method} {path}")
        return answer

    @contextmanager
    def fault(self):
        """Something is broken in this block, and mended at its end; what was asked in it may be told so afterwards."""
        began = time.monotonic()
        yield
        self.faults.append((began, time.monotonic() + 1))

    def goes_on(self, seconds):
        """Wait until requests of every client succeed again, and return how long that took."""
        began = time.monotonic()
        probes = [shop.client(self.token) for shop in self.shops]
        while time.monotonic() - began < seconds:
            answers = []
            for probe in probes:
                order = self.new_order(random.Random())
                answers += [self.call(probe, "GET", "/tickets?per_page=1"), self.call(probe, "POST", "/tickets", order)]
                if answers[-1].status == 201:
                    self.ledger.orders[order["description"]] = answers[-1].body["id"]
            if all(answer.status in (200, 201) for answer in answers):
                return time.monotonic() - began
            time.sleep(0.02)
        raise AssertionError(f"the shop does not go on after {seconds} s: {answers}")


def made(answer):
    assert answer.status == 201, answer
    return answer.body["id"]


def lies(ledger, engine):
    """Where the clients were told what is not so: each told them, and how often it happened; none where all is well."""
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT description, id FROM service_tickets WHERE vin = :vin"), {"vin": ledger.vin}
        ).all()
        times = Counter(row.description for row in rows)
        held = connection.execute(text("SELECT DISTINCT ticket_id FROM ticket_parts")).scalars().all()
    ids = {row.description: row.id for row in rows}
    found = [f"lost: {order}" for order in ledger.orders if times[order] == 0]
    found += [f"done {count} times: {order}" for order, count in times.items() if count > 1]
    found += [f"refused, but done: {order}" for order in ledger.refused if times[order]]
    found += [f"another id: {order}" for order, number in ledger.orders.items() if ids.get(order, number) != number]
    told = ledger.orders.keys() | ledger.unknown
    found += [f"done, but never acknowledged: {order}" for order in times if order not in told]
    found += [f"refund lost: {order}" for order, number in ledger.refunds.items() if number in held]
    whole = set(ledger.orders.values()) - set(ledger.refunds.values()) - set(held)
    found += [f"parts lost: {number}" for number in whole]
    return found


def require_truth(traffic, engine):
    """Raise AssertionError unless everything that the clients were told is so, and only what they may be told."""
    assert not traffic.errors, traffic.errors
    assert not traffic.ledger.wrong, traffic.ledger.wrong[:5]
    assert traffic.ledger.slowest < PATIENCE, "a request hung"
    calm = [call for when, call in traffic.ledger.troubles if not any(began < when < over for began, over in traffic.faults)]
    assert not calm, f"answered 503 though nothing was broken: {calm[:5]}"
    found = lies(traffic.ledger, engine) + faults(engine)
    assert not found, found
