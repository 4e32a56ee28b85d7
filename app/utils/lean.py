"""Flask without what this API has no use for, which cost a fifth of a cached answer."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Request, Response, appcontext_tearing_down, current_app, g, request, request_tearing_down
from flask.ctx import _AppCtxGlobals
from flask.globals import request_ctx
from flask.sessions import NullSession, SessionInterface
from werkzeug.datastructures import Headers
from werkzeug.exceptions import NotFound
from werkzeug.routing import MapAdapter


class NoSessions(SessionInterface):
    """There are no cookies: each request says who calls by its token."""

    NOTHING = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        return self.NOTHING


class LeanResponse(Response):
    """An answer. A success that is whole goes out as it stands: werkzeug copies its headers and wraps its body, for what
    only other answers have."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        whole = self.status_code in (200, 201) and type(self.response) is list and "Content-Length" in self.headers
        if not whole or environ["REQUEST_METHOD"] == "HEAD":
            return super().__call__(environ, start_response)
        start_response(self.status, self.headers.to_wsgi_list())
        return self.response  # type: ignore[return-value]


class LeanFlask(Flask):
    response_class = LeanResponse
    session_interface = NoSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view is a coroutine, so there is no need to look at each."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Routes by the path alone: this API is the same under every host. Refuses ``//customers``, which werkzeug takes
        for ``/customers``, and a proxy's rules may not."""
        if request is None:
            return None
        if request.environ["PATH_INFO"].startswith("//"):
            raise NotFound
        return MapAdapter(self.url_map, "", request.root_path, "", request.scheme, request.path, request.method)

    def preprocess_request(self) -> Any:
        """What is to be done before each request; Flask would look for what its blueprint has besides, which none does."""
        if len(self.before_request_funcs) > 1 or self.url_value_preprocessors:
            return super().preprocess_request()
        for before in self.before_request_funcs[None]:
            if (answer := before()) is not None:
                return answer
        return None

    def process_response(self, response: Response) -> Response:
        """What is to be done after each, likewise."""
        if len(self.after_request_funcs) > 1 or request_ctx._after_request_functions:
            return super().process_response(response)
        for after in reversed(self.after_request_funcs[None]):
            response = after(response)
        return response

    def do_teardown_request(self, exc: Any = None) -> None:
        """What is to be done at the end of a request, where anybody asked for that; Flask would look for each blueprint."""
        if self.teardown_request_funcs or request_tearing_down.receivers:
            super().do_teardown_request(exc)

    def do_teardown_appcontext(self, exc: Any = None) -> None:
        if self.teardown_appcontext_funcs or appcontext_tearing_down.receivers:
            super().do_teardown_appcontext(exc)


class KnownHeaders(Headers):
    """The headers of an answer that is given again; werkzeug has checked each when it was given first."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._list = pairs.copy()


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
