"""PgBouncer in transaction mode: the next transaction of a client may run on another connection of the server."""

import time
import uuid

import pytest
from sqlalchemy import create_engine

from config import database_url
from tests.support import services
from tests.support.needs import needs
from tests.support.pooler import PgBouncer
from tests.support.shop import Shop
from tests.support.traffic import Traffic, require_consistency

pytestmark = [pytest.mark.slow, needs("pgbouncer", "postgres")]
SIZE = 3
CLEAN = {("0", "0", "0")}
"""No lock timeout, statement timeout and prepared statement is left in a session."""


@pytest.fixture
def pooler():
    """Yield a PgBouncer and the name of an empty database behind it."""
    name = f"shop_pooled_{uuid.uuid4().hex[:12]}"
    services.fresh_database("postgresql", name)
    bouncer = PgBouncer(SIZE)
    try:
        yield bouncer.start(), name
    finally:
        bouncer.remove()
        services.drop_database("postgresql", name)


def run_shop(bouncer, name, options, seconds, searches):
    """Run a shop behind the pooler under load. Return it, its traffic, and the statuses of the searches."""
    shop = Shop(bouncer.url(name, options))
    shop.url = services.server_url("postgresql", name)
    started = time.monotonic()
    try:
        shop.start()
        start_seconds = time.monotonic() - started
        with Traffic(shop, with_key=2, without_key=1) as traffic:
            client = shop.client(traffic.token)
            statuses = [client.call("GET", f"/{each}?q=a").status for each in ("inventory", "tickets", "customers") * searches]
            time.sleep(seconds)
        return traffic, statuses, start_seconds
    finally:
        shop.stop()
        shop.remove()


@pytest.mark.parametrize("options", ["pooler=transaction", "pgbouncer=true", "prepare_threshold=0"])
def test_shop_behind_a_transaction_pooler_answers_every_request(pooler, proof, options):
    """PgBouncer with `pool_mode = transaction` and three connections, four clients that order, return, read and search: no
    5xx, each write is done once, no state is left in a session, and the next start waits for no lock."""
    bouncer, name = pooler
    answers = 0
    for _ in range(2):
        traffic, statuses, start_seconds = run_shop(bouncer, name, options, proof.size(2, 20), proof.size(5, 50))
        engine = create_engine(database_url(services.server_url("postgresql", name)))
        require_consistency(traffic, engine)
        with engine.connect() as connection:
            locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database "
            assert connection.exec_driver_sql(f"{locks} WHERE datname = '{name}')").scalar() == 0
        engine.dispose()
        answers += traffic.record.statuses.total() + len(statuses)
        assert set(statuses) == {200}
        assert [status for status in traffic.record.statuses if status >= 500] == []
        assert start_seconds < 15
        assert bouncer.states(name, SIZE) == CLEAN
    proof.report(connections=SIZE, answers=answers, with_5xx=0)
