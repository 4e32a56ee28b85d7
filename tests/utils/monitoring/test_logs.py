"""Logs: one line per request, with a request id that a client may set, and never a secret, a query or a body."""

import io
import json
import logging
import re
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import OperationalError

from app.utils.monitoring import logs
from tests.support.environment import PASSWORD

GENERATED_ID = re.compile(r"[0-9a-f]{32}")


@contextmanager
def captured_log(environment):
    """Capture the lines that the app's handler writes in an environment."""
    handler, stream = logs.HANDLER, io.StringIO()
    kept, before = handler.formatter, sys.stderr
    sys.stderr = stream
    handler.setFormatter(logs.formatter(environment))
    log = SimpleNamespace(lines=[])
    try:
        yield log
    finally:
        sys.stderr = before
        handler.setFormatter(kept)
        log.lines += stream.getvalue().splitlines()


def parse_lines(lines):
    return [json.loads(line) for line in lines]


@pytest.mark.databases("sqlite")
def test_request_is_one_json_line_in_production(customer, make):
    """Each value has a field of its own. The query string is left out."""
    part = make.part()
    with captured_log("production") as log:
        response = customer.get(f"/inventory/{part.id}?q=secret-search")
    (line,) = parse_lines(log.lines)
    assert line["level"] == "INFO"
    assert line["logger"] == "shop.access"
    assert re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z", line["time"])
    assert (line["method"], line["path"], line["status"]) == ("GET", f"/inventory/{part.id}", 200)
    assert line["route"] == "/inventory/<id:part_id>"
    assert line["caller"] == f"customer:{customer.id}"
    assert line["address"] == "127.0.0.1"
    assert 0 < line["milliseconds"] < 60_000
    assert line["request_id"] == response.headers["X-Request-ID"]
    assert "secret-search" not in log.lines[0]


@pytest.mark.databases("sqlite")
def test_request_is_one_readable_line_in_development(anyone):
    with captured_log("development") as log:
        response = anyone.get("/health/live")
    (line,) = log.lines
    assert re.fullmatch(
        rf"[0-9:]{{8}} INFO shop\.access: GET /health/live 200 in [0-9.]+ ms \[{response.headers['X-Request-ID']}\]", line
    )


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("given", ["abc", "0123456789abcdef", "a.b_c-d", "x" * 64])
def test_valid_request_id_is_kept(anyone, given):
    """The response and the log line have the id of the proxy, so that both logs can be correlated."""
    with captured_log("production") as log:
        response = anyone.get("/customers", headers={"X-Request-ID": given})
    assert response.status_code == 401
    assert response.headers["X-Request-ID"] == given
    assert [line["request_id"] for line in parse_lines(log.lines)] == [given]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("given", [None, "", "x" * 65, "a b", "a\tb", "<script>", '"', "é", "a;b", "a,b"])
def test_invalid_request_id_is_replaced(anyone, given):
    with captured_log("production") as log:
        responses = [anyone.get("/", headers={"X-Request-ID": given} if given is not None else {}) for _ in range(2)]
    ids = [response.headers["X-Request-ID"] for response in responses]
    assert all(GENERATED_ID.fullmatch(request_id) for request_id in ids)
    assert len(set(ids)) == 2
    assert [line["request_id"] for line in parse_lines(log.lines)] == ids


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("PATCH", "/customers", 405),
        ("GET", "/tickets", 401),
        ("POST", "/customers", 415),
    ],
)
def test_refused_request_is_logged_with_its_id(anyone, method, path, status):
    with captured_log("production") as log:
        response = anyone.open(method, path)
    assert response.status_code == status
    (line,) = parse_lines(log.lines)
    assert (line["status"], line["request_id"]) == (status, response.headers["X-Request-ID"])


@pytest.mark.databases("sqlite")
def test_traceback_and_request_line_have_the_same_id(app, admin, monkeypatch):
    """The response has the id too."""

    def fail(**_):
        raise RuntimeError("the lookup broke")

    fail.allowed_roles = app.view_functions["inventory.get_part"].allowed_roles
    monkeypatch.setitem(app.view_functions, "inventory.get_part", fail)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    with captured_log("production") as log:
        response = admin.get("/inventory/1")
    assert response.status_code == 500
    assert b"lookup" not in response.data
    error, line = parse_lines(log.lines)
    assert error["level"] == "ERROR"
    assert "the lookup broke" in error["exception"]
    assert error["request_id"] == line["request_id"] == response.headers["X-Request-ID"]
    assert line["status"] == 500


@pytest.mark.databases("sqlite")
def test_database_error_is_logged_with_the_request_id(app, admin, monkeypatch):
    def fail(**_):
        raise OperationalError("SELECT secret_column", {}, Exception("disk I/O error"))

    fail.allowed_roles = app.view_functions["inventory.get_part"].allowed_roles
    monkeypatch.setitem(app.view_functions, "inventory.get_part", fail)
    with captured_log("production") as log:
        response = admin.get("/inventory/1")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    error, line = parse_lines(log.lines)
    assert "disk I/O error" in error["message"]
    assert "secret_column" not in log.lines[0]
    assert error["request_id"] == line["request_id"] == response.headers["X-Request-ID"]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("environment", ["production", "development"])
def test_log_has_no_secret_query_or_body(customer, anyone, make, environment):
    """No password, token, idempotency key, search text or written value."""
    secret = "hunter2-hunter2"
    with captured_log(environment) as log:
        body = {"name": "Zelda", "email": "zelda@example.com", "password": secret}
        anyone.post("/customers", json=body, headers={"Idempotency-Key": "zelda-key"})
        token = anyone.post("/customers/login", json={"email": "zelda@example.com", "password": secret}).json["token"]
        anyone.post("/customers/login", json={"email": "zelda@example.com", "password": "wrong-" + secret})
        anyone.post("/customers", json=body | {"email": "zelda", "phone": "555-zelda"})
        customer.get("/inventory?q=zelda-search")
        make.creator.get("/customers?q=zelda&after=1")
        customer.get("/tickets/my-tickets", headers={"Cookie": "zelda=1", "Referer": "http://zelda.example"})
    text = "\n".join(log.lines)
    assert len(log.lines) == 7
    for word in ("hunter2", "zelda", "Zelda", token, customer.token, PASSWORD, "555-"):
        assert word not in text


@pytest.mark.databases("sqlite")
def test_path_cannot_forge_a_log_line(anyone):
    """Line breaks in a path are escaped: one request is one line."""
    for environment in ("production", "development"):
        with captured_log(environment) as log:
            anyone.get("/nowhere%0A12:00:00%20INFO%20shop.access:%20GET%20/%20200%0D%0A%1b[31m")
        assert len(log.lines) == 1
        assert "\x1b" not in log.lines[0]


@pytest.mark.databases("sqlite")
def test_line_outside_a_request_has_no_id(app):
    with captured_log("production") as log:
        logging.getLogger("shop").warning("The shop opens")
    (line,) = parse_lines(log.lines)
    assert (line["message"], line["request_id"]) == ("The shop opens", "-")


def handle(handler, **fields):
    record = {"name": "shop", "level": logging.WARNING, "pathname": "", "lineno": 0, "msg": "lost", "args": None}
    handler.handle(logging.LogRecord(**record | fields, exc_info=None))


def test_closed_stderr_raises_nothing(monkeypatch):
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    handle(logs.StandardErrorHandler())


def test_missing_stderr_raises_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    handle(logs.StandardErrorHandler())


@pytest.mark.parametrize("environment", ["production", "development"])
def test_unformattable_record_is_reported_and_raises_nothing(environment, capsys):
    handler = logs.StandardErrorHandler()
    handler.setFormatter(logs.formatter(environment))
    handler.addFilter(logs.add_request_id)
    handle(handler, msg="%d", args=("x",))
    assert "Logging error" in capsys.readouterr().err


class Broken(io.StringIO):
    """A stream whose first write fails."""

    broken = True

    def write(self, text):
        if self.broken:
            self.broken = False
            raise RuntimeError("It is broken.")
        return super().write(text)


@pytest.mark.databases("sqlite")
def test_broken_log_stream_does_not_fail_the_request(anyone, monkeypatch):
    """The request is committed by then."""
    broken = Broken()
    monkeypatch.setattr(sys, "stderr", broken)
    assert anyone.get("/health/live").status_code == 200
    assert "Logging error" in broken.getvalue()
