"""Response cache for inventory reads: a write invalidates it before its response is sent.

Each process caches responses with the cache version at which they were read, and serves them only while that version is
current. A write replaces the version after its commit: a response that was read before the write and stored after it is
never served. Processes share the version in Redis, which returns it with the rate limits: no extra round trip.

If Redis fails, responses come from the database. A write that could not replace the version keeps trying.
"""

import secrets
import threading
import time
from functools import wraps
from typing import Any, cast

from flask import Response

from app.extensions import cache
from app.utils.api.etags import add_etag
from app.utils.api.idempotency import replayed
from app.utils.context import View, current_request, current_shop, current_state
from app.utils.db.presence import Presence
from app.utils.db.transactions import after_commit
from app.utils.limits.windows import CACHE_VERSION_KEY
from app.utils.redis import RedisClient, RedisUnavailable

RETRY_SECONDS = 0.05  # The pause before another attempt to replace the version.


def new_version() -> bytes:
    return secrets.token_hex(16).encode()


class LocalVersion:
    """The cache version of a process that is the whole shop; None as long as another process serves, too."""

    def __init__(self, presence: Presence | None = None) -> None:
        self.version, self.presence = new_version(), presence

    def read(self) -> bytes | None:
        if self.presence is None:
            return self.version
        return b"%s %d" % (self.version, self.presence.generation) if self.presence.is_alone else None

    def replace(self) -> None:
        self.version = new_version()


class RedisVersion:
    """The cache version that all processes share. Raises RedisUnavailable."""

    def __init__(self, redis: RedisClient) -> None:
        self.redis = redis

    def read(self) -> bytes | None:
        """Return the version, valid for one epoch of the client; None if the connection was replaced meanwhile.

        A Redis that was restored from a snapshot names an older version: responses cached under it may be stale."""
        state = current_state()
        epoch = state.redis_epoch if state.cache_version else self.redis.epoch
        version = state.cache_version or self.redis.run(self._get)
        return b"%s %d" % (version, epoch) if version and epoch == self.redis.epoch else None

    def _get(self) -> bytes | None:
        self.redis.client.set(CACHE_VERSION_KEY, new_version(), nx=True)
        return cast("bytes | None", self.redis.client.get(CACHE_VERSION_KEY))

    def replace(self) -> None:
        self.redis.run_even_if_open(lambda: self.redis.client.set(CACHE_VERSION_KEY, new_version()))


class InventoryCache:
    """The cache of one app: its version, and the invalidations that Redis has not accepted yet."""

    def __init__(self, redis: RedisClient | None, presence: Presence | None = None) -> None:
        self.version: RedisVersion | LocalVersion = RedisVersion(redis) if redis else LocalVersion(presence)
        self.pending_invalidations = 0
        self._lock = threading.Lock()
        self._key_locks = tuple(threading.Lock() for _ in range(64))

    def current_version(self) -> bytes | None:
        """Return the current version; None if it is unknown, and the cache must not be used."""
        try:
            return None if self.pending_invalidations else self.version.read()
        except RedisUnavailable:
            return None

    def invalidate(self) -> None:
        """Replace the version, in the background if Redis fails now."""
        with self._lock:
            if self.pending_invalidations:  # The thread of another write is still trying.
                self.pending_invalidations += 1
                return
        try:
            self.version.replace()
        except RedisUnavailable:
            with self._lock:
                self.pending_invalidations += 1
                if self.pending_invalidations == 1:
                    threading.Thread(target=self._retry_invalidation, name="cache", daemon=True).start()

    def _retry_invalidation(self) -> None:
        while pending := self.pending_invalidations:
            try:
                self.version.replace()
            except RedisUnavailable:
                time.sleep(RETRY_SECONDS)
                continue
            with self._lock:  # Without those that failed after this version. No pause: writes may come faster than that.
                self.pending_invalidations -= pending

    def key_lock(self, key: str) -> threading.Lock:
        """Return the lock for a cache key (single-flight): one request reads the database, the others wait."""
        return self._key_locks[hash(key) % len(self._key_locks)]


def invalidate() -> None:
    current_shop().inventory_cache.invalidate()


def invalidate_after_commit() -> None:
    """Call in every transaction that changes a part."""
    after_commit(invalidate)


replayed.connect(lambda _: invalidate(), weak=False)


def cached(view: View) -> View:
    """Cache the response of a view: put it right above ``@blp.response``.

    Searches and empty lists are not cached: their number has no bound."""
    if "response" not in getattr(view, "_apidoc", {}):
        raise TypeError(f"{view.__name__}: @cached must stand right above @blp.response")

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        responses = current_shop().inventory_cache
        is_search = any(isinstance(query, dict) and query.get("q") for query in args)
        version = None if is_search else responses.current_version()
        if version is None:
            return view(*args, **kwargs)
        key = f"{current_request().path.rstrip('/')} {args} {kwargs}"
        if found := find(key, version):
            return found
        with responses.key_lock(key):
            return find(key, version) or store(view(*args, **kwargs), key, version)

    return wrapper  # type: ignore[return-value]


def find(key: str, version: bytes) -> Response | None:
    """Return the cached response, if it has this version."""
    entry = cache.get(key)
    return current_shop().response_class(entry[1], headers=entry[2]) if entry and entry[0] == version else None


def store(response: Response, key: str, version: bytes) -> Response:
    """Cache a response under the version that was current before it was read."""
    add_etag(response)
    body = response.get_data()
    if body != b"[]":
        cache.set(key, (version, body, list(response.headers)), timeout=current_shop().config["CACHE_TIMEOUT"])
    return response
