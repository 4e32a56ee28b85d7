"""The Redis client and its circuit breaker, and the cache version that processes share in Redis."""

import threading
import time
import uuid

import pytest
from limits import parse

from app.blueprints.inventory import cache
from app.blueprints.inventory.cache import LocalVersion, RedisVersion
from app.utils.context import current_state
from app.utils.limits import windows
from app.utils.limits.windows import MovingWindows, slots
from app.utils.redis import RedisClient, RedisUnavailable
from tests.support import services
from tests.support.needs import needs
from tests.support.processes import free_port
from tests.support.servers import Redis
from tests.support.simultaneous import at_once

REDIS = services.url_of("redis")
with_redis = pytest.mark.skipif(not services.is_available("redis"), reason="needs Redis")


def connected():
    """Return a client with an open connection: opening one begins a new epoch."""
    client = RedisClient(REDIS)
    client.run(client.client.ping)
    return client


@pytest.fixture
def key(monkeypatch):
    """Return a key of the cache version for this test alone."""
    name = f"shop:test:{uuid.uuid4().hex}"
    monkeypatch.setattr(cache, "CACHE_VERSION_KEY", name)
    monkeypatch.setattr(windows, "CACHE_VERSION_KEY", name)
    return name


@pytest.fixture(params=["local", *(["redis"] if services.is_available("redis") else [])])
def version(request, app, key):
    with app.test_request_context():
        yield RedisVersion(connected()) if request.param == "redis" else LocalVersion(None)


@pytest.fixture
def shared(app, key):
    with app.test_request_context():
        yield RedisVersion(connected())


# ---------------------------------------------------------------- the client
@with_redis
def test_failing_command_opens_the_circuit_breaker_for_a_second(monkeypatch):
    client, calls = connected(), []

    def fail():
        calls.append(1)
        raise OSError

    for _ in range(3):
        with pytest.raises(RedisUnavailable):
            client.run(fail)
    assert len(calls) == 1, "a command was sent to a failing Redis"
    client.open_until = 0.0
    assert client.run(client.client.ping)


def test_unresponsive_redis_is_waited_for_once():
    """The server accepts connections and never answers."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        client = RedisClient(f"redis://127.0.0.1:{server.getsockname()[1]}/0")
        began = time.monotonic()
        for _ in range(20):
            with pytest.raises(RedisUnavailable):
                client.run(client.client.ping)
        assert time.monotonic() - began < 5


def test_refused_connection_is_unavailable():
    client = RedisClient(f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(RedisUnavailable):
        client.run(client.client.ping)


@with_redis
def test_finished_threads_leave_no_connections():
    client, responses = connected(), []
    for _ in range(150):
        thread = threading.Thread(target=lambda: responses.append(client.run(client.client.ping)))
        thread.start()
        thread.join()
    assert responses == [True] * 150
    assert client.epoch == 1


# ---------------------------------------------------------------- the cache version
@pytest.mark.databases("sqlite")
def test_version_is_constant_until_it_is_replaced(version):
    first = version.read()
    assert first == version.read()
    version.replace()
    second = version.read()
    assert second not in (first, b"", None)
    assert second == version.read()


@with_redis
@pytest.mark.databases("sqlite")
def test_processes_share_the_version(shared):
    other = RedisVersion(connected())
    assert shared.read() == other.read()
    other.replace()
    assert shared.read() == other.read()


@with_redis
@pytest.mark.databases("sqlite")
def test_simultaneous_first_reads_agree_on_one_version(app, shared):
    def read():
        with app.test_request_context():
            return RedisVersion(connected()).read()

    versions = at_once(*[read] * 8)
    assert len(versions) == 8
    assert len(set(versions)) == 1


@with_redis
@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("emptied", [False, True])
def test_rate_limit_check_also_returns_the_version(shared, key, emptied):
    """One round trip for both, also if Redis has no version yet."""
    if not emptied:
        shared.replace()
    counted = MovingWindows(shared.redis)
    hit, look = (slots([parse("9 per hour")], uuid.uuid4().hex, hit=hit) for hit in (True, False))
    _, version = counted.check_and_hit(hit)
    assert version
    assert version == shared.redis.client.get(key) == counted.check_and_hit(look)[1]
    shared.replace()
    assert counted.check_and_hit(hit)[1] == shared.redis.client.get(key) != version


@with_redis
@pytest.mark.databases("sqlite")
def test_version_from_the_rate_limit_check_is_not_read_again(shared, monkeypatch):
    current_state().cache_version = b"from the check"
    current_state().redis_epoch = 1
    monkeypatch.setattr(shared.redis, "client", None)
    assert shared.read() == b"from the check 1"


@needs("redis-server")
@pytest.mark.databases("sqlite")
def test_redis_snapshot_restore_revives_no_cached_response(app, key):
    """The snapshot has an older version, and the responses cached under it are from before a write."""
    server = Redis().start()
    try:
        with app.test_request_context():
            client = RedisClient(server.url)
            client.run(client.client.ping)
            shared = RedisVersion(client)
            cached = shared.read()
            client.run(client.client.save)
            shared.replace()
            assert shared.read() != cached
            server.kill()
            server.start()
            client.open_until = 0.0
            seen = [shared.read(), shared.read()]
            assert seen[-1].partition(b" ")[0] == cached.partition(b" ")[0], "the snapshot did not restore the old version"
            assert cached not in seen
    finally:
        server.remove()


@with_redis
@pytest.mark.parametrize("loss", ["client kill", "script flush"])
def test_lost_connection_or_script_loses_no_hit(loss):
    client = connected()
    counted, hit = MovingWindows(client), slots([parse("9 per hour")], uuid.uuid4().hex)
    assert counted.check_and_hit(hit)[0][0].remaining == 8
    administrator = RedisClient(REDIS).client
    if loss == "client kill":
        assert administrator.client_kill_filter(_id=client.client.client_id()) == 1
    else:
        administrator.script_flush()
    assert counted.check_and_hit(hit)[0][0].remaining == 7
    assert not client.is_open


@with_redis
@pytest.mark.databases("sqlite")
def test_version_from_before_a_reconnect_is_not_used(shared):
    """Another thread may have connected to a restored Redis since this request was counted."""
    current_state().cache_version, current_state().redis_epoch = b"brought along", 1
    shared.redis.epoch += 1
    assert shared.read() is None
