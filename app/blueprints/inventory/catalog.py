"""The cached inventory: answers kept as ready bytes, and never served once a write to any part has been answered.

The key of each answer holds a version that every write replaces after its commit and before its answer. A reader
that began before the write stores under the old version, where nobody looks any more.
"""

import logging
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Response, current_app, request

from app.utils.conditional import etag_of
from app.utils.extensions import cache

log = logging.getLogger(__name__)
VERSION = "inventory"
View = TypeVar("View", bound=Callable[..., Any])


def has_changed() -> None:
    """A part is not what it was: let no cached answer be served again."""
    cache.set(VERSION, uuid.uuid4().hex, timeout=0)


def version() -> str:
    """The version that cached answers must have now."""
    found: str | None = cache.get(VERSION)
    if found is None:
        cache.add(VERSION, uuid.uuid4().hex, timeout=0)
        found = cache.get(VERSION)
    return str(found)


def cached(view: View) -> View:
    """Answer from the cache where the inventory is still what it was; put it around ``blp.response``.

    A search is not kept, nor an empty page: there is no end of them."""

    @wraps(view)
    def remembered(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(query, dict) and query.get("q") for query in args):
            return view(*args, **kwargs)
        key = f"{version()} {request.path.rstrip('/')} {args} {kwargs}"
        kept = cache.get(key)
        if kept is not None:
            return Response(kept[0], headers=kept[1], mimetype="application/json")
        response: Response = view(*args, **kwargs)
        body = response.get_data()
        response.set_etag(etag_of(body))
        if body != b"[]":
            names = ("ETag", "Link", "X-Total-Count")
            headers = {name: response.headers[name] for name in names if name in response.headers}
            cache.set(key, (body, headers), timeout=current_app.config["CACHE_TIMEOUT"])
        return response

    return remembered  # type: ignore[return-value]
