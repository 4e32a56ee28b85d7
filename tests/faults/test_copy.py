"""flask copy-to from SQLite to a server, killed on the way: no row is lost or copied twice."""

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
from tests.support.invariants import broken_invariants

pytestmark = [pytest.mark.slow, pytest.mark.databases("postgresql", "mariadb")]


def command(url, *words):
    """Start ``flask --app run`` with a command on a database. Return the running process."""
    environment = {"PATH": os.environ["PATH"], "APP_ENV": "production", "DATABASE_URL": url, "LOG_LEVEL": "WARNING"}
    environment |= {"SECRET_KEY": "a secret of more than thirty-two bytes"}
    flask = [sys.executable, "-m", "flask", "--app", "run", *words]
    return subprocess.Popen(flask, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(process):
    """Wait for a command. Return its exit code and its output."""
    output, _ = process.communicate(timeout=900)
    return process.returncode, output


@contextmanager
def engine_on(url):
    engine = create_engine(database_url(url))
    try:
        yield engine
    finally:
        engine.dispose()


def rows_in(engine):
    """Return the number of rows, 0 if there are no tables yet."""
    try:
        with engine.connect() as connection:
            return sum(connection.execute(select(func.count()).select_from(table)).scalar() for table in TABLES)
    except DBAPIError:
        return 0


def digest(engine, table):
    """Return the number of rows of a table and the sum of their hashes, to compare two tables."""
    count, total = 0, 0
    with engine.connect().execution_options(stream_results=True, yield_per=5000) as connection:
        for row in connection.execute(select(table)):
            count, total = count + 1, total + hash(tuple(row))
    return count, total


@pytest.fixture
def shop(proof):
    """Create a shop on SQLite with many tickets and 3,000 idempotency keys. Return its URL."""
    name = f"shop_copied_{uuid.uuid4().hex[:12]}"
    url = services.fresh_database("sqlite", name)
    result = finished(command(url, "demo", "--tickets", str(proof.size(5_000, 50_000))))
    assert result[0] == 0, result
    with engine_on(url) as engine:
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
        insert = "INSERT INTO idempotency_keys (caller, key, fingerprint, status, body, created_at) VALUES "
        with engine.begin() as connection:
            for number in range(3000):
                connection.execute(text(insert + "('mechanic:1', :key, 'x', 201, :body, '2026-11-24 08:00:00')"),
                                   {"key": f"{number}", "body": os.urandom(200)})  # fmt: skip
    yield url
    services.drop_database("sqlite", name)


@pytest.fixture
def target(database):
    name = f"shop_copy_{uuid.uuid4().hex[:12]}"
    yield services.fresh_database(database, name)
    services.drop_database(database, name)


def test_copy_killed_three_times_is_complete_in_the_end(proof, shop, target):
    """A copy of a shop with 50,000 tickets from SQLite to PostgreSQL or MariaDB is killed (SIGKILL) three times and started
    again: every row of every table is equal in the end, the invariants hold, and `flask check` passes on the copy."""
    with engine_on(shop) as source, engine_on(target) as destination:
        total, partial = rows_in(source), []
        for part in (1, 2, 3):
            copying = command(shop, "copy-to", target)
            while copying.poll() is None and rows_in(destination) < total * part / 4:
                time.sleep(0.05)
            copying.kill()
            copying.communicate()
            partial.append(rows_in(destination))
        assert partial == sorted(partial)
        assert 0 < partial[-1] < total, "the copy was not killed before its end"
        started = time.monotonic()
        code, output = finished(command(shop, "copy-to", target))
        seconds = time.monotonic() - started
        assert code == 0, output
        [(all_rows, written)] = re.findall(r"([\d,]+) rows, ([\d,]+) of them written by this run, all compared", output)
        assert (int(all_rows.replace(",", "")), int(written.replace(",", ""))) == (total, total - partial[-1])
        assert {table.name: digest(destination, table) for table in TABLES} == {
            table.name: digest(source, table) for table in TABLES
        }
        assert broken_invariants(destination) == []
        assert finished(command(target, "check"))[0] == 0
    proof.report(rows=total, kills=3, rows_after_the_last_kill=partial[-1], seconds_to_finish=round(seconds))
