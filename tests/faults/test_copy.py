"""A whole shop copied from SQLite to a server, and killed half-way: nothing lost, nothing twice."""

import os
import re
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, event, func, select, text
from sqlalchemy.exc import DBAPIError

from app.commands.copy_to import TABLES
from config import ROOT, database_url
from tests.support import services
from tests.support.invariants import faults

pytestmark = [pytest.mark.slow, pytest.mark.databases("postgresql", "mariadb")]


def command(url, *words):
    """A command of ``flask --app run`` on the shop of a URL, as a process that is under way."""
    environment = {"PATH": os.environ["PATH"], "APP_ENV": "production", "DATABASE_URL": url, "LOG_LEVEL": "WARNING"}
    environment |= {"SECRET_KEY": "a secret of more than thirty-two bytes"}
    flask = [sys.executable, "-m", "flask", "--app", "run", *words]
    return subprocess.Popen(flask, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(process):
    """How a command ended, and what it said."""
    said, _ = process.communicate(timeout=900)
    return process.returncode, said


@contextmanager
def looking_at(url):
    engine = create_engine(database_url(url))
    try:
        yield engine
    finally:
        engine.dispose()


def rows_in(engine):
    """How many rows there are; none where there are no tables yet."""
    try:
        with engine.connect() as connection:
            return sum(connection.execute(select(func.count()).select_from(table)).scalar() for table in TABLES)
    except DBAPIError:
        return 0


def digest(engine, table):
    """All rows of a table, as their count and a sum of their hashes, so that two tables can be told apart."""
    count, total = 0, 0
    with engine.connect().execution_options(stream_results=True, yield_per=5000) as connection:
        for row in connection.execute(select(table)):
            count, total = count + 1, total + hash(tuple(row))
    return count, total


@pytest.fixture
def shop(proof):
    """The URL of a shop on SQLite with so many tickets, and with answers that are kept for their keys."""
    name = f"shop_copied_{uuid.uuid4().hex[:12]}"
    url = services.fresh_database("sqlite", name)
    made = finished(command(url, "demo", "--tickets", str(proof.size(5_000, 50_000))))
    assert made[0] == 0, made
    with looking_at(url) as engine:
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
        kept = "INSERT INTO idempotency_keys (caller, key, fingerprint, status, body, created_at) VALUES "
        with engine.begin() as connection:
            for each in range(3000):
                connection.execute(text(kept + "('mechanic:1', :key, 'x', 201, :body, '2026-11-24 08:00:00')"),
                                   {"key": f"{each}", "body": os.urandom(200)})  # fmt: skip
    yield url
    services.drop_database("sqlite", name)


@pytest.fixture
def target(database):
    name = f"shop_copy_{uuid.uuid4().hex[:12]}"
    yield services.fresh_database(database, name)
    services.drop_database(database, name)


def test_a_copy_that_is_killed_again_and_again_is_whole_in_the_end(proof, shop, target):
    """A shop of 50,000 tickets is copied from SQLite to PostgreSQL and to MariaDB, killed (kill -9) three times on the
    way and begun again: every row of every table is there as it was, the invariants hold, and the copy says so itself."""
    with looking_at(shop) as ours, looking_at(target) as theirs:
        total, half = rows_in(ours), []
        for part in (1, 2, 3):
            copying = command(shop, "copy-to", target)
            while copying.poll() is None and rows_in(theirs) < total * part / 4:
                time.sleep(0.05)
            copying.kill()
            copying.communicate()
            half.append(rows_in(theirs))
        assert half == sorted(half)
        assert 0 < half[-1] < total, "it was killed before its end"
        began = time.monotonic()
        code, said = finished(command(shop, "copy-to", target))
        seconds = time.monotonic() - began
        assert code == 0, said
        [(all_rows, written)] = re.findall(r"([\d,]+) rows, ([\d,]+) of them written by this run, all compared", said)
        assert (int(all_rows.replace(",", "")), int(written.replace(",", ""))) == (total, total - half[-1])
        assert {table.name: digest(theirs, table) for table in TABLES} == {table.name: digest(ours, table) for table in TABLES}
        assert faults(theirs) == []
        assert finished(command(target, "check"))[0] == 0
    proof.saw(rows=total, kills=3, after_the_last=half[-1], seconds_to_finish=round(seconds))
