"""Backup under load and restore by the commands of docs/operations.md, on each kind of database."""

import time

import pytest
from sqlalchemy import select

from app.models import service_tickets
from tests.support import services
from tests.support.invariants import broken_invariants
from tests.support.needs import is_installed
from tests.support.operations.keeping import PROGRAMS, BackgroundWriters, DatabaseShop
from tests.support.operations.reads import every_read, ids_of
from tests.support.running_shop import Seeder, open_engine

pytestmark = pytest.mark.slow
PART = {"name": "Key", "price": 1, "quantity": 1}
LOGIN = {"email": "zoe@example.com", "password": "correct horse battery"}


class FilledShop:
    """A shop with demo data, deleted records, Unicode texts and a stored idempotency key."""

    def __init__(self, source: DatabaseShop) -> None:
        self.source, self.shop = source, source.shop.start()
        source.flask("demo", "--tickets", "40")
        self.seeder = seeder = Seeder(self.shop, 3)
        [self.busy_part] = seeder.create_parts(1, 100_000)
        oil = seeder.create("/inventory", {"name": "Öl „5W-30“ 🛢️", "price": 0.1, "quantity": 7, "sku": "é-1"})["id"]
        text = {"description": "наст. 车\n🚗"}
        self.ticket = seeder.create("/tickets", seeder.ticket_body("KEPT", [{"inventory_id": oil, "quantity": 2}]) | text)["id"]
        for path in (
            f"/tickets/{seeder.create_tickets(1)[0]}",
            seeder.hire().path,
            f"/inventory/{seeder.create_parts(1, 3)[0]}",
        ):
            assert seeder.admin.call("DELETE", path).status == 204
        customer = seeder.create("/customers", {"name": "Zoë", **LOGIN})["id"]
        seeder.create("/tickets", seeder.ticket_body("CUSTOMER") | {"customer_id": customer})
        customer_token = seeder.admin.call("POST", "/customers/login", LOGIN).body["token"]
        self.tokens = [seeder.admin.token, seeder.tokens[0], customer_token]
        self.first = seeder.admin.call("POST", "/inventory", PART, key="kept")

    def reads(self, ids):
        return every_read(self.shop, self.tokens, ids)


@pytest.fixture
def new_shop(database, tmp_path):
    """Return a function that creates an empty shop by name: ``new_shop("name")``."""
    if not is_installed(PROGRAMS[database]):
        assert not services.REQUIRED, "CI must install the backup program"
        pytest.skip(f"not installed: {PROGRAMS[database]}")
    shops = []
    yield lambda name: shops.append(DatabaseShop(database, tmp_path / name)) or shops[-1]
    for shop in shops:
        shop.remove()


def test_restored_shop_answers_every_read_as_before(new_shop, tmp_path):
    """One backup is made while three clients write, one afterwards. Both are restored."""
    filled = FilledShop(new_shop("source"))
    busy, quiet = tmp_path / "under load", tmp_path / "afterwards"
    with BackgroundWriters(filled.seeder, filled.busy_part) as writers:
        started = time.monotonic()
        filled.source.back_up(busy)
        ended = time.monotonic()
    filled.source.back_up(quiet)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (busy, quiet)), "other users can read the backup"
    with open_engine(filled.shop) as engine:
        ids = ids_of(engine)
    reads = filled.reads(ids)
    assert len(reads) > 500
    assert {status for status, _, _ in reads.values()} == {200, 401, 403, 404}
    filled.shop.stop()
    check_consistent_snapshot(restored(new_shop("busy"), busy), writers.tickets, started, ended)
    filled.shop = restored(new_shop("quiet"), quiet).start()
    reads_after = filled.reads(ids)
    assert [request for request, read in reads_after.items() if reads.get(request) != read] == []
    assert reads_after.keys() == reads.keys()
    check_shop_continues(filled, ids)


def restored(target, backup):
    """Restore a backup, and run ``flask check`` on it. Return the shop."""
    target.restore(backup)
    assert "The stock is in order" in target.flask("check")
    return target.shop


def check_consistent_snapshot(shop, tickets, started, ended):
    """Require all tickets acknowledged before the backup, none requested after it, and no partial change."""
    with open_engine(shop) as engine, engine.connect() as connection:
        restored_vins = set(connection.execute(select(service_tickets.c.vin)).scalars())
        assert broken_invariants(engine) == []
    assert {vin for vin, _, answered in tickets if answered < started} <= restored_vins
    assert not {vin for vin, requested, _ in tickets if requested > ended} & restored_vins
    assert 0 < len(restored_vins & {vin for vin, _, _ in tickets}) < len(tickets), "no ticket was opened during the backup"


def check_shop_continues(filled, ids):
    """Require that an idempotency key is replayed, and that new ids are greater than all old ones."""
    seeder, shop = filled.seeder, filled.shop
    seeder.admin = shop.client(filled.tokens[0])
    replay = seeder.admin.call("POST", "/inventory", PART, key="kept")
    assert (replay.body, replay.headers["idempotency-replayed"]) == (filled.first.body, "true")
    account = {"name": "New", "email": "new@example.com", "password": "correct horse battery"}
    bodies = {"customers": account, "mechanics": account | {"phone": "555-0100", "salary": 1}, "inventory": PART}
    bodies["tickets"] = seeder.ticket_body("AFTER", [{"inventory_id": filled.busy_part, "quantity": 1}])
    for name, body in bodies.items():
        assert seeder.create(f"/{name}", body)["id"] > max(ids[name])
    with open_engine(shop) as engine:
        assert broken_invariants(engine) == []


def test_single_changed_letter_is_detected(tmp_path):
    """Control: the comparison of reads finds one changed letter."""
    source = DatabaseShop("sqlite", tmp_path / "source")
    try:
        filled = FilledShop(source)
        with open_engine(filled.shop) as engine:
            ids = ids_of(engine)
            before = filled.reads(ids)
            with engine.begin() as connection:
                connection.execute(service_tickets.update().values(vin="KEPt").where(service_tickets.c.id == filled.ticket))
            after = filled.reads(ids)
    finally:
        source.remove()
    differing = {path for (path, token), read in before.items() if after[path, token] != read}
    assert {f"/tickets/{filled.ticket}", "/tickets.csv"} <= differing
    assert f"/tickets/{filled.ticket - 1}" not in differing
