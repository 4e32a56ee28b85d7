"""What the operator sees: one line a request, JSON in production and readable elsewhere, and never a secret or a body.

Each request has an id, which a proxy or client may give as ``X-Request-ID``; every line of a request bears it.
"""

import logging
import random
import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing.util import Finalize
from typing import Any, NamedTuple, TextIO
from urllib.parse import quote

import orjson
from flask import Flask, Request, Response, has_request_context
from flask.ctx import _AppCtxGlobals

from app.utils.lean import g_itself

access = logging.getLogger("shop.access")
READABLE = "%(asctime)s %(levelname)s %(name)s: %(message)s [%(request_id)s]"
LATE, MOST_WAITING, AT_ONCE = 0.1, 12, 4096
"""Seconds by which a line may be late, how many may wait, and how many bytes are written at once: PIPE_BUF, so many are
not torn on Linux."""
GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def add_request_id(record: logging.LogRecord) -> bool:
    """A filter that gives each line the id of the request that it belongs to."""
    record.request_id = g_itself().get("request_id", "-") if has_request_context() else "-"
    return True


def new_id() -> str:
    """An id like a UUID's digits. It is no secret, and the system's own randomness would cost as much as finding the route."""
    return f"{random.getrandbits(128):032x}"


def begin(asked: Request, known: _AppCtxGlobals) -> None:
    """Before each request: its id, and when it began."""
    given = asked.environ.get("HTTP_X_REQUEST_ID", "")
    known.request_id = given if given and GIVEN_ID.fullmatch(given) else new_id()
    known.began = time.perf_counter()


def end(response: Response, asked: Request, known: _AppCtxGlobals) -> None:
    """After each request: note its line. The query stays out, since a search may be for a person."""
    response.headers.add("X-Request-ID", known.request_id)
    if access.isEnabledFor(logging.INFO):
        rule, seconds = asked.url_rule, time.perf_counter() - known.began
        what = (asked.method, asked.path, rule.rule if rule else None, response.status_code)
        LINES.add(Answered(time.time(), known.request_id, *what, seconds, known.get("caller"), asked.remote_addr))


class Answered(NamedTuple):
    """What is noted of a request, until there is time to make a line of it."""

    created: float
    request_id: str
    method: str
    path: str
    route: str | None
    status: int
    seconds: float
    caller: Any
    address: str | None

    def line(self) -> logging.LogRecord:
        path, milliseconds = quote(self.path), round(self.seconds * 1000, 1)  # As it came: a line break would forge a line.
        fields = {
            "method": self.method,
            "path": path,
            "route": self.route,
            "status": self.status,
            "milliseconds": milliseconds,
            "caller": self.caller.key if self.caller else None,
            "address": self.address,
        }
        message = f"{self.method} {path} {self.status} in {milliseconds} ms"
        LINE.__dict__.update(created=self.created, request_id=self.request_id, msg=message, fields=fields)
        return LINE


LINE = logging.LogRecord(access.name, logging.INFO, "", 0, "", None, None)
"""The line of every request, since each is written before the next is made."""


class JsonFormatter(logging.Formatter):
    """A line of JSON: a library's formatter took twice as long, and that at every request."""

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


def together(lines: list[str]) -> Iterator[str]:
    """Lines as one text for each write: what is longer than a pipe takes at once, another process might write into."""
    text = ""
    for line in lines:
        if text and len(f"{text}{line}\n".encode()) > AT_ONCE:
            yield text
            text = ""
        text += f"{line}\n"
    if text:
        yield text


class Lines(logging.StreamHandler[TextIO]):
    """Writes a dozen lines at once, or what there is after a tenth of a second: at each write another thread takes over,
    and making the line of a request by itself took a fifth of a cached answer. A warning is written at once, with what
    stands before it."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: deque[str | Answered] = deque()
        self.writer: threading.Thread | None = None
        Finalize(None, self.flush, exitpriority=1)  # At the end of a worker, too, where atexit does nothing.

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.add(self.format(record))
        except Exception:  # As of every handler: what can't be logged ends no request.
            self.handleError(record)
        if record.levelno > logging.INFO:
            self.flush()

    def add(self, line: str | Answered) -> None:
        self.waiting.append(line)
        try:
            if len(self.waiting) >= MOST_WAITING:
                self.flush()
            elif self.writer is None or not self.writer.is_alive():  # No thread outlives a fork.
                self.writer = threading.Thread(target=self.write_on, name="log", daemon=True)
                self.writer.start()
        except Exception:
            self.handleError(LINE)

    def line_of(self, answered: Answered) -> str:
        try:
            return self.format(answered.line())
        except Exception:
            self.handleError(LINE)
            return f"A request whose line could not be made: {answered.request_id}"

    def write_on(self) -> None:
        never = threading.Event()
        while not never.wait(LATE):
            self.flush()

    def flush(self) -> None:
        self.acquire()
        try:
            waiting = [self.waiting.popleft() for _ in range(len(self.waiting))]
            lines = [each if isinstance(each, str) else self.line_of(each) for each in waiting]
            with suppress(OSError, ValueError, AttributeError):  # Nobody reads it, or there is no such stream.
                for some in together(lines):
                    self.stream.write(some)
                    self.stream.flush()
        finally:
            self.release()


LINES = Lines()
"""The one handler of this process."""


def formatter(environment: str) -> logging.Formatter:
    return JsonFormatter() if environment == "production" else logging.Formatter(READABLE, datefmt="%H:%M:%S")


def init_app(app: Flask) -> None:
    """Send what is logged to standard error."""
    root = logging.getLogger()
    LINES.addFilter(add_request_id)
    LINES.setFormatter(formatter(app.config["APP_ENV"]))
    root.addHandler(LINES)  # Once, however many apps there are.
    root.setLevel(app.config["LOG_LEVEL"])
    # What no line shows need not be found out for each (Python's logging HOWTO, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.getLogger("alembic").setLevel("WARNING")
