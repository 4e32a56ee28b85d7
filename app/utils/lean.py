"""Flask without what this API has no use for, which cost a fifth of a cached answer."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Request, current_app, g, request
from flask.ctx import _AppCtxGlobals
from flask.sessions import NullSession, SessionInterface


class NoSessions(SessionInterface):
    """There are no cookies: each request says who calls by its token."""

    NOTHING = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        return self.NOTHING


class LeanFlask(Flask):
    session_interface = NoSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view is a coroutine, so there is no need to look at each."""
        return func


def request_itself() -> Request:
    """The request behind Flask's proxy, which would be looked up anew for each attribute."""
    found: Request = request._get_current_object()  # type: ignore[attr-defined]
    return found


def g_itself() -> _AppCtxGlobals:
    """What is behind the proxy ``g``, likewise."""
    found: _AppCtxGlobals = g._get_current_object()
    return found


def app_itself() -> Flask:
    """The app behind the proxy ``current_app``, likewise."""
    found: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return found
