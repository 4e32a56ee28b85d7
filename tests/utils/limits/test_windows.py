"""The moving windows that requests are counted in: exact, in memory and in Redis alike."""

import time
import uuid

import pytest
from limits import parse
from redis import RedisError

from app.utils.limits import windows as module
from app.utils.limits.windows import MovingWindows, slots
from app.utils.redis import RedisClient
from tests.support import services
from tests.support.together import at_once

REDIS = services.url_of("redis")


@pytest.fixture(params=["memory", *(["redis"] if services.answers("redis") else [])])
def windows(request):
    """Windows of each kind, under keys of their own."""
    return MovingWindows(RedisClient(REDIS) if request.param == "redis" else None)


def hit(windows, limit, *keys):
    return windows.check_and_hit(slots([limit], *keys))[0][0]


def look(windows, limit, *keys):
    return windows.check_and_hit(slots([limit], *keys, hit=False))[0][0]


@pytest.fixture
def key():
    return uuid.uuid4().hex


def test_a_window_lets_as_many_in_as_it_says(windows, key):
    limit = parse("3 per hour")
    found = [hit(windows, limit, key) for _ in range(5)]
    assert [window.allowed for window in found] == [True, True, True, False, False]
    assert [window.remaining for window in found] == [2, 1, 0, 0, 0]
    assert {round(window.reset) for window in found} <= {round(time.time() + 3600) + late for late in (-2, -1, 0, 1)}


def test_a_look_takes_no_place(windows, key):
    limit = parse("1 per hour")
    assert [look(windows, limit, key).allowed for _ in range(3)] == [True] * 3
    assert hit(windows, limit, key).allowed
    assert not look(windows, limit, key).allowed


def test_a_place_is_free_again_when_its_hit_has_left_the_window(windows, key):
    limit = parse("2 per second")
    assert [hit(windows, limit, key).allowed for _ in range(3)] == [True, True, False]
    time.sleep(1.1)
    assert [hit(windows, limit, key).allowed for _ in range(3)] == [True, True, False]


def test_keys_and_limits_don_t_meet(windows, key):
    limit, other = parse("1 per hour"), parse("1 per day")
    assert hit(windows, limit, key, "a").allowed
    assert hit(windows, limit, key, "b").allowed
    assert hit(windows, other, key, "a").allowed
    assert not hit(windows, limit, key, "a").allowed


def test_where_one_window_is_full_no_place_is_taken_in_another(windows, key):
    """Of the places that are asked for at once, all are taken or none."""
    short, long = parse("1 per hour"), parse("3 per day")
    assert hit(windows, short, key).allowed
    for asked in ([short, long], [long, short]):
        found, _ = windows.check_and_hit(slots(asked, key))
        assert {window.amount: window.allowed for window in found} == {1: False, 3: True}
    found, _ = windows.check_and_hit([*slots([long], key), *slots([short], key, hit=False)])
    assert [(window.allowed, window.remaining) for window in found] == [(True, 2), (False, 0)]
    assert look(windows, long, key).remaining == 2


def test_a_look_leaves_nothing_behind(key):
    windows = MovingWindows(None)
    assert look(windows, parse("1 per hour"), key).allowed
    assert not windows.memory.hits


def test_of_many_at_once_only_as_many_pass_as_there_is_room(windows, key):
    passed = at_once(*[lambda: hit(windows, parse("10 per hour"), key).allowed] * 24)
    assert sum(passed) == 10


def test_where_redis_fails_this_process_counts_and_asks_again_after_a_rest(key, monkeypatch):
    windows, limit = MovingWindows(RedisClient("redis://127.0.0.1:1/0")), parse("2 per hour")
    asked = []

    def script(*_):
        asked.append(1)
        raise RedisError

    monkeypatch.setattr(windows, "script", script)
    assert [hit(windows, limit, key).allowed for _ in range(3)] == [True, True, False]
    assert len(asked) == 1
    windows.redis.breaker.open_until = 0.0
    hit(windows, limit, key)
    assert len(asked) == 2


def test_windows_that_nobody_fills_are_dropped(monkeypatch, key):
    windows = MovingWindows(None)
    monkeypatch.setattr(module, "HITS_BETWEEN_PURGES", 3)
    hit(windows, parse("1 per second"), key)
    time.sleep(1.1)
    for number in range(4):
        hit(windows, parse("9 per hour"), f"{key}{number}")
    assert not [name for name in windows.memory.hits if name == f"shop:window:{key}:1:1"]
