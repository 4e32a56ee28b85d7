"""The windows that requests are counted in: moving ones, exact, and counted in one step however many come at once.

They are shared in Redis where it is set, by a script that costs one round trip however many windows a request is about,
and says all that an answer shows, and the version of the inventory besides (:mod:`app.utils.version`).
Where Redis fails, each process counts for itself, and asks for it again every second.
"""

import threading
import time
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from limits import RateLimitItem

from app.utils import remote, version
from app.utils.resting import Rest

SWEEP = 4096
"""After so many hits, windows that nobody fills any more are dropped."""
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local version = redis.call('GET', KEYS[#KEYS])
if not version then
  version = time[1] .. '.' .. time[2]
  redis.call('SET', KEYS[#KEYS], version)
end
local answer, room = {version}, true
for number = 1, #KEYS - 1 do
  local key, amount, length = KEYS[number], tonumber(ARGV[3 * number - 2]), ARGV[3 * number - 1] * 1000000
  local oldest = redis.call('LINDEX', key, 0)
  while oldest and oldest + 0 <= now - length do
    redis.call('LPOP', key)
    oldest = redis.call('LINDEX', key, 0)
  end
  local left = amount - redis.call('LLEN', key)
  room = room and (left > 0 or ARGV[3 * number] == '0')
  answer[3 * number - 1], answer[3 * number], answer[3 * number + 1] = left > 0 and 1 or 0, left, (oldest or now) + length
end
for number = 1, room and #KEYS - 1 or 0 do
  if ARGV[3 * number] == '1' then
    redis.call('RPUSH', KEYS[number], now)
    redis.call('EXPIRE', KEYS[number], ARGV[3 * number - 1])
    answer[3 * number] = answer[3 * number] - 1
  end
end
return answer
"""


class Place(NamedTuple):
    """A place in a window of so many hits in so many seconds; where it is not to be taken, only whether there is one."""

    key: str
    amount: int
    seconds: int
    take: bool


def places(items: Iterable[RateLimitItem], *keys: str, take: bool = True) -> list[Place]:
    """A place in the window of each limit, of who or what the keys say."""
    found, name = [], ":".join(keys)
    for item in items:
        amount, seconds = item.amount, item.get_expiry()
        found.append(Place(f"shop:window:{name}:{amount}:{seconds}", amount, seconds, take))
    return found


class Window(NamedTuple):
    """What a limit says: whether there is room, how much is left, and when the oldest hit leaves (seconds since 1970)."""

    allowed: bool
    amount: int
    remaining: int
    reset: float


Answer = tuple[list[Window], bytes | None]
"""The window of each place, and the version of the inventory where Redis was asked."""


class Windows:
    """The windows of an app."""

    def __init__(self, redis: remote.Line | None, rest: Rest) -> None:
        self.own = OwnWindows()
        self.script = remote.Script(redis, SCRIPT) if redis else None
        self.rest = rest

    def ask(self, asked: Sequence[Place]) -> Answer:
        """Take the places that are to be taken, where there is room for all of them, and else none."""
        if self.script is not None and not self.rest:
            try:
                return self.ask_redis(self.script, asked)
            except remote.RedisError:
                self.rest.begin()
        return self.own.ask(asked), None

    @staticmethod
    def ask_redis(script: remote.Script, asked: Sequence[Place]) -> Answer:
        arguments: list[int] = []
        for _, amount, seconds, take in asked:
            arguments += (amount, seconds, int(take))
        found, *said = script((*[place.key for place in asked], version.KEY), *arguments)
        windows = [
            Window(said[3 * number] == 1, place.amount, said[3 * number + 1], said[3 * number + 2] / 1_000_000)
            for number, place in enumerate(asked)
        ]
        return windows, version.in_life(found, script.line.life)


class Hits(array):  # type: ignore[type-arg]
    """The times of the hits in a window of so many seconds, the oldest first, in eight bytes each, where a number of Python's
    takes 32. ``gone`` of them have left it: to take each away at once would move all others."""

    __slots__ = ("gone", "seconds")
    gone: int
    seconds: int

    def __new__(cls, seconds: int) -> "Hits":
        made: Hits = super().__new__(cls, "d")  # type: ignore[assignment]
        made.gone, made.seconds = 0, seconds
        return made

    def drop_until(self, moment: float) -> None:
        gone = self.gone
        while gone < len(self) and self[gone] <= moment:
            gone += 1
        if gone > SWEEP and gone * 2 > len(self):
            del self[:gone]
            gone = 0
        self.gone = gone

    def is_over(self, now: float) -> bool:
        """Whether none of them counts any more."""
        return not self or self[-1] + self.seconds <= now


class OwnWindows:
    """Windows in the memory of this process."""

    def __init__(self) -> None:
        self.hits: dict[str, Hits] = {}
        self.lock = threading.Lock()
        self.since_sweep = 0

    def ask(self, asked: Sequence[Place]) -> list[Window]:
        now, room, found = time.time(), True, []
        with self.lock:
            for place in asked:
                hits = self.at(place, now)
                used = len(hits) - hits.gone
                room = room and (used < place.amount or not place.take)
                found.append((place, hits, used))
            windows = [self.window(place, hits, used, now, take=room and place.take) for place, hits, used in found]
            self.since_sweep += len(asked)
            if self.since_sweep > SWEEP:
                self.sweep(now)
            return windows

    @staticmethod
    def window(place: Place, hits: Hits, used: int, now: float, *, take: bool) -> Window:
        _, amount, seconds, _ = place
        if take:
            hits.append(now)
        oldest = hits[hits.gone] if used or take else now
        return Window(used < amount, amount, amount - used - take, oldest + seconds)

    def at(self, place: Place, now: float) -> Hits:
        """The hits that are in the window of a place now."""
        hits = self.hits.get(place.key)
        if hits is None:
            hits = Hits(place.seconds)
            if not place.take:
                return hits
            self.hits[place.key] = hits
        hits.drop_until(now - place.seconds)
        return hits

    def sweep(self, now: float) -> None:
        self.since_sweep = 0
        for key in [key for key, hits in self.hits.items() if hits.is_over(now)]:
            del self.hits[key]

    def clear(self) -> None:
        with self.lock:
            self.hits.clear()
