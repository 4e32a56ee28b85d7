"""Clients that use a shop during faults and record its responses, and a check of the database against the record."""

import random
import threading
import time
import uuid
from collections import Counter
from contextlib import contextmanager

from sqlalchemy import text

from tests.support.invariants import broken_invariants
from tests.support.shop import CONNECTION_ERRORS

STOCK = 1_000_000
TIMEOUT = 15
"""Seconds within which every request must be answered, even during a fault."""
UNKNOWN = "The database was lost while it wrote"
"""The start of the 503 for a request without a key whose connection was lost during its commit: its outcome is unknown."""


class Record:
    """The responses that the clients got."""

    def __init__(self):
        self.vin = uuid.uuid4().hex.upper()  # Shared by all tickets of this record.
        self.statuses = Counter()
        self.orders = {}  # Acknowledged tickets: description → id.
        self.returns = {}  # Acknowledged returns of all parts: description of the ticket → its id.
        self.refused = set()  # Descriptions of tickets that a 503 reported as not opened.
        self.unknown = set()  # Descriptions of tickets with a 503 of unknown outcome.
        self.unexpected = []
        self.slowest = 0.0
        self.unavailable = []  # Times of responses with 503.
        self.lock = threading.Lock()

    def add(self, response, call):
        """Count a response. Only success, a key in flight, and 503 with Retry-After are expected."""
        with self.lock:
            self.statuses[response.status] += 1
            self.slowest = max(self.slowest, response.seconds)
            if response.status == 503:
                self.unavailable.append((time.monotonic(), call))
            in_flight = response.status == 409 and "Idempotency-Key" in response.body["detail"]
            if not in_flight and (
                response.status not in (200, 201, 503) or (response.status == 503 and not has_retry_after(response))
            ):
                self.unexpected.append((call, response.status, response.body, response.headers))


def has_retry_after(response):
    return (
        response.headers.get("retry-after", "").isdecimal() and response.headers["content-type"] == "application/problem+json"
    )


class Traffic:
    """Clients of one or more shops on the same database: orders with and without keys, returns and reads.

    ``with Traffic(shop) as traffic`` starts the clients. The exit waits for their last responses.
    """

    def __init__(self, *shops, with_key=3, without_key=2, readers=1, parts=4):
        self.shops, self.record = shops, Record()
        self.token = shops[0].admin_token()
        admin = shops[0].client(self.token)
        owner = {"name": "Ann", "email": f"{uuid.uuid4().hex}@example.com", "password": "correct horse"}
        self.owner = created_id(admin.call("POST", "/customers", owner))
        part = {"price": 9.99, "quantity": STOCK}
        self.parts = [created_id(admin.call("POST", "/inventory", part | {"name": f"Part {n}"})) for n in range(parts)]
        actions = [self.order_with_key] * with_key + [self.order_without_key] * without_key + [self.read] * readers
        self.threads = [threading.Thread(target=self.run, args=(number, action)) for number, action in enumerate(actions)]
        self.stopped, self.errors = threading.Event(), []
        self.faults = []  # (start, end) of each fault, during which 503 is allowed.

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join(90)
        assert not any(thread.is_alive() for thread in self.threads), "a client still waits for a response"

    def run(self, number, action):
        client = self.shops[number % len(self.shops)].client(self.token, timeout=60)
        rng = random.Random(number)
        try:
            while not self.stopped.is_set():
                action(client, rng)
                time.sleep(0.005)
        except Exception as error:
            self.errors.append(repr(error))
        finally:
            client.close()

    def new_order(self, rng):
        chosen = rng.sample(self.parts, rng.randint(1, 2))
        lines = [{"inventory_id": part, "quantity": rng.randint(1, 3)} for part in chosen]
        ticket = {"customer_id": self.owner, "service_date": "2026-11-24", "vin": self.record.vin}
        ticket["description"] = uuid.uuid4().hex
        return ticket | {"parts": lines}

    def order_with_key(self, client, rng):
        """Open a ticket and sometimes return its parts. Repeat each request with its key until it is done."""
        order = self.new_order(rng)
        response = self.retry_until_done(client, "POST", "/tickets", order)
        if response.status != 201:
            return
        self.record.orders[order["description"]] = response.body["id"]
        if rng.random() < 0.4:
            body = {"remove_parts": [line["inventory_id"] for line in order["parts"]]}
            if self.retry_until_done(client, "PUT", f"/tickets/{response.body['id']}/inventory", body).status == 200:
                self.record.returns[order["description"]] = response.body["id"]

    def retry_until_done(self, client, method, path, body):
        key, deadline = uuid.uuid4().hex, time.monotonic() + 80
        while True:
            response = self.call(client, method, path, body, key)
            if response.status not in (409, 503) or time.monotonic() > deadline:
                return response
            time.sleep(0.05)

    def order_without_key(self, client, rng):
        """Open a ticket without a key, and record the outcome that the response reports."""
        order = self.new_order(rng)
        response = self.call(client, "POST", "/tickets", order)
        if response.status == 201:
            self.record.orders[order["description"]] = response.body["id"]
        elif response.body["detail"].startswith(UNKNOWN):
            self.record.unknown.add(order["description"])
        else:
            self.record.refused.add(order["description"])

    def read(self, client, rng):
        paths = ["/inventory", "/tickets?per_page=5", f"/inventory/{rng.choice(self.parts)}/movements?per_page=5"]
        self.call(client, "GET", rng.choice(paths))

    def call(self, client, method, path, body=None, key=None):
        try:
            response = client.call(method, path, body, key)
        except CONNECTION_ERRORS as error:
            self.record.unexpected.append((f"{method} {path}", "no response", repr(error)))
            raise
        self.record.add(response, f"{method} {path}")
        return response

    @contextmanager
    def fault(self):
        """Allow 503 in this block, and for one second more for the requests that are still running."""
        start = time.monotonic()
        yield
        self.faults.append((start, time.monotonic() + 1))

    def wait_for_recovery(self, seconds):
        """Wait until reads and writes succeed on every shop. Return the seconds waited."""
        started = time.monotonic()
        probes = [shop.client(self.token) for shop in self.shops]
        while time.monotonic() - started < seconds:
            responses = []
            for probe in probes:
                order = self.new_order(random.Random())
                responses += [self.call(probe, "GET", "/tickets?per_page=1"), self.call(probe, "POST", "/tickets", order)]
                if responses[-1].status == 201:
                    self.record.orders[order["description"]] = responses[-1].body["id"]
            if all(response.status in (200, 201) for response in responses):
                return time.monotonic() - started
            time.sleep(0.02)
        raise AssertionError(f"the shop did not recover in {seconds} s: {responses}")


def created_id(response):
    assert response.status == 201, response
    return response.body["id"]


def contradictions(record, engine):
    """Return the contradictions between the record and the database, in words; an empty list if there are none."""
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT description, id FROM service_tickets WHERE vin = :vin"), {"vin": record.vin}
        ).all()
        times = Counter(row.description for row in rows)
        with_parts = connection.execute(text("SELECT DISTINCT ticket_id FROM ticket_parts")).scalars().all()
    ids = {row.description: row.id for row in rows}
    found = [f"lost: {order}" for order in record.orders if times[order] == 0]
    found += [f"done {count} times: {order}" for order, count in times.items() if count > 1]
    found += [f"refused, but done: {order}" for order in record.refused if times[order]]
    found += [f"another id: {order}" for order, number in record.orders.items() if ids.get(order, number) != number]
    known = record.orders.keys() | record.unknown
    found += [f"done, but never acknowledged: {order}" for order in times if order not in known]
    found += [f"return lost: {order}" for order, number in record.returns.items() if number in with_parts]
    complete = set(record.orders.values()) - set(record.returns.values()) - set(with_parts)
    found += [f"parts lost: {number}" for number in complete]
    return found


def require_consistency(traffic, engine):
    """Raise AssertionError unless the database agrees with the record and every response was an expected one."""
    assert not traffic.errors, traffic.errors
    assert not traffic.record.unexpected, traffic.record.unexpected[:5]
    assert traffic.record.slowest < TIMEOUT, "a request took too long"
    outside = [
        call for when, call in traffic.record.unavailable if not any(start < when < end for start, end in traffic.faults)
    ]
    assert not outside, f"503 without a fault: {outside[:5]}"
    found = contradictions(traffic.record, engine) + broken_invariants(engine)
    assert not found, found
