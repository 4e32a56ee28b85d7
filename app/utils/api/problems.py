"""Error responses: each error becomes ``application/problem+json`` here (RFC 9457)."""

import json
import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from blinker import signal
from flask import Flask, Response
from marshmallow import Schema, fields
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError

from app.utils.db.engines import error_code
from app.utils.errors import Invalid, Problem, Unavailable

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}
"""RFC 9110's names, where those of Python differ from version to version."""
MAX_ERRORS = 100  # The most fields that one response names.
MISSING_TABLE = {"42P01", 1146}  # Errors of PostgreSQL and MySQL.
UNPREPARED = ". If this shop has never started: serve with `python run.py`, or let a WSGI server call run:create_app"
refused = signal("refused")  # Sent with the name of the error's class when a request is refused.


class ShortageSchema(Schema):
    """A part with too little stock."""

    inventory_id = fields.Integer(required=True, metadata={"example": 1})
    requested = fields.Integer(required=True, metadata={"minimum": 1, "example": 2})
    available = fields.Integer(required=True, metadata={"minimum": 0, "example": 1})


class ProblemSchema(Schema):
    """An error, as RFC 9457 describes it."""

    type = fields.String(required=True, metadata={"description": "Always about:blank: the status is the type"})
    title = fields.String(required=True, metadata={"example": "Unprocessable Content"})
    status = fields.Integer(required=True, metadata={"example": 422})
    detail = fields.String(required=True, metadata={"example": "The request has fields that can't be accepted."})
    code = fields.String(metadata={"description": "The kind of conflict, of a 409", "example": "out_of_stock"})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "field → what is wrong with it", "example": {"vin": ["is required"]}},
    )
    shortages = fields.List(fields.Nested(ShortageSchema), metadata={"description": "The parts with too little stock"})


def init_app(app: Flask) -> None:
    """Register the error handlers. Call after the Api is bound, which registers its own."""
    app.register_error_handler(Problem, from_problem)
    app.register_error_handler(HTTPException, from_http_exception)
    for kind in (OperationalError, InterfaceError, ProgrammingError, PoolTimeout):
        app.register_error_handler(kind, from_database_error)


def flatten(messages: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield marshmallow's nested messages as (dotted field, list of messages)."""
    if isinstance(messages, Mapping):
        for key, value in messages.items():
            name = "" if key == "_schema" else str(key)
            yield from flatten(value, f"{path}.{name}".strip(".") if name else path)
    else:
        texts = messages if isinstance(messages, list) else [messages]
        yield path or "body", [str(text) for text in texts]


def title(status: int) -> str:
    return TITLES.get(status) or HTTPStatus(status).phrase


def problem_body(status: int, detail: str, members: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "about:blank", "title": title(status), "status": status, "detail": detail, **members}


def respond(status: int, detail: str, members: Mapping[str, Any] | None = None, headers: Any = ()) -> Response:
    body = problem_body(status, detail, members or {})
    # A field's name may hold a lone surrogate, which has no UTF-8.
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return Response(text, status, headers, content_type=MEDIA_TYPE)


def from_problem(problem: Problem) -> Response:
    refused.send(rule=type(problem).__name__)
    return respond(problem.status, problem.detail, problem.members, problem.headers)


def from_http_exception(error: HTTPException) -> Response:
    """Translate the errors of Flask, webargs and Werkzeug. Flask passes an unexpected exception as a 500."""
    status = error.code or 500
    if error.response is not None and status < 400:
        return error.response  # type: ignore[return-value]
    data = getattr(error, "data", None) or {}
    if status == 422 and "messages" in data:
        messages = dict(pair for location in data["messages"].values() for pair in flatten(location))
        return from_problem(Invalid(dict(list(messages.items())[:MAX_ERRORS])))
    if isinstance(error, InternalServerError):
        return respond(500, "The shop failed to answer; the operator's log says why.")
    headers = [(name, value) for name, value in error.get_headers() if name.lower() not in ("content-type", "content-length")]
    return respond(status, error.description or HTTPStatus(status).description, headers=headers)


def from_database_error(error: DBAPIError | PoolTimeout) -> Response:
    """Respond with 503 if the database is locked, gone, full or not ready. The transaction was rolled back."""
    if isinstance(error, ProgrammingError) and not lacks_table(error):
        raise error
    reason = str(getattr(error, "orig", error)).split("\n")[0]
    log.error("The database failed: %s: %s%s", type(error).__name__, reason, UNPREPARED if lacks_table(error) else "")
    return from_problem(Unavailable())


def lacks_table(error: Exception) -> bool:
    cause = getattr(error, "orig", None)
    return error_code(cause) in MISSING_TABLE or str(cause).startswith(("no such table", "unable to open database file"))
