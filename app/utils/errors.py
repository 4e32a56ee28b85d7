"""Errors: raised where they are known, in the words of the trade, and turned into ``problem+json`` here, once.

RFC 9457 gives the shape. ``errors`` maps a field (``parts.0.quantity`` for a line) to what is wrong with it.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from blinker import signal
from flask import Flask, Response
from marshmallow import Schema, fields
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError

from app.utils.extensions import api

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}
"""RFC 9110's names, where Python's differ from version to version."""
MOST_ERRORS = 100
"""How many fields an answer names at the most."""


refused = signal("refused")
"""Sent with the name of its rule when a request is refused."""


class ShortageSchema(Schema):
    """A part of which there is less than was asked for."""

    inventory_id = fields.Integer(required=True, metadata={"example": 1})
    requested = fields.Integer(required=True, metadata={"minimum": 1, "example": 2})
    available = fields.Integer(required=True, metadata={"minimum": 0, "example": 1})


class ProblemSchema(Schema):
    """What went wrong, as RFC 9457 describes it."""

    type = fields.String(required=True, metadata={"description": "about:blank: the status says it all"})
    title = fields.String(required=True, metadata={"example": "Unprocessable Content"})
    status = fields.Integer(required=True, metadata={"example": 422})
    detail = fields.String(required=True, metadata={"example": "The request has fields that can't be accepted."})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "field → what is wrong with it", "example": {"vin": ["is needed"]}},
    )
    shortages = fields.List(fields.Nested(ShortageSchema), metadata={"description": "The parts of which there is too little"})


class Problem(Exception):
    """An error that a client is told of. Each kind has a status and a sentence of its own."""

    status = 400
    detail = "The request can't be understood."

    def __init__(self, detail: str | None = None, *, retry_after: int | None = None, **members: Any) -> None:
        super().__init__(detail or self.detail)
        self.detail = detail or self.detail
        self.members = members
        self.headers = {"Retry-After": str(retry_after)} if retry_after else {}


class Malformed(Problem):
    """The request is no JSON, or not JSON that means one thing."""


class Unauthorized(Problem):
    """There is no good token (RFC 6750)."""

    status = 401
    detail = "A valid bearer token is needed."

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail)
        self.headers = {"WWW-Authenticate": "Bearer"}


class Forbidden(Problem):
    status = 403
    detail = "Your role may not do this."


class NotFound(Problem):
    """There is no such record, or none that the caller may know of: the answer is the same."""

    status = 404
    detail = "There is no such record."


class Conflict(Problem):
    """The request is fine, but not in the state that the shop is in."""

    status = 409


class Stale(Problem):
    status = 412
    detail = "The record has changed since you read it; read it again."


class WrongMediaType(Problem):
    status = 415
    detail = "The body must be application/json."


class Invalid(Problem):
    """Fields that can't be accepted: field → message, or a list of them."""

    status = 422
    detail = "The request has fields that can't be accepted."

    def __init__(self, errors: Mapping[str, str | list[str]], detail: str | None = None) -> None:
        lists = {name: [text] if isinstance(text, str) else text for name, text in errors.items()}
        super().__init__(detail, errors=lists)


class TooMany(Problem):
    status = 429
    detail = "The limit for this request is reached; try again later."


class Unavailable(Problem):
    """The shop can't do it at the moment; nothing was changed."""

    status = 503
    detail = "The shop is busy or a part of it is down; try again shortly."

    def __init__(self, detail: str | None = None, **members: Any) -> None:
        super().__init__(detail, retry_after=1, **members)


def flatten(messages: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """marshmallow's nested messages as (dotted field, list of messages)."""
    if isinstance(messages, Mapping):
        for key, value in messages.items():
            name = "" if key == "_schema" else str(key)
            yield from flatten(value, f"{path}.{name}".strip(".") if name else path)
    else:
        texts = messages if isinstance(messages, list) else [messages]
        yield path or "body", [str(text) for text in texts]


def title(status: int) -> str:
    """The name of a status (RFC 9110)."""
    return TITLES.get(status) or HTTPStatus(status).phrase


def body_of(status: int, detail: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """The one place where the body of an error is made."""
    return {"type": "about:blank", "title": title(status), "status": status, "detail": detail, **members}


def respond(status: int, detail: str, members: Mapping[str, Any] | None = None, headers: Any = ()) -> Response:
    """The answer that tells of an error. Escaped to ASCII: it may name what a client sent."""
    body = body_of(status, detail, members or {})
    # A lone surrogate in a field's name has no UTF-8; a client's decoder may choke on its escape, too.
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return Response(text, status, headers, content_type=MEDIA_TYPE)


def from_problem(problem: Problem) -> Response:
    refused.send(rule=type(problem).__name__)
    return respond(problem.status, problem.detail, problem.members, problem.headers)


def from_http_exception(error: HTTPException) -> Response:
    """Flask's, webargs' and werkzeug's own errors; an unexpected exception arrives as a 500, too."""
    status = error.code or 500
    if error.response is not None and status < 400:
        return error.response  # type: ignore[return-value]
    data = getattr(error, "data", None) or {}
    if status == 422 and "messages" in data:
        found = dict(pair for location in data["messages"].values() for pair in flatten(location))
        return from_problem(Invalid(dict(list(found.items())[:MOST_ERRORS])))
    if isinstance(error, InternalServerError):
        return respond(500, "The shop failed to answer; the operator's log says why.")
    headers = [(name, value) for name, value in error.get_headers() if name.lower() not in ("content-type", "content-length")]
    return respond(status, error.description or HTTPStatus(status).description, headers=headers)


def from_database(error: DBAPIError | PoolTimeout) -> Response:
    """The database is locked, gone, full or not ready; whatever the request began is undone."""
    log.error("The database failed: %s: %s", type(error).__name__, str(getattr(error, "orig", error)).split("\n")[0])
    return from_problem(Unavailable())


def init_app(app: Flask) -> None:
    """Answer every error of the app with ``problem+json``; call after the Api is bound."""
    app.register_error_handler(Problem, from_problem)
    app.register_error_handler(HTTPException, from_http_exception)
    for kind in (OperationalError, InterfaceError, PoolTimeout):
        app.register_error_handler(kind, from_database)


api.ERROR_SCHEMA = ProblemSchema
