"""Moving windows: exact counts, in one step for any number of windows and of simultaneous requests.

The windows are in Redis if ``REDIS_URL`` is set (one round trip of ``moving_window.lua``), else in the memory of the
process, which also takes over while Redis fails.
"""

import threading
import time
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from limits import RateLimitItem

from app.utils.redis import RedisClient, RedisUnavailable

HITS_BETWEEN_PURGES = 4096  # Hits between two purges of expired windows.
CACHE_VERSION_KEY = "shop:inventory"
"""Redis returns this value with the windows: see ``inventory/cache.py``. So a cached response takes one round trip."""
SCRIPT = Path(__file__).with_name("moving_window.lua")


class Slot(NamedTuple):
    """A check against one window: ``amount`` hits in ``seconds``. ``hit=False`` only looks."""

    key: str
    amount: int
    seconds: int
    hit: bool


class Window(NamedTuple):
    """The state of a window: whether a hit is allowed, the hits left, and when the oldest hit expires (epoch seconds)."""

    allowed: bool
    amount: int
    remaining: int
    reset: float


def slots(items: Iterable[RateLimitItem], *keys: str, hit: bool = True) -> list[Slot]:
    """Return a slot for each limit of a setting, counted under the joined keys."""
    name = ":".join(keys)
    sizes = [(item.amount, item.get_expiry()) for item in items]
    return [Slot(f"shop:window:{name}:{amount}:{seconds}", amount, seconds, hit) for amount, seconds in sizes]


class MovingWindows:
    """Moving windows in Redis, or in memory if there is no Redis or it fails."""

    def __init__(self, redis: RedisClient | None) -> None:
        self.memory = MemoryWindows()
        self.redis = redis
        self.script = redis.client.register_script(SCRIPT.read_text()) if redis else None

    def check_and_hit(self, asked: Sequence[Slot]) -> tuple[list[Window], bytes | None]:
        """Hit the windows of all slots if each has room, else none of them.

        Return the windows, and the cache version in Redis; None instead if Redis was not asked."""
        if self.redis is not None:
            try:
                return self._check_in_redis(self.redis, asked)
            except RedisUnavailable:
                pass
        return self.memory.check_and_hit(asked), None

    def _check_in_redis(self, redis: RedisClient, asked: Sequence[Slot]) -> tuple[list[Window], bytes | None]:
        keys = [*(slot.key for slot in asked), CACHE_VERSION_KEY]
        arguments = [value for slot in asked for value in (slot.amount, slot.seconds, int(slot.hit))]
        version, *states = redis.run(lambda: self.script(keys, arguments))  # type: ignore[misc]
        windows = [
            Window(states[3 * number] == 1, slot.amount, states[3 * number + 1], states[3 * number + 2] / 1_000_000)
            for number, slot in enumerate(asked)
        ]
        return windows, version


class MemoryWindows:
    """Moving windows in the memory of this process: the times of the hits by key, oldest first."""

    def __init__(self) -> None:
        self.hits: dict[str, list[float]] = {}
        self.expiry: dict[str, float] = {}
        self.lock = threading.Lock()
        self.since_purge = 0

    def check_and_hit(self, asked: Sequence[Slot]) -> list[Window]:
        now = time.time()
        with self.lock:
            counted = [(slot, self._count(slot, now)) for slot in asked]
            has_room = all(used < slot.amount or not slot.hit for slot, used in counted)
            windows = [self._window(slot, used, now, hit=has_room and slot.hit) for slot, used in counted]
            self.since_purge += len(asked)
            if self.since_purge > HITS_BETWEEN_PURGES:
                self._purge(now)
            return windows

    def _count(self, slot: Slot, now: float) -> int:
        """Drop the expired hits of a window, and return how many are left."""
        hits = self.hits.get(slot.key, [])
        if hits and hits[0] <= now - slot.seconds:
            del hits[: bisect_right(hits, now - slot.seconds)]
        return len(hits)

    def _window(self, slot: Slot, used: int, now: float, *, hit: bool) -> Window:
        if hit:
            self.hits.setdefault(slot.key, []).append(now)
            self.expiry[slot.key] = now + slot.seconds
        oldest = self.hits[slot.key][0] if used or hit else now
        return Window(used < slot.amount, slot.amount, slot.amount - used - hit, oldest + slot.seconds)

    def _purge(self, now: float) -> None:
        """Drop the windows whose hits have all expired."""
        self.since_purge = 0
        for key in [key for key, expiry in self.expiry.items() if expiry <= now]:
            del self.hits[key], self.expiry[key]

    def clear(self) -> None:
        with self.lock:
            self.hits.clear()
            self.expiry.clear()
