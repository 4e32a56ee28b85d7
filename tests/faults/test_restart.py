"""Restarts of the database under load: no acknowledged write is lost, and the shop recovers without a restart."""

import time

import pytest

from tests.support.needs import needs
from tests.support.processes import until
from tests.support.servers import MariaDB, PostgreSQL
from tests.support.shop import Shop
from tests.support.traffic import Traffic, contradictions, require_consistency

pytestmark = pytest.mark.slow
SERVERS = [
    pytest.param(PostgreSQL, marks=needs("postgres"), id="postgresql"),
    pytest.param(MariaDB, marks=needs("mariadbd"), id="mariadb"),
]
UNSAFE = {
    PostgreSQL: ["-c", "synchronous_commit=off", "-c", "wal_writer_delay=10s"],
    MariaDB: ["--innodb-flush-log-at-trx-commit=0"],
}
"""Options that let each database acknowledge a commit before it is on disk."""


@pytest.fixture(scope="module", params=SERVERS)
def server(request):
    """Yield a private database server."""
    private = request.param()
    try:
        yield private
    finally:
        private.remove()


@pytest.fixture(scope="module")
def shop(server):
    running = Shop(server.start().create().url())
    try:
        yield running.start()
    finally:
        running.remove()


def restart(server):
    """Restart as an operator does, which closes open sessions."""
    server.stop()
    server.start()


def crash(server):
    """Kill the server (SIGKILL) and start it again, which runs the crash recovery."""
    server.kill()
    server.start()


def test_database_restart_under_load_loses_no_write(server, shop, proof):
    """The database is restarted under load, in order and after SIGKILL: no acknowledged write is lost or done twice, requests
    meanwhile get 503 with Retry-After, and the shop recovers without a restart."""
    engine, workers, recoveries = shop.engine(), shop.workers(), []
    with Traffic(shop) as traffic:
        for restart_database in [restart, crash] * proof.size(1, 3):
            time.sleep(proof.size(1, 4))
            with traffic.fault():
                restart_database(server)
                recoveries.append(traffic.wait_for_recovery(5))
        time.sleep(proof.size(0.5, 2))
    require_consistency(traffic, engine)
    record = traffic.record
    assert record.statuses[503], "no client noticed a restart"
    assert shop.workers() == workers, "the app was restarted"
    proof.report(
        restarts=len(recoveries),
        acknowledged=len(record.orders) + len(record.returns),
        lost=0,
        responses_with_503=record.statuses[503],
        unknown_outcomes=len(record.unknown),
        slowest_response=f"{record.slowest:.1f} s",
        recovered_after=f"{max(recoveries):.1f} s",
    )
    engine.dispose()


def test_write_lost_by_a_crash_is_detected(server, shop):
    """Control: with commits acknowledged before they are on disk, a crash loses writes, and the check finds them.

    A crash loses nothing if the database wrote everything to disk just before, so the test tries up to ten times.
    """
    engine = shop.engine()
    for _ in range(10):
        server.stop()
        server.start(*UNSAFE[type(server)])
        with Traffic(shop) as traffic:
            traffic.wait_for_recovery(30)
            count = len(traffic.record.orders)
            until(lambda count=count, record=traffic.record: len(record.orders) > count + 10, 30, "more orders")
            crash(server)
        engine.dispose()  # The crash closed its connection.
        found = contradictions(traffic.record, engine)
        if any(line.startswith("lost: ") for line in found):
            break
    else:
        raise AssertionError(f"ten crashes lost no write: {found}")
    engine.dispose()
