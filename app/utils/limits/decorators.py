"""Count requests against the rate limits.

Flask-Limiter counts every attempt of logins and registrations. Every other request counts against ``LIMIT_DEFAULT`` of
its caller. Some writes also count their successes, in the transaction: see :class:`SuccessLimit` and ``utils/write.py``.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from math import ceil
from typing import Any, cast

from flask import Request, Response, request

from app.extensions import limiter
from app.utils.context import RequestState, View, caller, current_request, current_shop, current_state
from app.utils.errors import TooManyRequests
from app.utils.limits.windows import Slot, Window, slots


# ---------------------------------------------------------------- every attempt
def address() -> str:
    return request.remote_addr or "unknown"


def limit_attempts(setting: str) -> Callable[[View], View]:
    """Count every request to a view by its address, against this setting and not against LIMIT_DEFAULT."""

    def limit_string() -> str:
        return ";".join(map(str, current_shop().config[setting])) or "1 per second"  # Blank is exempt.

    def is_exempt() -> bool:
        return not current_shop().config[setting]

    def decorate(view: View) -> View:
        limited = limiter.shared_limit(limit_string, setting, key_func=address, exempt_when=is_exempt)(view)
        return unlimited(retried_in_memory(cast("View", limited)))

    return decorate


def retried_in_memory(view: View) -> View:
    """Check again if Redis failed. Flask-Limiter falls back to memory for the first request alone that meets the error: a
    simultaneous request in another thread would be a 500."""

    @wraps(view)
    def limited(*args: Any, **kwargs: Any) -> Any:
        errors = getattr(current_shop().redis, "error_types", ())
        try:
            return view(*args, **kwargs)
        except errors:
            limiter.context.seen_limits.clear()
            return view(*args, **kwargs)

    return limited  # type: ignore[return-value]


def count_attempt(setting: str, key: str, *, times: int) -> None:
    """Count an attempt by a key, ``times`` as many of which are allowed as the setting says. Raise TooManyRequests."""
    checks = [each._replace(amount=each.amount * times) for each in slots(current_shop().config[setting], setting, key)]
    windows = current_shop().windows.check_and_hit(checks)[0] if checks else []
    require_room((window for window in windows if not window.allowed), current_state())


# ---------------------------------------------------------------- everything else
def unlimited(view: View) -> View:
    """Exempt a view from LIMIT_DEFAULT: a health check, or a view with a limit of its own."""
    view.is_unlimited = True  # type: ignore[attr-defined]
    return view


def enforce_default_limit(request: Request, state: RequestState) -> None:
    """Count the request for its caller. Raise TooManyRequests.

    The same step looks for room in the limit of the view's successes, without a hit."""
    app = current_shop()
    if request.endpoint is None or request.method == "OPTIONS":
        return
    view = app.view_functions[request.endpoint]
    if hasattr(view, "is_unlimited"):
        return
    counted = slots(app.config["LIMIT_DEFAULT"], "LIMIT_DEFAULT", state.limit_key)
    success: SuccessLimit | None = view.write.limit if state.caller and hasattr(view, "write") else None
    looked_at = success.slots(request, hit=False) if success else []
    if counted or looked_at:
        state.redis_epoch = app.redis.epoch if app.redis else 0
        windows, state.cache_version = app.windows.check_and_hit([*counted, *looked_at])
        state.success_windows = windows[len(counted) :]
        require_room(windows[: len(counted)], state)


def require_room(windows: Iterable[Window], state: RequestState) -> None:
    """Raise TooManyRequests at the first full window. The headers show the window with the least room."""
    for window in windows:
        shown = state.limit_shown
        if shown is None or not window.allowed or window.remaining < shown.remaining:
            state.limit_shown = window
        if not window.allowed:
            raise TooManyRequests


# ---------------------------------------------------------------- successes
@dataclass(frozen=True, slots=True)
class SuccessLimit:
    """A limit of the successes of a view: its setting, and the keys that it counts by."""

    setting: str
    keys: Callable[..., tuple[str, ...]]

    def slots(self, request: Request, *, hit: bool) -> list[Slot]:
        limits = current_shop().config[self.setting]
        return slots(limits, self.setting, *self.keys(**request.view_args or {}), hit=hit)

    def require_room(self) -> None:
        """Raise TooManyRequests if the limit was reached when the request arrived."""
        state = current_state()
        if not state.success_counted:
            require_room(state.success_windows, state)

    def count(self) -> None:
        """Count a success by one atomic hit, right before the commit. Raise TooManyRequests, which rolls back.

        Of many simultaneous requests, only as many pass as are left. A retried transaction counts once."""
        state = current_state()
        if state.success_counted:
            return
        if asked := self.slots(current_request(), hit=True):
            require_room(current_shop().windows.check_and_hit(asked)[0], state)
        state.success_counted = True


def per_caller(setting: str) -> SuccessLimit:
    return SuccessLimit(setting, lambda **_: (caller().key,))


def per_ticket(setting: str) -> SuccessLimit:
    return SuccessLimit(setting, lambda ticket_id, **_: (caller().key, f"ticket:{ticket_id}"))


# ---------------------------------------------------------------- headers
def add_rate_limit_headers(response: Response, state: RequestState) -> None:
    """Add the rate-limit headers: how much is left, and when to retry if nothing is."""
    if window := state.limit_shown:
        amount, remaining, reset = window.amount, window.remaining, window.reset
    elif current := limiter.current_limit:
        errors = getattr(current_shop().redis, "error_types", ())
        try:
            amount, remaining, reset = current.limit.amount, current.remaining, current.reset_at
        except errors:
            return  # Redis counted the request, and has failed since.
    else:
        return
    headers = response.headers
    headers.add("X-RateLimit-Limit", str(amount))
    headers.add("X-RateLimit-Remaining", str(max(0, remaining)))
    headers.add("X-RateLimit-Reset", str(ceil(reset)))
    if response.status_code == 429:
        headers["Retry-After"] = str(max(1, ceil(reset - time.time())))
