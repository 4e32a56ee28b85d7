"""Rate limits: who is counted for what, over Flask-Limiter's moving windows in memory or Redis.

Every request but the logins and registrations counts against ``LIMIT_DEFAULT`` of its caller. Some writes are
limited by their successes besides: see :func:`limit_successes`. Where Redis fails, each process counts for itself
until it is back.
"""

import time
from collections.abc import Callable
from functools import wraps
from math import ceil
from typing import Any, TypeVar, cast

from flask import Flask, Response, current_app, g, request
from flask_limiter import RateLimitExceeded
from limits import RateLimitItem
from redis import RedisError

from app.utils.auth import caller
from app.utils.errors import Problem, TooMany, from_problem
from app.utils.extensions import REDIS_OPTIONS, limiter
from app.utils.fields import TRIMMED
from app.utils.wire import read

View = TypeVar("View", bound=Callable[..., Any])
Keys = tuple[str, ...]


# ---------------------------------------------------------------- every try
def address() -> str:
    return request.remote_addr or "unknown"


def login_account() -> str:
    """The account that a login is tried on, whether there is one or not; the body is read as the login will read it."""
    try:
        body = read(request.get_data(cache=True))
    except Problem:
        body = None
    email = body.get("email") if isinstance(body, dict) else None
    account = email.strip(TRIMMED).lower() if isinstance(email, str) else ""
    return f"{request.path.rstrip('/')}:{account!a}"[:300]


def setting(name: str) -> Callable[[], str]:
    """What Flask-Limiter reads a limit from at each request."""
    return lambda: ";".join(str(item) for item in current_app.config[name]) or "1 per second"  # Blank is exempt.


def is_off(name: str) -> Callable[[], bool]:
    return lambda: not current_app.config[name]


def unlimited(view: View) -> View:
    """Mark a view that LIMIT_DEFAULT does not count: health checks, and views with a limit of their own."""
    view.is_unlimited = True  # type: ignore[attr-defined]
    return view


def not_counted() -> bool:
    view = current_app.view_functions.get(request.endpoint or "")
    return not current_app.config["LIMIT_DEFAULT"] or request.method == "OPTIONS" or hasattr(view, "is_unlimited")


def limit_tries(name: str, *keys: Callable[[], str]) -> Callable[[View], View]:
    """Count every request to a view, by each of the keys, against the setting of that name alone."""

    def decorate(view: View) -> View:
        limited: Any = view
        for key in keys:
            limited = limiter.shared_limit(setting(name), name, key_func=key, exempt_when=is_off(name))(limited)
        return cast("View", unlimited(limited))

    return decorate


# ---------------------------------------------------------------- successes
def caller_and_ticket(ticket_id: int, **_: Any) -> Keys:
    return caller().key, f"ticket:{ticket_id}"


def caller_alone(**_: Any) -> Keys:
    return (caller().key,)


def limit_successes(name: str, by: Callable[..., Keys]) -> Callable[[View], View]:
    """Count what a view does, and not what it refuses; put it right inside :func:`transaction`.

    It asks first, so that a limit that is reached costs nothing. It counts last, by one atomic hit before the
    commit: of many requests at once only as many pass as are left, and the others are rolled back to a 429."""

    def decorate(view: View) -> View:
        @wraps(view)
        def limited(*args: Any, **kwargs: Any) -> Any:
            items: tuple[RateLimitItem, ...] = current_app.config[name]
            keys = (name, *by(**request.view_args or {}))
            if "success_counted" not in g:
                require_left("test", items, keys)
            answer = view(*args, **kwargs)
            if "success_counted" not in g:  # A transaction that is tried again counts once.
                require_left("hit", items, keys)
                g.success_counted = True
            if items:
                g.limit_shown = (items[0], keys)
            return answer

        return limited  # type: ignore[return-value]

    return decorate


def require_left(act: str, items: tuple[RateLimitItem, ...], keys: Keys) -> None:
    """``test`` or ``hit`` each limit; raise TooMany at the first that is reached."""
    for item in items:
        if not count(act, item, keys):
            g.limit_shown = (item, keys)
            raise TooMany


def count(act: str, item: RateLimitItem, keys: Keys) -> Any:
    """Ask the windows; where Redis fails, Flask-Limiter's in this process's memory."""
    try:
        return getattr(limiter.limiter, act)(item, *keys)
    except RedisError:
        limiter._storage_dead = True  # The flag by which Flask-Limiter itself falls back, and looks for Redis again.
        return getattr(limiter.limiter, act)(item, *keys)


# ---------------------------------------------------------------- what is shown
def show(response: Response) -> Response:
    """After each request: say how much of the limit is left, and when to come back where none is."""
    if shown := g.get("limit_shown"):
        item, keys = shown
    elif current := limiter.current_limit:
        item, keys = current.limit, tuple(current.request_args)
    else:
        return response
    reset, remaining = count("get_window_stats", item, keys)
    response.headers["X-RateLimit-Limit"] = str(item.amount)
    response.headers["X-RateLimit-Remaining"] = str(max(0, remaining))
    response.headers["X-RateLimit-Reset"] = str(ceil(reset))
    if response.status_code == 429:
        response.headers["Retry-After"] = str(max(1, ceil(reset - time.time())))
    return response


def init_app(app: Flask) -> None:
    app.config["RATELIMIT_STORAGE_URI"] = app.config["REDIS_URL"] or "memory://"
    app.config["RATELIMIT_STORAGE_OPTIONS"] = REDIS_OPTIONS if app.config["REDIS_URL"] else {}
    app.config["RATELIMIT_IN_MEMORY_FALLBACK_ENABLED"] = bool(app.config["REDIS_URL"])
    app.config["RATELIMIT_APPLICATION"] = setting("LIMIT_DEFAULT")
    app.config["RATELIMIT_APPLICATION_EXEMPT_WHEN"] = not_counted
    limiter.init_app(app)
    app.register_error_handler(RateLimitExceeded, lambda error: from_problem(TooMany()))
