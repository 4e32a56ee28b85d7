"""The windows that requests are counted in: moving ones, exact, and counted in one step however many come at once.

They are shared in Redis where it is set, by a script that costs one round trip and says all that an answer shows, and
the version of the inventory besides (:mod:`app.utils.version`).
Where Redis fails, each process counts for itself, and asks for it again every second.
"""

import threading
import time
from array import array
from typing import NamedTuple

from limits import RateLimitItem

from app.utils import remote, version
from app.utils.resting import Rest

SWEEP = 4096
"""After so many hits, windows that nobody fills any more are dropped."""
SCRIPT = """
local time = redis.call('TIME')
local now, amount, length = time[1] * 1000000 + time[2], tonumber(ARGV[1]), ARGV[2] * 1000000
local version = redis.call('GET', KEYS[2])
if not version then
  version = time[1] .. '.' .. time[2]
  redis.call('SET', KEYS[2], version)
end
local oldest = redis.call('LINDEX', KEYS[1], 0)
while oldest and oldest + 0 <= now - length do
  redis.call('LPOP', KEYS[1])
  oldest = redis.call('LINDEX', KEYS[1], 0)
end
local used = redis.call('LLEN', KEYS[1])
local allowed = used < amount
if allowed and ARGV[3] == '1' then
  used = redis.call('RPUSH', KEYS[1], now)
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return {allowed and 1 or 0, amount - used, (oldest or now) + length, version}
"""


class Window(NamedTuple):
    """What a limit says: whether there is room, how much is left, and when the oldest hit leaves (seconds since 1970);
    and the version of the inventory, where Redis was asked."""

    allowed: bool
    amount: int
    remaining: int
    reset: float
    version: bytes | None = None


class Windows:
    """The windows of an app. ``hit`` takes a place in one, where there is room; ``look`` only says whether there is."""

    def __init__(self, redis: remote.Line | None, rest: Rest) -> None:
        self.own = OwnWindows()
        self.script = remote.Script(redis, SCRIPT) if redis else None
        self.rest = rest

    def hit(self, item: RateLimitItem, *keys: str) -> Window:
        return self.ask(item, keys, take=True)

    def look(self, item: RateLimitItem, *keys: str) -> Window:
        return self.ask(item, keys, take=False)

    def ask(self, item: RateLimitItem, keys: tuple[str, ...], *, take: bool) -> Window:
        seconds = item.get_expiry()
        key = f"shop:window:{':'.join(keys)}:{item.amount}:{seconds}"
        if self.script is not None and not self.rest:
            try:
                allowed, remaining, reset, found = self.script((key, version.KEY), item.amount, seconds, int(take))
                current = version.in_life(found, self.script.line.life)
                return Window(bool(allowed), item.amount, remaining, reset / 1_000_000, current)
            except remote.RedisError:
                self.rest.begin()
        return self.own.ask(key, item.amount, seconds, take=take)


class Hits:
    """The times of the hits in a window, the oldest first: eight bytes each, where a number of Python's takes 32."""

    __slots__ = ("gone", "times")

    def __init__(self) -> None:
        self.times = array("d")
        self.gone = 0

    def drop_until(self, moment: float) -> None:
        times, gone = self.times, self.gone
        while gone < len(times) and times[gone] <= moment:
            gone += 1
        if gone > SWEEP and gone * 2 > len(times):
            del times[:gone]
            gone = 0
        self.gone = gone


class OwnWindows:
    """Windows in the memory of this process."""

    def __init__(self) -> None:
        self.hits: dict[str, Hits] = {}
        self.expires: dict[str, float] = {}
        self.lock = threading.Lock()
        self.since_sweep = 0

    def ask(self, key: str, amount: int, seconds: int, *, take: bool) -> Window:
        now = time.time()
        with self.lock:
            hits = self.hits.get(key)
            if hits is None:
                hits = self.hits[key] = Hits()
            hits.drop_until(now - seconds)
            times, used = hits.times, len(hits.times) - hits.gone
            allowed = used < amount
            if allowed and take:
                times.append(now)
                used += 1
            self.expires[key] = now + seconds
            self.since_sweep += 1
            if self.since_sweep > SWEEP:
                self.sweep(now)
            return Window(allowed, amount, amount - used, (times[hits.gone] if used else now) + seconds)

    def sweep(self, now: float) -> None:
        self.since_sweep = 0
        for key in [key for key, expires in self.expires.items() if expires <= now]:
            del self.hits[key], self.expires[key]

    def clear(self) -> None:
        with self.lock:
            self.hits.clear()
            self.expires.clear()
