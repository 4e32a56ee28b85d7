"""Logging: one line a request, JSON in production and readable elsewhere, without secrets and bodies.

Each request has an id, which a proxy or a client may set as ``X-Request-ID``; every line of a request has it.
"""

import logging
import random
import re
import sys
import time
from datetime import UTC, datetime
from urllib.parse import quote

import orjson
from flask import Flask, Request, Response, has_request_context

from app.utils.context import RequestState, current_state

access = logging.getLogger("shop.access")
READABLE = "%(asctime)s %(levelname)s %(name)s: %(message)s [%(request_id)s]"
GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def add_request_id(record: logging.LogRecord) -> bool:
    """Filter: add the id of the current request to a log record."""
    record.request_id = current_state().request_id if has_request_context() else "-"
    return True


def start_request(request: Request, state: RequestState) -> None:
    """Set the id of the request, and the time of its start."""
    given = request.environ.get("HTTP_X_REQUEST_ID", "")
    # The id is no secret: random.getrandbits() saves the system call of uuid4().
    state.request_id = given if given and GIVEN_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
    state.started_at = time.perf_counter()


def log_request(response: Response, request: Request, state: RequestState) -> None:
    """Log the request without its query, which may name a person."""
    response.headers.add("X-Request-ID", state.request_id)
    if not access.isEnabledFor(logging.INFO):
        return
    milliseconds = round((time.perf_counter() - state.started_at) * 1000, 1)
    path = quote(request.path)  # A line break in the path would forge a line.
    fields = {
        "method": request.method,
        "path": path,
        "route": request.url_rule.rule if request.url_rule else None,
        "status": response.status_code,
        "milliseconds": milliseconds,
        "caller": state.caller.key if state.caller else None,
        "address": request.remote_addr,
    }
    message = f"{request.method} {path} {response.status_code} in {milliseconds} ms"
    # makeLogRecord() does without the search for the caller's file and line, which no format shows.
    record = {"name": access.name, "levelno": logging.INFO, "levelname": "INFO", "msg": message, "fields": fields}
    access.handle(logging.makeLogRecord(record))


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": getattr(record, "request_id", None),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z).decode()


class StandardErrorHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Write to the current ``sys.stderr``, as ``logging.lastResort`` does. A closed stream ends no request."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name.
        """Ignore a log that nobody reads any more; report any other error."""
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            super().handleError(record)


HANDLER = StandardErrorHandler()  # One handler, however many apps a process creates.


def formatter(app_env: str) -> logging.Formatter:
    return JsonFormatter() if app_env == "production" else logging.Formatter(READABLE, datefmt="%H:%M:%S")


def init_app(app: Flask) -> None:
    """Send all logs to standard error."""
    root = logging.getLogger()
    HANDLER.addFilter(add_request_id)
    HANDLER.setFormatter(formatter(app.config["APP_ENV"]))
    root.addHandler(HANDLER)
    root.setLevel(app.config["LOG_LEVEL"])
    logging.getLogger("alembic").setLevel("WARNING")
