"""Rate limits: who is counted for what.

Logins and registrations are limited at every try by Flask-Limiter. Every other request counts against
``LIMIT_DEFAULT`` of its caller, and some writes by their successes besides (:func:`limit_successes`): these are
counted in :mod:`app.utils.windows`, since Flask-Limiter counts a success after its commit, when it is too late.
"""

import re
import time
from collections.abc import Callable, Iterable
from functools import wraps
from math import ceil
from typing import Any, NamedTuple, TypeVar, cast

from flask import Flask, Request, Response, current_app, request
from flask.ctx import _AppCtxGlobals
from flask_limiter import RateLimitExceeded

from app.utils import remote
from app.utils.auth import caller
from app.utils.errors import Problem, TooMany, from_problem
from app.utils.extensions import limiter
from app.utils.fields import TRIMMED
from app.utils.lean import app_itself, g_itself, request_itself
from app.utils.windows import Place, Window, Windows, places
from app.utils.wire import read

View = TypeVar("View", bound=Callable[..., Any])


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


def limit_tries(name: str, *keys: Callable[[], str]) -> Callable[[View], View]:
    """Count every request to a view, by each of the keys, against the setting of that name alone."""

    def decorate(view: View) -> View:
        limited: Any = view
        for key in keys:
            limited = limiter.shared_limit(setting(name), name, key_func=key, exempt_when=is_off(name))(limited)
        return cast("View", unlimited(limited))

    return decorate


# ---------------------------------------------------------------- everything else
def unlimited(view: View) -> View:
    """Mark a view that LIMIT_DEFAULT does not count: health checks, and views with a limit of their own."""
    view.is_unlimited = True  # type: ignore[attr-defined]
    return view


def count_request(asked: Request, known: _AppCtxGlobals) -> None:
    """Before each request: count it for its caller; raise TooMany. In the same step it is found out whether there is room
    for the success that the view may count afterwards."""
    app = app_itself()
    if asked.endpoint is None or asked.method == "OPTIONS":
        return
    view = app.view_functions[asked.endpoint]
    if hasattr(view, "is_unlimited"):
        return
    counted = places(app.config["LIMIT_DEFAULT"], "LIMIT_DEFAULT", known.limit_key)
    success: SuccessLimit | None = getattr(view, "success_limit", None) if known.caller else None
    if all_places := counted + success.places(asked, take=False) if success else counted:
        found, known.version = app.extensions["windows"].ask(all_places)
        known.room_for_success = found[len(counted) :]
        require_room(found[: len(counted)], known)


def require_room(windows: Iterable[Window], known: _AppCtxGlobals) -> None:
    """Raise TooMany at the first window that is full; the one with the least room is shown."""
    for window in windows:
        shown: Window | None = known.get("limit_shown")
        if shown is None or not window.allowed or window.remaining < shown.remaining:
            known.limit_shown = window
        if not window.allowed:
            raise TooMany


# ---------------------------------------------------------------- successes
Keys = tuple[str, ...]


def caller_and_ticket(ticket_id: int, **_: Any) -> Keys:
    return caller().key, f"ticket:{ticket_id}"


def caller_alone(**_: Any) -> Keys:
    return (caller().key,)


class SuccessLimit(NamedTuple):
    """The limit of a view's successes: the name of its setting, and what it counts them by."""

    name: str
    by: Callable[..., Keys]

    def places(self, asked: Request, *, take: bool) -> list[Place]:
        return places(app_itself().config[self.name], self.name, *self.by(**asked.view_args or {}), take=take)


def limit_successes(name: str, by: Callable[..., Keys]) -> Callable[[View], View]:
    """Count what a view does, and not what it refuses; put it right inside :func:`transaction`.

    It asks first (in :func:`count_request`), so that a limit that is reached costs nothing. It counts last, by one atomic
    hit before the commit: of many requests at once only as many pass as are left, and the others are rolled back to a 429."""
    success = SuccessLimit(name, by)

    def decorate(view: View) -> View:
        @wraps(view)
        def limited(*args: Any, **kwargs: Any) -> Any:
            known = g_itself()
            if known.get("success_counted", False):  # A transaction that is tried again counts once.
                return view(*args, **kwargs)
            require_room(known.get("room_for_success", ()), known)
            answer = view(*args, **kwargs)
            if taken := success.places(request_itself(), take=True):
                require_room(app_itself().extensions["windows"].ask(taken)[0], known)
            known.success_counted = True
            return answer

        limited.success_limit = success  # type: ignore[attr-defined]
        return limited  # type: ignore[return-value]

    return decorate


# ---------------------------------------------------------------- what is shown
def show(response: Response, known: _AppCtxGlobals) -> None:
    """After each request: say how much of the limit is left, and when to come back where none is."""
    if window := known.get("limit_shown"):
        amount, remaining, reset = window.amount, window.remaining, window.reset
    elif current := limiter.current_limit:
        try:
            amount, remaining, reset = current.limit.amount, current.remaining, current.reset_at
        except remote.RedisError:
            return  # It was there a moment ago, and counted.
    else:
        return
    headers = response.headers
    headers.add("X-RateLimit-Limit", str(amount))
    headers.add("X-RateLimit-Remaining", str(max(0, remaining)))
    headers.add("X-RateLimit-Reset", str(ceil(reset)))
    if response.status_code == 429:
        headers["Retry-After"] = str(max(1, ceil(reset - time.time())))


def init_app(app: Flask) -> None:
    app.config["RATELIMIT_STORAGE_URI"] = re.sub("^unix:", "redis+unix:", app.config["REDIS_URL"]) or "memory://"
    app.config["RATELIMIT_STORAGE_OPTIONS"] = remote.patience() if app.config["REDIS_URL"] else {}
    app.config["RATELIMIT_IN_MEMORY_FALLBACK_ENABLED"] = bool(app.config["REDIS_URL"])
    app.extensions["windows"] = Windows(app.extensions["redis"], app.extensions["rest"])
    watched = [[*watchers.get(None, [])] for watchers in (app.before_request_funcs, app.after_request_funcs)]
    limiter.init_app(app)
    # Its limits are all decorators, which look for themselves: what it does around every request is not needed.
    app.before_request_funcs[None], app.after_request_funcs[None] = watched
    app.teardown_request_funcs.clear()
    app.register_error_handler(RateLimitExceeded, lambda error: from_problem(TooMany()))
