"""The access policy: who sent the request, and what each role may do. Every view declares its roles with ``@allow``."""

from collections.abc import Callable

from flask import Request

from app.utils.api.openapi import document
from app.utils.context import RequestState, View, caller, current_shop
from app.utils.errors import Forbidden, NotFound, Unauthorized

LIBRARY_VIEWS = dict.fromkeys(("api-docs.openapi_json", "swagger_ui.show"), frozenset({"anyone"}))
"""Public views of libraries, which can't declare their roles."""


def allow(*roles: str) -> Callable[[View], View]:
    """Declare who may call a view: ``customer``, ``mechanic``, ``admin``, or ``anyone`` without a token.

    A view without a declaration is forbidden to all."""

    def declare(view: View) -> View:
        view.allowed_roles = frozenset(roles)  # type: ignore[attr-defined]
        return document(view, allowed=roles)

    return declare


def identify_caller(request: Request, state: RequestState) -> None:
    """Set the caller, or the reason why the token is refused. The refusal waits: the view may be public."""
    scheme, _, token = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "bearer":
        try:
            state.caller = current_shop().token_cache.find(token.strip())
        except Unauthorized as error:
            state.auth_error = error
    state.limit_key = state.caller.key if state.caller else f"address:{request.remote_addr}"


def require_access(request: Request, state: RequestState) -> None:
    """Raise Unauthorized or Forbidden unless the view allows the caller's role."""
    if request.endpoint is None or request.method == "OPTIONS":
        return  # Flask responds with 404, 405 or the methods.
    view = current_shop().view_functions[request.endpoint]
    roles: frozenset[str] = getattr(view, "allowed_roles", None) or LIBRARY_VIEWS.get(request.endpoint, frozenset())
    if "anyone" in roles:
        return
    if state.caller is None:
        raise state.auth_error or Unauthorized
    if state.caller.role not in roles:
        raise Forbidden


def require_owner(customer_id: int) -> None:
    """Raise NotFound if the caller is a customer, and another one than this."""
    if not caller().is_staff and caller().id != customer_id:
        raise NotFound
