"""Rolling upgrades and secret rotation under load: no request fails."""

import os
import re
import signal
import threading
import time
from contextlib import contextmanager

import pytest
from sqlalchemy import func, inspect, select, text

from app.models import inventory, service_tickets, ticket_parts
from tests.support import services
from tests.support.invariants import broken_invariants
from tests.support.needs import needs
from tests.support.operations.document import TEXT
from tests.support.operations.fleet import Fleet, Users, copy_of_the_code
from tests.support.servers import children_of
from tests.support.shop import Client

pytestmark = [pytest.mark.slow, needs("nginx", "openssl", "redis-server", "curl")]
KINDS = [kind for kind in services.databases() if kind != "sqlite"]
OLD, NEW, NEWER = (f"the {age} secret of more than thirty-two bytes" for age in ("old", "new", "newer"))
EXPANDING = """
    op.add_column("service_tickets", sa.Column("odometer", sa.Integer(), nullable=True))
    op.add_column("customers", sa.Column("language", sa.String(8), nullable=False, server_default="en"))
    op.create_table("bays", sa.Column("id", sa.Integer(), primary_key=True))
    op.create_index("ix_service_tickets_odometer", "service_tickets", ["odometer"])
"""
BREAKING = """
    op.execute("ALTER TABLE service_tickets RENAME COLUMN description TO words")
"""
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", "{before}", None, None


def upgrade() -> None:{body}

def downgrade() -> None:
    op.drop_index("ix_service_tickets_odometer", "service_tickets")
    op.drop_table("bays")
    op.drop_column("customers", "language")
    op.drop_column("service_tickets", "odometer")
"""


def version_with(fleet, body):
    """Create a later version with another migration. Return its folder and the revision before it."""
    folder = copy_of_the_code(fleet.folder / f"version-{len(body)}")
    before = newest(folder)
    (folder / "app/migrations/versions/9999_later.py").write_text(MIGRATION.format(before=before, body=body))
    return folder, before


def newest(folder):
    return max(path.name for path in (folder / "app/migrations/versions").glob("[0-9]*.py")).partition("_")[0]


@contextmanager
def open_engine(fleet):
    engine = fleet.engine()
    try:
        yield engine
    finally:
        engine.dispose()


def check_stock(fleet, users):
    """Require that exactly the acknowledged writes happened, once each, even if the proxy retried them."""
    outcomes = users.outcomes
    tickets, puts = outcomes["POST /tickets: 201"], outcomes["PUT /tickets/<id>/inventory: 200"]
    with open_engine(fleet) as engine, engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(service_tickets)).scalar() == tickets
        assert connection.execute(select(func.sum(ticket_parts.c.quantity))).scalar() == 2 * tickets + puts
        assert connection.execute(select(inventory.c.quantity)).scalar() == 100_000 - 2 * tickets - puts
        assert broken_invariants(engine) == []
    return tickets


@pytest.mark.skipif(not KINDS, reason="two processes need PostgreSQL or MariaDB")
def test_rolling_upgrade_fails_no_request_and_can_be_rolled_back():
    """The migration of the later version runs while the older version serves, and the processes restart one by one: no request
    fails, and nothing is done twice, even if a process is killed. Control: with a migration that renames a column in use,
    requests fail.
    """
    with Fleet(KINDS[0], SECRET_KEY=OLD) as fleet:
        later, before = version_with(fleet, EXPANDING)
        with Users(fleet) as users:
            fleet.deploy(later)
            fleet.restart()
        assert users.failures() == {}
        assert check_stock(fleet, users) > 20
        with open_engine(fleet) as engine, engine.connect() as connection:
            assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"
            assert inspect(connection).has_table("bays")
        check_kill_of_a_process(fleet, users)
        fleet.systemctl("stop")
        fleet.flask("db", "downgrade", before)
        fleet.deploy(fleet.folder / "first")
        fleet.start()
        with open_engine(fleet) as engine:
            assert not inspect(engine).has_table("bays")
            assert broken_invariants(engine) == []
        broken, _ = version_with(fleet, BREAKING)
        with Users(fleet) as users:
            fleet.deploy(broken)
            fleet.restart()
        assert any(": 5" in label for label in users.failures()), "a breaking migration is not noticed"


def check_kill_of_a_process(fleet, users):
    """Kill a process while two requests, one in each process, wait for a row lock. The proxy retries at the other process.

    Each request runs once. A retry may get 409 as long as the database has not noticed the loss of the first attempt.
    """
    responses, vins = {}, ("KILLED1", "KILLED2")

    def open_ticket(vin):
        body = {"customer_id": users.customer, "service_date": "2026-11-24", "description": "Rush", "vin": vin}
        lines = {"parts": [{"inventory_id": users.part, "quantity": 1}]}
        responses[vin] = fleet.proxy.client(users.tokens[0]).call("POST", "/tickets", body | lines)
        return responses[vin]

    with open_engine(fleet) as engine, engine.connect() as blocker:
        blocker.execute(select(inventory).where(inventory.c.id == users.part).with_for_update())
        threads = [threading.Thread(target=open_ticket, args=(vin,)) for vin in vins]
        for thread in threads:
            thread.start()
        time.sleep(0.7)
        main_pid = int((fleet.folder / f"{fleet.ports[0]}.pid").read_text())
        for pid in (main_pid, *children_of(main_pid)):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.3)
        blocker.rollback()
        for thread in threads:
            thread.join(30)
        assert "prematurely closed" in fleet.proxy.program.log.read_text(), "no request was retried"
        assert sorted(response.status for response in responses.values()) in ([201, 201], [201, 409])
        for vin, response in tuple(responses.items()):
            if response.status == 409:
                assert response.headers["retry-after"] == "1"
                assert open_ticket(vin).status == 201
        created = blocker.execute(select(service_tickets.c.vin).where(service_tickets.c.vin.in_(vins))).scalars()
        assert sorted(created) == list(vins)
        assert broken_invariants(engine) == []


def documented_steps():
    """Return the settings of the three restarts in the table of docs/operations.md."""
    rows = re.findall(
        r"^\| (?!restart|---)([^|]+) \| ([^|]+) \| ([^|]*) ?\|$", TEXT[TEXT.index("### Another secret") :], re.MULTILINE
    )
    names = {"the old secret": OLD, "the new secret": NEW, "": ""}
    return [{"SECRET_KEY": names[key.strip()], "SECRET_KEY_FALLBACKS": names[others.strip()]} for _, key, others in rows[:3]]


@pytest.mark.skipif(not KINDS, reason="two processes need PostgreSQL or MariaDB")
def test_secret_rotation_ends_old_tokens_at_the_last_restart_only():
    """Three restarts under load with old and new tokens: no request fails, and the last restart ends only the old tokens. A
    request with an old idempotency key is replayed. Control: without the first restart, new tokens are refused.
    """
    first, second, third = documented_steps()
    with Fleet(KINDS[-1], SECRET_KEY=OLD) as fleet:
        old = fleet.log_in()
        part = {"name": "Filter", "price": 1, "quantity": 1}
        original = fleet.proxy.client(old).call("POST", "/inventory", part, key="before the rotation")
        with Users(fleet) as users:
            for step in (first, second):
                fleet.set(**step)
                fleet.restart()
        assert users.failures() == {}
        for port in fleet.ports:
            repeated = Client(port, old).call("POST", "/inventory", part, key="before the rotation")
            assert (repeated.status, repeated.body, repeated.headers["idempotency-replayed"]) == (201, original.body, "true")
        new = fleet.log_in()
        with Users(fleet) as users:
            users.tokens[:] = [new]
            fleet.set(**third)
            fleet.restart()
        assert users.failures() == {}
        for port in fleet.ports:
            assert [Client(port, token).call("GET", "/mechanics").status for token in (old, new)] == [401, 200]
        fleet.set(SECRET_KEY=NEWER, SECRET_KEY_FALLBACKS=NEW)
        fleet.start(fleet.ports[0])
        one, other = fleet.ports
        assert Client(other, fleet.log_in(one)).call("GET", "/mechanics").status == 401, (
            "a token of an unknown secret is accepted"
        )
