"""Failover from a PostgreSQL primary to its synchronous standby: no acknowledged write is lost."""

import os
import signal
import time

import pytest
from sqlalchemy import create_engine

from config import database_url
from tests.support.needs import needs
from tests.support.servers import children_of
from tests.support.shop import Shop
from tests.support.standby import Pair
from tests.support.traffic import Traffic, contradictions, require_consistency

pytestmark = [pytest.mark.slow, needs("postgres", "pg_basebackup")]


@pytest.fixture
def pair():
    servers = Pair()
    try:
        yield servers.start()
    finally:
        servers.remove()


@pytest.fixture
def shop(pair):
    running = Shop(pair.url())
    try:
        yield running.start()
    finally:
        running.remove()


@pytest.fixture
def engine(pair):
    """Yield an engine on the standby."""
    standby = create_engine(database_url(pair.standby.url()))
    yield standby
    standby.dispose()


def test_failover_to_a_standby_under_load_loses_no_write(pair, shop, engine, proof):
    """The primary is killed under load and its synchronous standby promoted, both named in DATABASE_URL: every acknowledged
    write exists exactly once, requests meanwhile get 503 with Retry-After, and the app recovers without a restart."""
    workers = shop.workers()
    with Traffic(shop) as traffic:
        time.sleep(proof.size(2, 20))
        with traffic.fault():
            pair.primary.kill()
            time.sleep(proof.size(0.5, 5))
            pair.promote()
            recovery = traffic.wait_for_recovery(10)
        time.sleep(proof.size(1, 20))
    require_consistency(traffic, engine)
    record = traffic.record
    assert record.statuses[503], "no client noticed the failover"
    assert shop.workers() == workers, "the app was restarted"
    proof.report(
        acknowledged=len(record.orders) + len(record.returns),
        lost=0,
        responses_with_503=record.statuses[503],
        unknown_outcomes=len(record.unknown),
        slowest_response=f"{record.slowest:.1f} s",
        recovered_after=f"{recovery:.1f} s",
    )


def test_write_lost_by_an_asynchronous_standby_is_detected(pair, shop, engine):
    """Control: with an asynchronous standby that lags, a failover loses acknowledged writes, and the check finds them."""
    pair.set("synchronous_standby_names=")
    with Traffic(shop) as traffic:
        traffic.wait_for_recovery(5)
        for pid in children_of(pair.standby.program.process.pid):
            os.kill(pid, signal.SIGSTOP)  # Stops the replication.
        count = len(traffic.record.orders)
        time.sleep(0.5)
        assert len(traffic.record.orders) > count, "commits wait for the standby"
        pair.primary.kill()
        pair.standby.kill()  # Also loses the data in its sockets.
        pair.standby.start()
        pair.promote()
        traffic.wait_for_recovery(10)
    assert any(line.startswith("lost: ") for line in contradictions(traffic.record, engine))
