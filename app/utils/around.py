"""What happens before and after every request."""

from flask import Flask, Response

from app.utils import auth, conditional, limits, logs, metrics, wire
from app.utils.lean import g_itself, request_itself


def init_app(app: Flask) -> None:
    auth.init_app(app)
    limits.init_app(app)
    app.before_request(admit)
    app.after_request(settle)
    metrics.init_app(app)


def admit() -> None:
    """Before each request: who calls, how often, and may they? One function for all, since Flask takes as long to call
    one as some of these take."""
    asked, known = request_itself(), g_itself()
    logs.begin(asked, known)
    auth.identify(asked, known)
    limits.count_request(asked, known)
    auth.require_access(asked, known)


def settle(response: Response) -> Response:
    """After each request: its headers, and its line in the log."""
    asked, known = request_itself(), g_itself()
    wire.take_in(asked)
    limits.show(response, known)
    conditional.tag(response, asked)
    logs.end(response, asked, known)
    return response
