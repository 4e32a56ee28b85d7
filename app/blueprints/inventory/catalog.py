"""The cached inventory: answers kept as ready bytes, and never served once a write to any part has been answered.

Beside the answers stands a version, which every write replaces after its commit and before its answer. An answer is
kept with the version that stood there before it was read, and served only while that is still the version: one that
was read before a write and kept after it is never served.

Where Redis fails, answers come from the database. A write that could not replace the version keeps trying.
"""

import threading
import time
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, Response, current_app

from app.utils import remote
from app.utils.conditional import etag_of
from app.utils.extensions import cache
from app.utils.lean import request_itself
from app.utils.resting import Rest

VERSION = "inventory"
PATIENCE = 0.05
"""Seconds between two tries to replace the version after a failure."""
KEPT_HEADERS = ("ETag", "Link", "X-Total-Count")
View = TypeVar("View", bound=Callable[..., Any])


class Catalog:
    """What a process knows of the cache: whether it can be asked, and whether it must still be told of a write."""

    def __init__(self, app: Flask, rest: Rest) -> None:
        self.app = app
        self.rest = rest
        self.untold = 0
        self.telling = threading.Lock()
        self.makers = tuple(threading.Lock() for _ in range(64))

    def look(self, key: str) -> tuple[str | None, Any]:
        """The version that answers must have, and the answer that is kept under a key, each where there is one.
        Without a version nothing may be kept: the cache can't be asked."""
        if self.untold or self.rest:
            return None, None
        try:
            version, kept = cache.get_many(VERSION, key)
            if version is None:  # A cache that was emptied; of several who notice, one sets it.
                cache.add(VERSION, uuid.uuid4().hex, timeout=0)
                version = cache.get(VERSION)
        except (remote.RedisError, RuntimeError):
            self.rest.begin()
            return None, None
        return version, kept[1:] if kept and kept[0] == version else None

    def keep(self, key: str, version: str, body: bytes, headers: dict[str, str]) -> None:
        try:
            cache.set(key, (version, body, headers), timeout=current_app.config["CACHE_TIMEOUT"])
        except (remote.RedisError, RuntimeError):
            self.rest.begin()

    def has_changed(self) -> None:
        """A part is not what it was: let no answer from before be served again."""
        with self.telling:
            if self.untold:  # The thread that tells of another write tells of this one, too.
                self.untold += 1
                return
        try:
            cache.set(VERSION, uuid.uuid4().hex, timeout=0)
        except remote.RedisError:
            self.rest.begin()
            with self.telling:
                self.untold += 1
                if self.untold == 1:
                    threading.Thread(target=self.tell, name="catalog", daemon=True).start()

    def tell(self) -> None:
        """Replace the version as soon as the cache can be reached again."""
        with self.app.app_context():
            while self.untold:
                writes = self.untold
                try:
                    cache.set(VERSION, uuid.uuid4().hex, timeout=0)
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
    found: Catalog = current_app.extensions["catalog"]
    return found


def has_changed() -> None:
    """Call after the commit of whatever changes a part."""
    catalog().has_changed()


def cached(view: View) -> View:
    """Answer from the cache where the inventory is still what it was; put it around ``blp.response``.

    A search is not kept, nor an empty page: there is no end of them."""

    @wraps(view)
    def remembered(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(query, dict) and query.get("q") for query in args):
            return view(*args, **kwargs)
        key = f"{request_itself().path.rstrip('/')} {args} {kwargs}"
        version, kept = catalog().look(key)
        if kept is None and version is not None:
            with catalog().maker(key):
                version, kept = catalog().look(key)
                return serve(*kept) if kept else make(lambda: view(*args, **kwargs), key, version)
        return serve(*kept) if kept else view(*args, **kwargs)

    return remembered  # type: ignore[return-value]


def serve(body: bytes, headers: dict[str, str]) -> Response:
    return Response(body, headers=headers, content_type="application/json")


def make(view: Callable[[], Response], key: str, version: str | None) -> Response:
    """Read the answer from the database, and keep it under the version that stood there before."""
    response = view()
    body = response.get_data()
    response.set_etag(etag_of(body))
    if version is not None and body != b"[]":
        headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
        catalog().keep(key, version, body, headers)
    return response


def init_app(app: Flask) -> None:
    app.extensions["catalog"] = Catalog(app, app.extensions["rest"])
