"""Upgrades and another secret, one process after the other, while people work: nobody notices."""

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
from tests.support.invariants import faults
from tests.support.needs import needs
from tests.support.operations.document import TEXT
from tests.support.operations.fleet import Fleet, People, copy_of_the_code
from tests.support.servers import children_of
from tests.support.shop import Client

pytestmark = [pytest.mark.slow, needs("nginx", "openssl", "redis-server", "curl")]
KINDS = [kind for kind in services.databases() if kind != "sqlite"]
OLD, NEW, NEWER = (f"the {age} secret of more than thirty-two bytes" for age in ("old", "new", "newer"))
EXPANDS = """
    op.add_column("service_tickets", sa.Column("odometer", sa.Integer(), nullable=True))
    op.add_column("customers", sa.Column("language", sa.String(8), nullable=False, server_default="en"))
    op.create_table("bays", sa.Column("id", sa.Integer(), primary_key=True))
    op.create_index("ix_service_tickets_odometer", "service_tickets", ["odometer"])
"""
BREAKS = """
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
    """A later version, whose tables differ."""
    folder = copy_of_the_code(fleet.folder / f"version-{len(body)}")
    before = newest(folder)
    (folder / "app/migrations/versions/9999_later.py").write_text(MIGRATION.format(before=before, body=body))
    return folder, before


def newest(folder):
    return max(path.name for path in (folder / "app/migrations/versions").glob("[0-9]*.py")).partition("_")[0]


@contextmanager
def looking(fleet):
    engine = fleet.engine()
    try:
        yield engine
    finally:
        engine.dispose()


def stock_is_what_was_answered(fleet, people):
    """Each 201 and 200 happened once, and nothing else did: tried again by the proxy or not."""
    answers = people.answers
    tickets, puts = answers["POST /tickets: 201"], answers["PUT /tickets/<id>/inventory: 200"]
    with looking(fleet) as engine, engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(service_tickets)).scalar() == tickets
        assert connection.execute(select(func.sum(ticket_parts.c.quantity))).scalar() == 2 * tickets + puts
        assert connection.execute(select(inventory.c.quantity)).scalar() == 100_000 - 2 * tickets - puts
        assert faults(engine) == []
    return tickets


@pytest.mark.skipif(not KINDS, reason="two processes take PostgreSQL or MariaDB")
def test_an_upgrade_is_noticed_by_nobody_and_can_be_taken_back():
    """The later version's migration runs while the older one serves; then each takes its turn. No request fails, and no
    work is done twice, nor where a process is killed. A migration that renames what is in use is noticed at once."""
    with Fleet(KINDS[0], SECRET_KEY=OLD) as fleet:
        later, before = version_with(fleet, EXPANDS)
        with People(fleet) as people:
            fleet.use(later)
            fleet.restart()
        assert people.failures() == {}
        assert stock_is_what_was_answered(fleet, people) > 20
        with looking(fleet) as engine, engine.connect() as connection:
            assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"
            assert inspect(connection).has_table("bays")
        survives_a_process(fleet, people)
        fleet.systemctl("stop")
        fleet.flask("db", "downgrade", before)
        fleet.use(fleet.folder / "first")
        fleet.start()
        with looking(fleet) as engine:
            assert not inspect(engine).has_table("bays")
            assert faults(engine) == []
        broken, _ = version_with(fleet, BREAKS)
        with People(fleet) as people:
            fleet.use(broken)
            fleet.restart()
        assert any(": 5" in what for what in people.failures()), "the control"


def survives_a_process(fleet, people):
    """Two requests wait for a part, one in each process, when one process is killed. The proxy asks the other one again:
    each is done once, or refused for the moment, as long as the database has not noticed that the first try is dead."""
    answers, vins = {}, ("KILLED1", "KILLED2")

    def ask(vin):
        body = {"customer_id": people.customer, "service_date": "2026-11-24", "description": "Rush", "vin": vin}
        lines = {"parts": [{"inventory_id": people.part, "quantity": 1}]}
        answers[vin] = fleet.proxy.client(people.tokens[0]).call("POST", "/tickets", body | lines)
        return answers[vin]

    with looking(fleet) as engine, engine.connect() as holder:
        holder.execute(select(inventory).where(inventory.c.id == people.part).with_for_update())
        threads = [threading.Thread(target=ask, args=(vin,)) for vin in vins]
        for thread in threads:
            thread.start()
        time.sleep(0.7)
        watching = int((fleet.folder / f"{fleet.ports[0]}.pid").read_text())
        for pid in (watching, *children_of(watching)):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.3)
        holder.rollback()
        for thread in threads:
            thread.join(30)
        assert "prematurely closed" in fleet.proxy.program.log.read_text(), "one was tried again"
        assert sorted(answer.status for answer in answers.values()) in ([201, 201], [201, 409])
        for vin, answer in tuple(answers.items()):
            if answer.status == 409:
                assert answer.headers["retry-after"] == "1"
                assert ask(vin).status == 201
        made = holder.execute(select(service_tickets.c.vin).where(service_tickets.c.vin.in_(vins))).scalars()
        assert sorted(made) == list(vins)
        assert faults(engine) == []


def steps_of_the_document():
    """The table of the three restarts as settings."""
    rows = re.findall(
        r"^\| (?!restart|---)([^|]+) \| ([^|]+) \| ([^|]*) ?\|$", TEXT[TEXT.index("### Another secret") :], re.MULTILINE
    )
    names = {"the old secret": OLD, "the new secret": NEW, "": ""}
    return [{"SECRET_KEY": names[key.strip()], "SECRET_KEY_FALLBACKS": names[others.strip()]} for _, key, others in rows[:3]]


@pytest.mark.skipif(not KINDS, reason="two processes take PostgreSQL or MariaDB")
def test_another_secret_is_noticed_by_nobody_until_the_old_one_is_forgotten():
    """Three restarts, and people with tokens of each time: no request fails until the last, which ends the old tokens
    alone. A request from before is known again. Without the first restart some are refused."""
    first, second, third = steps_of_the_document()
    with Fleet(KINDS[-1], SECRET_KEY=OLD) as fleet:
        old = fleet.log_in()
        part = {"name": "Filter", "price": 1, "quantity": 1}
        asked = fleet.proxy.client(old).call("POST", "/inventory", part, key="from before")
        with People(fleet) as people:
            for step in (first, second):
                fleet.set(**step)
                fleet.restart()
        assert people.failures() == {}
        for port in fleet.ports:
            again = Client(port, old).call("POST", "/inventory", part, key="from before")
            assert (again.status, again.body, again.headers["idempotency-replayed"]) == (201, asked.body, "true")
        new = fleet.log_in()
        with People(fleet) as people:
            people.tokens[:] = [new]
            fleet.set(**third)
            fleet.restart()
        assert people.failures() == {}
        for port in fleet.ports:
            assert [Client(port, token).call("GET", "/mechanics").status for token in (old, new)] == [401, 200]
        fleet.set(SECRET_KEY=NEWER, SECRET_KEY_FALLBACKS=NEW)
        fleet.start(fleet.ports[0])
        one, other = fleet.ports
        assert Client(other, fleet.log_in(one)).call("GET", "/mechanics").status == 401, "the control: it was not made known"
