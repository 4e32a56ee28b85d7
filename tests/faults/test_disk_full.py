"""The disk is full: what can't be written is refused and leaves nothing, what is read goes on, and with room so do writes."""

import os
import subprocess
import uuid
from collections import Counter
from contextlib import contextmanager, suppress

import pytest
from sqlalchemy import event, text

from tests.support.invariants import faults
from tests.support.shop import Shop

pytestmark = pytest.mark.slow


@contextmanager
def small_disk(folder):
    """A file system of 4 MiB that the test may fill; skipped where none can be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=777", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here; test_a_database_that_may_not_grow needs none")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=True)


def fill(folder):
    """Leave not a byte on a disk."""
    with (folder / "ballast").open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


class Clerk:
    """Opens tickets with a part, again and again, and remembers what each answer said."""

    def __init__(self, shop):
        self.client = shop.client(shop.admin_token())
        self.part = self.made("/inventory", {"name": "Pad", "price": 1, "quantity": 1_000_000})
        customer = {"name": "Ann", "email": "ann@example.com", "password": "correct horse battery"}
        self.owner = self.made("/customers", customer)
        self.done, self.refused, self.statuses = set(), set(), Counter()

    def made(self, path, body):
        answer = self.client.call("POST", path, body)
        assert answer.status == 201, answer
        return answer.body["id"]

    def order(self, size=1500, key=None):
        """One more ticket with a long description; whether it was opened."""
        told = uuid.uuid4().hex
        body = {"customer_id": self.owner, "service_date": "2026-11-24", "vin": "V1", "description": told + "x" * size}
        answer = self.client.call("POST", "/tickets", body | {"parts": [{"inventory_id": self.part, "quantity": 2}]}, key)
        self.statuses[answer.status] += 1
        if answer.status == 201:
            self.done.add(told)
            return True
        assert answer.status in (503, 507), answer
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"].isdecimal()
        self.refused.add(told)
        return False


def require_truth(engine, clerk):
    """What was answered 201 is there once, what was refused is not, and stock and ledger add up."""
    with engine.connect() as connection:
        held = Counter(row[0][:32] for row in connection.execute(text("SELECT description FROM service_tickets")))
        stock = connection.execute(text("SELECT quantity FROM inventory")).scalar()
        assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    assert held == Counter(dict.fromkeys(clerk.done, 1))
    assert stock == 1_000_000 - 2 * len(clerk.done)
    assert faults(engine) == []


def test_a_full_disk_refuses_and_recovers(tmp_path, proof):
    """The disk of SQLite is full: 503 or 507 with when to come back, nothing half-written, reads go on, and as soon as
    there is room the same shop writes again."""
    with small_disk(tmp_path / "disk") as folder:
        shop = Shop(f"sqlite:///{folder}/shop.db")
        try:
            clerk = Clerk(shop.start())
            for _ in range(proof.size(2, 10)):
                assert all(clerk.order() for _ in range(5))
                fill(folder)
                while clerk.order():
                    continue  # Until the pages that the file had left are full, too.
                refused = [clerk.order(key=uuid.uuid4().hex) for _ in range(10)]
                assert not all(refused)
                assert clerk.client.call("GET", "/tickets").status == 200
                assert clerk.client.call("GET", "/inventory").body[0]["quantity"] == 1_000_000 - 2 * len(clerk.done)
                (folder / "ballast").unlink()
                assert clerk.order()
            engine = shop.engine()
            require_truth(engine, clerk)
            engine.dispose()
        finally:
            clerk.client.close()
            shop.remove()
    proof.saw(done=len(clerk.done), refused=len(clerk.refused), statuses=dict(clerk.statuses))


@pytest.mark.databases("sqlite")
def test_a_database_that_may_not_grow(admin, make, engine, left, proof):
    """The same without a disk: SQLite may add no page. What is refused changes nothing, and what comes after it is done."""
    part, owner = make.part(quantity=1000), make.customer().id
    ticket = {"customer_id": owner, "service_date": "2026-11-24", "vin": "V1", "description": "x" * 2000}
    ticket["parts"] = [{"inventory_id": part.id, "quantity": 1}]

    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar() + 2

    def keep_small(connection, _record):
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(engine, "connect", keep_small)
    engine.dispose()
    try:
        statuses = Counter()
        for _ in range(60):
            before = left.everything()
            answer = admin.post("/tickets", json=ticket)
            statuses[answer.status_code] += 1
            if answer.status_code != 201:
                assert answer.status_code in (503, 507)
                assert answer.headers["Retry-After"]
                assert left.everything() == before
        assert statuses[503] + statuses[507] > 10
    finally:
        event.remove(engine, "connect", keep_small)
        engine.dispose()
    assert admin.post("/tickets", json=ticket).status_code == 201
    assert left.stock_of(part) == 1000 - statuses[201] - 1
    proof.saw(done=statuses[201], refused=statuses[503] + statuses[507])
