"""The database is restarted while the shop is used: what was answered is there, and the shop goes on by itself."""

import time

import pytest

from tests.support.needs import needs
from tests.support.processes import until
from tests.support.servers import MariaDB, PostgreSQL
from tests.support.shop import Shop
from tests.support.traffic import Traffic, lies, require_truth

pytestmark = pytest.mark.slow
SERVERS = [
    pytest.param(PostgreSQL, marks=needs("postgres"), id="postgresql"),
    pytest.param(MariaDB, marks=needs("mariadbd"), id="mariadb"),
]
CARELESS = {
    PostgreSQL: ["-c", "synchronous_commit=off", "-c", "wal_writer_delay=10s"],
    MariaDB: ["--innodb-flush-log-at-trx-commit=0"],
}
"""How each database is told to answer before a commit is on the disk."""


@pytest.fixture(scope="module", params=SERVERS)
def server(request):
    """A database server that only this module uses, with an empty database."""
    made = request.param()
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def shop(server):
    opened = Shop(server.start().create().url())
    try:
        yield opened.start()
    finally:
        opened.remove()


def restart(server):
    """As an operator does it: sessions are cut off."""
    server.stop()
    server.start()


def crash(server):
    """As a machine that loses its power does it: kill -9, and the start that finds what is there."""
    server.kill()
    server.start()


def test_a_database_is_restarted_under_load(server, shop, proof):
    """The database is restarted in order and after kill -9, under load: no acknowledged write is lost or done twice,
    meanwhile every answer is a 503 that says when to come back, and the shop goes on without a restart of its own."""
    engine, workers, back = shop.engine(), shop.workers(), []
    with Traffic(shop) as traffic:
        for again in [restart, crash] * proof.size(1, 3):
            time.sleep(proof.size(1, 4))
            with traffic.fault():
                again(server)
                back.append(traffic.goes_on(5))
        time.sleep(proof.size(0.5, 2))
    require_truth(traffic, engine)
    ledger = traffic.ledger
    assert ledger.statuses[503], "nobody noticed"
    assert shop.workers() == workers, "the app itself went on"
    proof.saw(
        restarts=len(back),
        acknowledged=len(ledger.orders) + len(ledger.refunds),
        lost=0,
        answers_of_503=ledger.statuses[503],
        left_unknown=len(ledger.unknown),
        slowest=f"{ledger.slowest:.1f} s",
        back_after=f"{max(back):.1f} s",
    )
    engine.dispose()


def test_a_lost_write_would_be_found(server, shop):
    """Where the database answers before its disk has it, a crash loses what was acknowledged, and the checker says so.
    It may have written all to its disk just before a crash: then another one follows."""
    engine = shop.engine()
    for _ in range(10):
        server.stop()
        server.start(*CARELESS[type(server)])
        with Traffic(shop) as traffic:
            traffic.goes_on(30)
            known = len(traffic.ledger.orders)
            until(lambda known=known, ledger=traffic.ledger: len(ledger.orders) > known + 10, 30, "more orders")
            crash(server)
        engine.dispose()  # Its connection broke.
        found = lies(traffic.ledger, engine)
        if any(lie.startswith("lost: ") for lie in found):
            break
    else:
        raise AssertionError(f"ten crashes, and nothing is lost: {found}")
    engine.dispose()
