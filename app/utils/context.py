"""The app class, and what a request carries in ``g``, typed.

``current_request()``, ``current_state()`` and ``current_shop()`` return the object behind Flask's proxies. A proxy
searches its object anew for each attribute: without these functions a cached response takes 77 % more instructions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask import Flask, Request, current_app, g, request
from flask.sessions import NullSession, SessionInterface
from werkzeug.exceptions import NotFound
from werkzeug.routing import MapAdapter

if TYPE_CHECKING:
    from app.blueprints.inventory.cache import InventoryCache
    from app.utils.auth.token_cache import TokenCache
    from app.utils.db.presence import Presence
    from app.utils.db.transactions import Transaction
    from app.utils.errors import Unauthorized
    from app.utils.limits.windows import MovingWindows, Window
    from app.utils.redis import RedisClient

View = TypeVar("View", bound=Callable[..., Any])
AppGlobals: Any = Flask.app_ctx_globals_class


@dataclass(frozen=True, slots=True)
class Caller:
    """The account that sent a request. ``kind`` is ``customer`` or ``mechanic``; ``role`` may also be ``admin``."""

    kind: str
    id: int
    role: str
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", f"{self.kind}:{self.id}")

    @property
    def is_staff(self) -> bool:
        return self.kind == "mechanic"

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"


class RequestState(AppGlobals):
    """``flask.g``: the state of one request, or of one command."""

    request_id: str = "-"
    started_at: float = 0.0  # When the request arrived, by ``time.perf_counter()``.
    caller: Caller | None = None
    auth_error: "Unauthorized | None" = None  # The reason why the token was refused, if one was sent.
    limit_key: str = ""  # The key that the request is counted by: the caller's key, or the address.
    limit_shown: "Window | None" = None  # The moving window that the rate-limit headers show.
    success_windows: "Sequence[Window]" = ()  # The state of the view's limit of successes before the view runs.
    success_counted: bool = False
    read_only: "Mapping[str, Any] | None" = None
    """The read-only fields that a change sends back, for ``lock_if_match``: see ``records.Subset``."""
    cache_version: bytes | None = None  # The version of the inventory that Redis named while it counted this request.
    redis_epoch: int = 0  # The epoch of the Redis client before that.
    transaction: "Transaction | None" = None


class NoSessions(SessionInterface):
    """Open no session: requests carry a token and no cookies."""

    SESSION = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        return self.SESSION


class ShopFlask(Flask):
    """The app with its own parts, typed. The factory sets them, ``limits.init_app`` the windows."""

    app_ctx_globals_class = RequestState
    session_interface = NoSessions()
    redis: "RedisClient | None"
    presence: "Presence | None"
    windows: "MovingWindows"
    token_cache: "TokenCache"
    inventory_cache: "InventoryCache"
    list_counts: dict[tuple[Any, ...], tuple[float, int]]  # Lengths of long lists: cache key → (expiry, count).

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Match the path alone, whatever the host. Raise NotFound for ``//customers``.

        Werkzeug takes ``//customers`` for ``/customers``, and a proxy's access rules may not."""
        if request is None:
            return None
        if request.environ["PATH_INFO"].startswith("//"):
            raise NotFound
        return MapAdapter(self.url_map, "", request.root_path, "", request.scheme, request.path, request.method)


def current_request() -> Request:
    return cast("Request", request._get_current_object())  # type: ignore[attr-defined]


def current_state() -> RequestState:
    return cast("RequestState", g._get_current_object())


def current_shop() -> ShopFlask:
    return cast("ShopFlask", current_app._get_current_object())  # type: ignore[attr-defined]


def caller() -> Caller:
    """Return the account that is signed in. Only for views that require one."""
    found = current_state().caller
    if found is None:
        raise RuntimeError("The view does not require a caller")
    return found


def secret_keys() -> tuple[str, ...]:
    """Return the secrets whose signatures are valid: the one that signs, then the fallbacks."""
    config = current_shop().config
    return (config["SECRET_KEY"], *config["SECRET_KEY_FALLBACKS"])
