"""The cached inventory: answers kept as ready bytes, and never served once a write to any part has been answered.

Each process keeps its answers; what all share is a version (:mod:`app.utils.version`), which every write replaces after
its commit and before its answer. An answer is kept with the version that stood before it was read, and served only while
that is still the version: one that was read before a write and kept after it is never served.

Where Redis fails, answers come from the database. A write that could not replace the version keeps trying.
"""

import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, Response, current_app

from app.utils import conditional, remote
from app.utils.extensions import cache
from app.utils.idempotency import replayed
from app.utils.lean import KnownHeaders, app_itself, request_itself
from app.utils.resting import Rest
from app.utils.version import OwnVersion, SharedVersion

PATIENCE = 0.05
"""Seconds between two tries to replace the version after a failure."""
View = TypeVar("View", bound=Callable[..., Any])


class Catalog:
    """What a process knows of the cache: whether the version can be asked for, and whether a write must still be told."""

    def __init__(self, version: OwnVersion | SharedVersion, rest: Rest) -> None:
        self.version = version
        self.rest = rest
        self.untold = 0
        self.telling = threading.Lock()
        self.makers = tuple(threading.Lock() for _ in range(64))

    def current(self) -> bytes | None:
        """The version that answers must have; None where it can't be asked for, and nothing may be kept or served."""
        if self.untold or self.rest:
            return None
        try:
            return self.version.read()
        except remote.RedisError:
            self.rest.begin()
            return None

    def has_changed(self) -> None:
        """A part is not what it was: let no answer from before be served again."""
        with self.telling:
            if self.untold:  # The thread that tells of another write tells of this one, too.
                self.untold += 1
                return
        try:
            self.version.replace()
        except remote.RedisError:
            self.rest.begin()
            with self.telling:
                self.untold += 1
                if self.untold == 1:
                    threading.Thread(target=self.tell, name="catalog", daemon=True).start()

    def tell(self) -> None:
        """Replace the version as soon as Redis can be reached again."""
        while self.untold:
            writes = self.untold
            try:
                self.version.replace()
            except remote.RedisError:
                time.sleep(PATIENCE)
                continue
            with self.telling:
                if self.untold == writes:  # Else one more failed meanwhile, and may have come after the version.
                    self.untold = 0

    def maker(self, key: str) -> threading.Lock:
        """The lock of who makes the answer of a key; the others wait for it instead of making it too."""
        return self.makers[hash(key) % len(self.makers)]


def catalog() -> Catalog:
    found: Catalog = app_itself().extensions["catalog"]
    return found


def has_changed() -> None:
    """Call after the commit of whatever changes a part."""
    catalog().has_changed()


replayed.connect(lambda _: has_changed(), weak=False)


def cached(view: View) -> View:
    """Answer from the cache where the inventory is still what it was; put it around ``blp.response``.

    A search is not kept, nor an empty page: there is no end of them."""

    @wraps(view)
    def remembered(*args: Any, **kwargs: Any) -> Any:
        version = None if any(isinstance(query, dict) and query.get("q") for query in args) else catalog().current()
        if version is None:
            return view(*args, **kwargs)
        key = f"{request_itself().path.rstrip('/')} {args} {kwargs}"
        kept = find(key, version)
        if kept is None:
            with catalog().maker(key):
                kept = find(key, version) or make(lambda: view(*args, **kwargs), key, version)
        return kept

    return remembered  # type: ignore[return-value]


def find(key: str, version: bytes) -> Response | None:
    """The answer that is kept under a key, where it has this version."""
    kept = app_itself().extensions["cache"][cache].get(key)  # Flask-Caching's proxy would look for the app once more.
    if kept is None or kept[0] != version:
        return None
    return app_itself().response_class([kept[1]], headers=KnownHeaders(kept[2]))


def make(view: Callable[[], Response], key: str, version: bytes) -> Response:
    """Read the answer from the database, and keep it under the version that stood before."""
    response = view()
    conditional.label(response)
    body = response.get_data()
    if body != b"[]":
        cache.set(key, (version, body, list(response.headers)), timeout=current_app.config["CACHE_TIMEOUT"])
    return response


def init_app(app: Flask) -> None:
    redis = app.extensions["redis"]
    app.extensions["catalog"] = Catalog(SharedVersion(redis) if redis else OwnVersion(), app.extensions["rest"])
