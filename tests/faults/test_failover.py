"""The primary of a PostgreSQL dies, and its synchronous standby takes over: nothing that was answered is lost."""

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
from tests.support.traffic import Traffic, lies, require_truth

pytestmark = [pytest.mark.slow, needs("postgres", "pg_basebackup")]


@pytest.fixture
def pair():
    made = Pair()
    try:
        yield made.start()
    finally:
        made.remove()


@pytest.fixture
def shop(pair):
    opened = Shop(pair.url())
    try:
        yield opened.start()
    finally:
        opened.remove()


@pytest.fixture
def engine(pair):
    """The promoted standby, to look at what is left behind."""
    made = create_engine(database_url(pair.standby.url()))
    yield made
    made.dispose()


def test_a_standby_takes_over_under_load(pair, shop, engine, proof):
    """The primary is killed under load and its synchronous standby promoted, both named in DATABASE_URL: every
    acknowledged write is there once, meanwhile every answer is a 503 that says when to come back, and the app goes on by
    itself."""
    workers = shop.workers()
    with Traffic(shop) as traffic:
        time.sleep(proof.size(2, 20))
        with traffic.fault():
            pair.primary.kill()
            time.sleep(proof.size(0.5, 5))
            pair.promote()
            back = traffic.goes_on(10)
        time.sleep(proof.size(1, 20))
    require_truth(traffic, engine)
    ledger = traffic.ledger
    assert ledger.statuses[503], "nobody noticed"
    assert shop.workers() == workers, "the app itself went on"
    proof.saw(
        acknowledged=len(ledger.orders) + len(ledger.refunds),
        lost=0,
        answers_of_503=ledger.statuses[503],
        left_unknown=len(ledger.unknown),
        slowest=f"{ledger.slowest:.1f} s",
        back_after=f"{back:.1f} s",
    )


def test_a_standby_that_lags_would_be_found(pair, shop, engine):
    """Where commits don't wait for the standby and it lags, a failover loses what was acknowledged: the checker says so."""
    pair.set("synchronous_standby_names=")
    with Traffic(shop) as traffic:
        traffic.goes_on(5)
        for pid in children_of(pair.standby.program.process.pid):
            os.kill(pid, signal.SIGSTOP)  # It receives nothing more.
        sold = len(traffic.ledger.orders)
        time.sleep(0.5)
        assert len(traffic.ledger.orders) > sold, "commits don't wait"
        pair.primary.kill()
        pair.standby.kill()  # What its sockets hold is lost, too.
        pair.standby.start()
        pair.promote()
        traffic.goes_on(10)
    assert any(lie.startswith("lost: ") for lie in lies(traffic.ledger, engine))
