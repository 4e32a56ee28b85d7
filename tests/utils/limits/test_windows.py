"""Moving windows: exact counts, in memory and in Redis."""

import time
import uuid

import pytest
from limits import parse
from redis import RedisError

from app.utils.limits import windows as module
from app.utils.limits.windows import MovingWindows, slots
from app.utils.redis import RedisClient
from tests.support import services
from tests.support.simultaneous import at_once

REDIS = services.url_of("redis")


@pytest.fixture(params=["memory", *(["redis"] if services.is_available("redis") else [])])
def windows(request):
    """Return windows in memory or in Redis."""
    return MovingWindows(RedisClient(REDIS) if request.param == "redis" else None)


def hit(windows, limit, *keys):
    return windows.check_and_hit(slots([limit], *keys))[0][0]


def look(windows, limit, *keys):
    return windows.check_and_hit(slots([limit], *keys, hit=False))[0][0]


@pytest.fixture
def key():
    return uuid.uuid4().hex


def test_window_allows_exactly_its_amount(windows, key):
    limit = parse("3 per hour")
    states = [hit(windows, limit, key) for _ in range(5)]
    assert [window.allowed for window in states] == [True, True, True, False, False]
    assert [window.remaining for window in states] == [2, 1, 0, 0, 0]
    assert {round(window.reset) for window in states} <= {round(time.time() + 3600) + seconds for seconds in (-2, -1, 0, 1)}


def test_look_takes_no_hit(windows, key):
    limit = parse("1 per hour")
    assert [look(windows, limit, key).allowed for _ in range(3)] == [True] * 3
    assert hit(windows, limit, key).allowed
    assert not look(windows, limit, key).allowed


def test_hit_expires_after_the_window(windows, key):
    limit = parse("2 per second")
    assert [hit(windows, limit, key).allowed for _ in range(3)] == [True, True, False]
    time.sleep(1.1)
    assert [hit(windows, limit, key).allowed for _ in range(3)] == [True, True, False]


def test_keys_and_limits_are_counted_separately(windows, key):
    limit, other = parse("1 per hour"), parse("1 per day")
    assert hit(windows, limit, key, "a").allowed
    assert hit(windows, limit, key, "b").allowed
    assert hit(windows, other, key, "a").allowed
    assert not hit(windows, limit, key, "a").allowed


def test_full_window_prevents_hits_in_the_others(windows, key):
    """A check hits all of its windows or none."""
    short, long = parse("1 per hour"), parse("3 per day")
    assert hit(windows, short, key).allowed
    for limits in ([short, long], [long, short]):
        states, _ = windows.check_and_hit(slots(limits, key))
        assert {window.amount: window.allowed for window in states} == {1: False, 3: True}
    states, _ = windows.check_and_hit([*slots([long], key), *slots([short], key, hit=False)])
    assert [(window.allowed, window.remaining) for window in states] == [(True, 2), (False, 0)]
    assert look(windows, long, key).remaining == 2


def test_look_stores_nothing(key):
    windows = MovingWindows(None)
    assert look(windows, parse("1 per hour"), key).allowed
    assert not windows.memory.hits


def test_simultaneous_hits_never_exceed_the_amount(windows, key):
    allowed = at_once(*[lambda: hit(windows, parse("10 per hour"), key).allowed] * 24)
    assert sum(allowed) == 10


def test_memory_takes_over_while_the_circuit_breaker_is_open(key, monkeypatch):
    windows, limit = MovingWindows(RedisClient("redis://127.0.0.1:1/0")), parse("2 per hour")
    calls = []

    def script(*_):
        calls.append(1)
        raise RedisError

    monkeypatch.setattr(windows, "script", script)
    assert [hit(windows, limit, key).allowed for _ in range(3)] == [True, True, False]
    assert len(calls) == 1
    windows.redis.open_until = 0.0
    hit(windows, limit, key)
    assert len(calls) == 2


def test_expired_windows_are_purged(monkeypatch, key):
    windows = MovingWindows(None)
    monkeypatch.setattr(module, "HITS_BETWEEN_PURGES", 3)
    hit(windows, parse("1 per second"), key)
    time.sleep(1.1)
    for number in range(4):
        hit(windows, parse("9 per hour"), f"{key}{number}")
    assert not [name for name in windows.memory.hits if name == f"shop:window:{key}:1:1"]
