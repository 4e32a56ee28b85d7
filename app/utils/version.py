"""The version of the inventory: which of the answers that are kept still hold.

Every write to a part replaces it. Where several processes share the shop it stands in Redis, beside the limits, and comes
along with the count of each request: one round trip for both.
"""

import os

from app.utils import remote
from app.utils.lean import g_itself

KEY = "shop:inventory"


def new() -> bytes:
    return os.urandom(16).hex().encode()


def in_life(found: bytes, life: int) -> bytes:
    """A version as it holds for answers of this process: only as long as it asks the same Redis over the same connections.
    One that comes back from a snapshot has a version that stood before, and answers kept under it may be from before a
    write. ``life`` is :attr:`remote.Line.life` of the answer that brought it."""
    return b"%s %d" % (found, life)


class OwnVersion:
    """The version of a process that is the whole shop."""

    def __init__(self) -> None:
        self.now = new()

    def read(self) -> bytes:
        return self.now

    def replace(self) -> None:
        self.now = new()


class SharedVersion:
    """The version in Redis; both raise redis.RedisError."""

    def __init__(self, redis: remote.Line) -> None:
        self.redis = redis

    def read(self) -> bytes | None:
        """The version that stood there at some moment of this request."""
        came: bytes | None = g_itself().get("version")
        return came or self.ask()

    def ask(self) -> bytes | None:
        """The version that stands there now; None where it was taken away at the same moment."""
        found: bytes | None = self.redis("GET", KEY)
        if found is None:  # A Redis that was emptied; of several who notice, one sets it.
            self.redis("SET", KEY, new(), "NX")
            found = self.redis("GET", KEY)
        return found and in_life(found, self.redis.life)

    def replace(self) -> None:
        self.redis("SET", KEY, new())
