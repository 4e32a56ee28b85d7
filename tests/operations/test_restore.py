"""Backups made while people work, and restored, by the commands of docs/operations.md on each kind of database."""

import time

import pytest
from sqlalchemy import select

from app.models import service_tickets
from tests.support import services
from tests.support.invariants import faults
from tests.support.needs import is_there
from tests.support.operations.keeping import PROGRAMS, Busy, Kept
from tests.support.operations.reads import every_read, ids_of
from tests.support.running_shop import Crew, looking

pytestmark = pytest.mark.slow
PART = {"name": "Key", "price": 1, "quantity": 1}
LOGIN = {"email": "zoe@example.com", "password": "correct horse battery"}


class Filled:
    """A shop after a while: a history with deleted records, texts in any script, an answer that is kept for its key."""

    def __init__(self, kept: Kept) -> None:
        self.kept, self.shop = kept, kept.shop.start()
        kept.flask("demo", "--tickets", "40")
        self.crew = crew = Crew(self.shop, 3)
        [self.busy] = crew.parts(1, 100_000)
        oil = crew.made("/inventory", {"name": "Öl „5W-30“ 🛢️", "price": 0.1, "quantity": 7, "sku": "é-1"})["id"]
        told = {"description": "наст. 车\n🚗"}
        self.ticket = crew.made("/tickets", crew.ticket("KEPT", [{"inventory_id": oil, "quantity": 2}]) | told)["id"]
        for path in (f"/tickets/{crew.tickets(1)[0]}", crew.hire().path, f"/inventory/{crew.parts(1, 3)[0]}"):
            assert crew.admin.call("DELETE", path).status == 204
        customer = crew.made("/customers", {"name": "Zoë", **LOGIN})["id"]
        crew.made("/tickets", crew.ticket("THEIRS") | {"customer_id": customer})
        theirs = crew.admin.call("POST", "/customers/login", LOGIN).body["token"]
        self.tokens = [crew.admin.token, crew.tokens[0], theirs]
        self.first = crew.admin.call("POST", "/inventory", PART, key="kept")

    def reads(self, ids):
        return every_read(self.shop, self.tokens, ids)


@pytest.fixture
def keep(database, tmp_path):
    """Make a database that can be backed up: ``keep("name")``."""
    if not is_there(PROGRAMS[database]):
        assert not services.REQUIRED, "CI installs what it needs"
        pytest.skip(f"not on this machine: {PROGRAMS[database]}")
    kept = []
    yield lambda name: kept.append(Kept(database, tmp_path / name)) or kept[-1]
    for each in kept:
        each.remove()


def test_a_restored_shop_answers_every_read_as_before(keep, tmp_path):
    """One backup is made while three people work, one when they have gone; both are restored."""
    filled = Filled(keep("source"))
    busy, quiet = tmp_path / "while they work", tmp_path / "afterwards"
    with Busy(filled.crew, filled.busy) as people:
        began = time.monotonic()
        filled.kept.back_up(busy)
        ended = time.monotonic()
    filled.kept.back_up(quiet)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (busy, quiet)), "for nobody else to read"
    with looking(filled.shop) as engine:
        ids = ids_of(engine)
    reads = filled.reads(ids)
    assert len(reads) > 500
    assert {status for status, _, _ in reads.values()} == {200, 401, 403, 404}
    filled.shop.stop()
    is_one_moment(restored(keep("busy"), busy), people.seen, began, ended)
    filled.shop = restored(keep("quiet"), quiet).start()
    again = filled.reads(ids)
    assert [what for what, read in again.items() if reads.get(what) != read] == []
    assert again.keys() == reads.keys()
    goes_on(filled, ids)


def restored(kept, backup):
    """The shop of a backup, whose own check finds it in order before it starts."""
    kept.restore(backup)
    assert "The stock is in order" in kept.flask("check")
    return kept.shop


def is_one_moment(shop, seen, began, ended):
    """What was answered before the backup is there, and what was asked for after it is not; nothing is half there."""
    with looking(shop) as engine, engine.connect() as connection:
        there = set(connection.execute(select(service_tickets.c.vin)).scalars())
        assert faults(engine) == []
    assert {vin for vin, _, answered in seen if answered < began} <= there
    assert not {vin for vin, asked, _ in seen if asked > ended} & there
    assert 0 < len(there & {vin for vin, _, _ in seen}) < len(seen), "it was made while they worked"


def goes_on(filled, ids):
    """A repeated request is known, and new records count on from where the shop was."""
    crew, shop = filled.crew, filled.shop
    crew.admin = shop.client(filled.tokens[0])
    again = crew.admin.call("POST", "/inventory", PART, key="kept")
    assert (again.body, again.headers["idempotency-replayed"]) == (filled.first.body, "true")
    person = {"name": "New", "email": "new@example.com", "password": "correct horse battery"}
    bodies = {"customers": person, "mechanics": person | {"phone": "555-0100", "salary": 1}, "inventory": PART}
    bodies["tickets"] = crew.ticket("AFTER", [{"inventory_id": filled.busy, "quantity": 1}])
    for name, body in bodies.items():
        assert crew.made(f"/{name}", body)["id"] > max(ids[name])
    with looking(shop) as engine:
        assert faults(engine) == []


def test_one_letter_that_differs_is_found(tmp_path):
    """The control of the reads that are compared."""
    kept = Kept("sqlite", tmp_path / "source")
    try:
        filled = Filled(kept)
        with looking(filled.shop) as engine:
            ids = ids_of(engine)
            before = filled.reads(ids)
            with engine.begin() as connection:
                connection.execute(service_tickets.update().values(vin="KEPt").where(service_tickets.c.id == filled.ticket))
            after = filled.reads(ids)
    finally:
        kept.remove()
    differing = {path for (path, token), read in before.items() if after[path, token] != read}
    assert {f"/tickets/{filled.ticket}", "/tickets.csv"} <= differing
    assert f"/tickets/{filled.ticket - 1}" not in differing
