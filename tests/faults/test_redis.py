"""Redis dies, freezes, forgets and comes back while the shop is used: no answer fails or waits, no list stays stale."""

import sys
import threading
import time
import uuid
from collections import Counter

import pytest

from tests.support import sabotage, services
from tests.support.counting import Use, one_client_each
from tests.support.invariants import faults
from tests.support.needs import needs
from tests.support.servers import Redis
from tests.support.shop import Shop

pytestmark = [pytest.mark.slow, needs("redis-server")]

TOLD = 1.0
"""Seconds after which both workers must know that Redis is back, and what was written meanwhile."""


@pytest.fixture
def redis():
    server = Redis()
    try:
        yield server.start()
    finally:
        server.thaw()
        server.remove()


@pytest.fixture
def database_url(tmp_path):
    """A database of a server where one is there, since two workers share it better; else a file."""
    kind = "postgresql" if services.answers("postgresql") else "sqlite"
    name = f"shop_redis_{uuid.uuid4().hex[:12]}"
    yield services.fresh_database(kind, name)
    services.drop_database(kind, name)


@pytest.fixture
def open_shop(redis, database_url):
    """Open a shop with so many workers and such settings, and perhaps a mistake; it is closed with the test."""
    opened = []

    def start(workers, mistake=None, **settings):
        shop = Shop(database_url, redis=redis.url, workers=workers, **settings)
        if mistake:
            shop.program.command = [sys.executable, str(sabotage.__file__), mistake]
        opened.append(shop)
        return shop.start()

    yield start
    for shop in opened:
        shop.remove()


def stop(redis, seconds):
    redis.kill()
    time.sleep(seconds)
    redis.start()


def freeze(redis, seconds):
    redis.freeze()
    time.sleep(seconds)
    redis.thaw()


def flush(redis, seconds):
    redis.flush()


def restart(redis, seconds):
    redis.kill()
    redis.start()


@pytest.mark.parametrize("fault", [stop, freeze, flush, restart])
def test_redis_fails_under_load(redis, open_shop, proof, fault):
    """Redis stopped, frozen, flushed, restarted under load, with two workers: no 5xx, p99 under 1.5 s, no request waits
    more than a second for Redis, and once it is back no worker serves a list from before an answered write."""
    shop, down = open_shop(2), proof.size(1.2, 6)
    with Use(shop) as use:
        began = time.monotonic()
        time.sleep(proof.size(0.7, 5))
        usual = use.slowest(began, time.monotonic())
        troubles = []
        for _ in range(proof.size(1, 3)):
            since = time.monotonic()
            fault(redis, down)
            troubles.append((since, time.monotonic()))
            time.sleep(proof.size(1.5, 5))
    engine = shop.engine()
    assert use.wrong == []
    assert set(use.statuses) == {200, 401}
    assert use.percentile(0.99) < 1.5
    waited = max(use.slowest(since, back + TOLD) for since, back in troubles)
    assert waited < usual + 1.0
    lags = [max((when - back for when in use.stale if since <= when <= back + 5), default=0.0) for since, back in troubles]
    assert [when for when in use.stale if not any(since <= when <= back + TOLD for since, back in troubles)] == []
    assert one_list_everywhere(shop, use) == use.answered
    assert faults(engine) == []
    engine.dispose()
    proof.saw(
        requests=sum(use.statuses.values()),
        writes=use.answered - 1,
        p99_ms=round(1000 * use.percentile(0.99)),
        slowest_ms=round(1000 * waited),
        slowest_before_ms=round(1000 * usual),
        last_stale_after_ms=round(1000 * max(0.0, *lags, 0.0)),
    )


def one_list_everywhere(shop, use):
    """The quantity that every worker's list shows."""
    clients = one_client_each(shop, use.token)
    seen = {client.call("GET", "/inventory").body[0]["quantity"] for client in clients.values()}
    for client in clients.values():
        client.close()
    assert len(seen) == 1
    return seen.pop()


def write_while_it_is_gone(redis, shop, fault, times):
    """Write while Redis is gone, by one worker and then the other, and read the list of both when it is back; how long
    each took to show what was written. It knew the list from before all the time."""
    token, seen = shop.admin_token(), []
    part = shop.client(token).call("POST", "/inventory", {"name": "Pad", "price": 1, "quantity": 1}).body["id"]
    clients = one_client_each(shop, token)
    writers = list(clients.values())
    try:
        for quantity in range(2, 2 + times):
            for client in clients.values():
                client.call("GET", "/inventory")
            (redis.freeze if fault == "frozen" else redis.kill)()
            assert writers[quantity % 2].call("PUT", f"/inventory/{part}", {"quantity": quantity}).status == 200
            time.sleep(0.3)
            if fault == "frozen":
                redis.thaw()
            else:
                redis.start()
            back = time.monotonic()
            for client in clients.values():
                while client.call("GET", "/inventory").body[0]["quantity"] != quantity:
                    assert time.monotonic() - back < TOLD, "a list is stale"
                seen.append(time.monotonic() - back)
            time.sleep(1.1)  # The workers rested from Redis; from now on a list is cached again.
            for client in clients.values():
                assert client.call("GET", "/inventory").body[0]["quantity"] == quantity, "a list is stale"
    finally:
        for client in clients.values():
            client.close()
    return seen


def remember_on_disk(redis):
    """Let Redis keep all it was told, so that it comes back with the list from before."""
    redis.program.command += ["--appendonly", "yes", "--appendfsync", "always"]
    redis.kill()
    redis.start()


@pytest.mark.parametrize("fault", ["stopped", "frozen"])
def test_what_was_written_while_redis_was_gone_is_soon_known_to_every_worker(redis, open_shop, proof, fault):
    """A write is answered while Redis is stopped or frozen, by one worker; as soon as Redis is back, with the list from
    before the write in it, the lists of both workers show what was written."""
    remember_on_disk(redis)
    seen = write_while_it_is_gone(redis, open_shop(2, CACHE_TIMEOUT="3600"), fault, proof.size(2, 10))
    proof.saw(writes=len(seen) // 2, told_after_ms_at_most=round(1000 * max(seen)))


def test_a_cache_that_is_told_once_alone_is_found_out(redis, open_shop):
    """Sabotaged: who could not tell Redis of a write never tries again."""
    remember_on_disk(redis)
    with pytest.raises(AssertionError, match="a list is stale"):
        write_while_it_is_gone(redis, open_shop(2, "silent", CACHE_TIMEOUT="3600"), "stopped", 2)


def test_a_cache_that_is_never_told_is_found_out(redis, open_shop):
    """Sabotaged: the list stays what it was when a part is counted."""
    with Use(open_shop(2, "deaf")) as use:
        time.sleep(1)
    assert use.stale


LIMITS = {"LIMIT_LOGIN": "5 per minute", "LIMIT_TICKET_INVENTORY": "3 per day", "LIMIT_DEFAULT": "60 per minute"}


@pytest.mark.parametrize("fault", ["stopped", "frozen"])
def test_limits_hold_while_redis_is_gone(redis, open_shop, proof, fault):
    """While Redis is stopped or frozen, limits still hold within one worker: of logins, of successes, of everything;
    what is over them is 429 that says when to come back, and none is a 5xx, however many come at once."""
    shop = open_shop(1, **LIMITS)
    token = shop.admin_token()
    admin = shop.client(token)
    part = admin.call("POST", "/inventory", {"name": "Pad", "price": 1, "quantity": 50}).body["id"]
    customer = {"name": "Ann", "email": "ann@example.com", "password": "correct horse battery"}
    owner = admin.call("POST", "/customers", customer).body["id"]
    ticket = {"customer_id": owner, "service_date": "2026-11-24", "description": "Brakes", "vin": "V1"}
    made = admin.call("POST", "/tickets", ticket).body["id"]
    if fault == "stopped":
        redis.kill()
    else:
        redis.freeze()
    bad = {"email": "bob@example.com", "password": "a wrong one"}
    logins = at_once(shop, None, 12, "POST", "/customers/login", bad)
    orders = at_once(shop, token, 12, "PUT", f"/tickets/{made}/inventory", {"add_parts": [{"inventory_id": part}]})
    reads = at_once(shop, token, 70, "GET", "/inventory")
    assert Counter(answer.status for answer in logins) == {401: 5, 429: 7}
    assert Counter(answer.status for answer in orders) == {200: 3, 429: 9}
    statuses = Counter(answer.status for answer in reads)
    assert set(statuses) == {200, 429}
    assert statuses[200] <= 60
    answers = logins + orders + reads
    for answer in answers:
        if answer.status == 429:
            assert int(answer.headers["retry-after"]) >= 1
    assert max(answer.seconds for answer in logins + orders) < 2.5  # Four wait in line for each of three threads.
    engine = shop.engine()
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT quantity FROM inventory").scalar() == 47
    assert faults(engine) == []
    engine.dispose()
    admin.close()
    proof.saw(requests=len(answers), refused=sum(answer.status == 429 for answer in answers))


def at_once(shop, token, number, method, path, body=None):
    """The answers to so many requests at once."""
    answers = []

    def ask():
        client = shop.client(token)
        answers.append(client.call(method, path, body))
        client.close()

    threads = [threading.Thread(target=ask) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == number
    return answers
