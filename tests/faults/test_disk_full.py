"""A full disk: writes are refused without a trace, reads succeed, and writes succeed again as soon as there is room."""

import os
import subprocess
import uuid
from collections import Counter
from contextlib import contextmanager, suppress

import pytest
from sqlalchemy import event, text

from tests.support.invariants import broken_invariants
from tests.support.shop import Shop

pytestmark = pytest.mark.slow


@contextmanager
def small_disk(folder):
    """Mount a file system of 4 MiB, or skip the test if that is not allowed."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=777", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a file system; test_sqlite_at_its_maximum_size_refuses_and_recovers needs none")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=True)


def fill(folder):
    """Fill a disk to the last byte."""
    with (folder / "ballast").open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


class TicketWriter:
    """Open tickets with a part, and record the acknowledged and the refused ones."""

    def __init__(self, shop):
        self.client = shop.client(shop.admin_token())
        self.part = self.create("/inventory", {"name": "Pad", "price": 1, "quantity": 1_000_000})
        customer = {"name": "Ann", "email": "ann@example.com", "password": "correct horse battery"}
        self.owner = self.create("/customers", customer)
        self.done, self.refused, self.statuses = set(), set(), Counter()

    def create(self, path, body):
        response = self.client.call("POST", path, body)
        assert response.status == 201, response
        return response.body["id"]

    def open_ticket(self, size=1500, key=None):
        """Open a ticket with a long description. Return whether the shop did so."""
        ticket_id = uuid.uuid4().hex
        body = {"customer_id": self.owner, "service_date": "2026-11-24", "vin": "V1", "description": ticket_id + "x" * size}
        response = self.client.call("POST", "/tickets", body | {"parts": [{"inventory_id": self.part, "quantity": 2}]}, key)
        self.statuses[response.status] += 1
        if response.status == 201:
            self.done.add(ticket_id)
            return True
        assert response.status in (503, 507), response
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["retry-after"].isdecimal()
        self.refused.add(ticket_id)
        return False


def require_consistency(engine, writer):
    """Require that exactly the acknowledged tickets exist, once each, and that stock and movements agree."""
    with engine.connect() as connection:
        descriptions = Counter(row[0][:32] for row in connection.execute(text("SELECT description FROM service_tickets")))
        stock = connection.execute(text("SELECT quantity FROM inventory")).scalar()
        assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    assert descriptions == Counter(dict.fromkeys(writer.done, 1))
    assert stock == 1_000_000 - 2 * len(writer.done)
    assert broken_invariants(engine) == []


def test_full_disk_refuses_writes_and_recovers(tmp_path, proof):
    """With a full disk under SQLite, writes get 503 or 507 with Retry-After and leave nothing behind, and reads succeed. As
    soon as there is room, the same shop writes again."""
    with small_disk(tmp_path / "disk") as folder:
        shop = Shop(f"sqlite:///{folder}/shop.db")
        try:
            writer = TicketWriter(shop.start())
            for _ in range(proof.size(2, 10)):
                assert all(writer.open_ticket() for _ in range(5))
                fill(folder)
                while writer.open_ticket():
                    continue  # Until the free pages of the file are used up, too.
                refused = [writer.open_ticket(key=uuid.uuid4().hex) for _ in range(10)]
                assert not all(refused)
                assert writer.client.call("GET", "/tickets").status == 200
                assert writer.client.call("GET", "/inventory").body[0]["quantity"] == 1_000_000 - 2 * len(writer.done)
                (folder / "ballast").unlink()
                assert writer.open_ticket()
            engine = shop.engine()
            require_consistency(engine, writer)
            engine.dispose()
        finally:
            writer.client.close()
            shop.remove()
    proof.report(done=len(writer.done), refused=len(writer.refused), statuses=dict(writer.statuses))


@pytest.mark.databases("sqlite")
def test_sqlite_at_its_maximum_size_refuses_and_recovers(admin, make, engine, left, proof):
    """With SQLite at its maximum page count, refused writes change nothing. As soon as it may grow, writes succeed."""
    part, owner = make.part(quantity=1000), make.customer().id
    ticket = {"customer_id": owner, "service_date": "2026-11-24", "vin": "V1", "description": "x" * 2000}
    ticket["parts"] = [{"inventory_id": part.id, "quantity": 1}]

    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar() + 2

    def limit_pages(connection, _record):
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(engine, "connect", limit_pages)
    engine.dispose()
    try:
        statuses = Counter()
        while statuses[503] + statuses[507] <= 10 and statuses[201] < 2000:  # The file may have free pages.
            before = left.everything()
            response = admin.post("/tickets", json=ticket)
            statuses[response.status_code] += 1
            if response.status_code != 201:
                assert response.status_code in (503, 507)
                assert response.headers["Retry-After"]
                assert left.everything() == before
        assert statuses[503] + statuses[507] > 10
    finally:
        event.remove(engine, "connect", limit_pages)
        engine.dispose()
    assert admin.post("/tickets", json=ticket).status_code == 201
    assert left.stock_of(part) == 1000 - statuses[201] - 1
    proof.report(done=statuses[201], refused=statuses[503] + statuses[507])
