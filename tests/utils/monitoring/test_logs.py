"""What the operator sees: one line a request, with an id that a client may give, and never a secret, query or body."""

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
from tests.conftest import PASSWORD

MADE = re.compile(r"[0-9a-f]{32}")


@contextmanager
def written(environment):
    """What the app's own handler writes in an environment, line by line."""
    handler, stream = logs.HANDLER, io.StringIO()
    kept, before = handler.formatter, sys.stderr
    sys.stderr = stream
    handler.setFormatter(logs.formatter(environment))
    found = SimpleNamespace(lines=[])
    try:
        yield found
    finally:
        sys.stderr = before
        handler.setFormatter(kept)
        found.lines += stream.getvalue().splitlines()


def in_json(lines):
    return [json.loads(line) for line in lines]


@pytest.mark.databases("sqlite")
def test_a_request_is_one_line_of_json_in_production(customer, make):
    """Who, what, where and how long, each in a field of its own; the query stays out."""
    part = make.part()
    with written("production") as found:
        answer = customer.get(f"/inventory/{part.id}?q=secret-search")
    (line,) = in_json(found.lines)
    assert line["level"] == "INFO"
    assert line["logger"] == "shop.access"
    assert re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z", line["time"])
    assert (line["method"], line["path"], line["status"]) == ("GET", f"/inventory/{part.id}", 200)
    assert line["route"] == "/inventory/<id:part_id>"
    assert line["caller"] == f"customer:{customer.id}"
    assert line["address"] == "127.0.0.1"
    assert 0 < line["milliseconds"] < 60_000
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert "secret-search" not in found.lines[0]


@pytest.mark.databases("sqlite")
def test_a_request_is_one_line_for_people_in_development(anyone):
    with written("development") as found:
        answer = anyone.get("/health/live")
    (line,) = found.lines
    assert re.fullmatch(
        rf"[0-9:]{{8}} INFO shop\.access: GET /health/live 200 in [0-9.]+ ms \[{answer.headers['X-Request-ID']}\]", line
    )


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("given", ["abc", "0123456789abcdef", "a.b_c-d", "x" * 64])
def test_a_sane_request_id_is_taken(anyone, given):
    """A proxy's id stands in the answer and in the line, so that both logs can be read together."""
    with written("production") as found:
        answer = anyone.get("/customers", headers={"X-Request-ID": given})
    assert answer.status_code == 401
    assert answer.headers["X-Request-ID"] == given
    assert [line["request_id"] for line in in_json(found.lines)] == [given]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("given", [None, "", "x" * 65, "a b", "a\tb", "<script>", '"', "é", "a;b", "a,b"])
def test_another_request_id_is_made_for_one_that_is_not_sane(anyone, given):
    with written("production") as found:
        answers = [anyone.get("/", headers={"X-Request-ID": given} if given is not None else {}) for _ in range(2)]
    ids = [answer.headers["X-Request-ID"] for answer in answers]
    assert all(MADE.fullmatch(each) for each in ids)
    assert len(set(ids)) == 2
    assert [line["request_id"] for line in in_json(found.lines)] == ids


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
def test_a_refusal_has_its_line_and_its_id(anyone, method, path, status):
    with written("production") as found:
        answer = anyone.open(method, path)
    assert answer.status_code == status
    (line,) = in_json(found.lines)
    assert (line["status"], line["request_id"]) == (status, answer.headers["X-Request-ID"])


@pytest.mark.databases("sqlite")
def test_every_line_of_a_failed_request_bears_its_id(app, admin, monkeypatch):
    """The error with its traceback, and the line of the request: one id in both, and in the 500 itself."""

    def fail(**_):
        raise RuntimeError("the shelf fell down")

    fail.allowed_roles = app.view_functions["inventory.get_part"].allowed_roles
    monkeypatch.setitem(app.view_functions, "inventory.get_part", fail)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    with written("production") as found:
        answer = admin.get("/inventory/1")
    assert answer.status_code == 500
    assert b"shelf" not in answer.data
    error, line = in_json(found.lines)
    assert error["level"] == "ERROR"
    assert "the shelf fell down" in error["exception"]
    assert error["request_id"] == line["request_id"] == answer.headers["X-Request-ID"]
    assert line["status"] == 500


@pytest.mark.databases("sqlite")
def test_a_database_that_fails_is_named_with_the_id_of_the_request(app, admin, monkeypatch):
    def fail(**_):
        raise OperationalError("SELECT secret_column", {}, Exception("disk I/O error"))

    fail.allowed_roles = app.view_functions["inventory.get_part"].allowed_roles
    monkeypatch.setitem(app.view_functions, "inventory.get_part", fail)
    with written("production") as found:
        answer = admin.get("/inventory/1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    error, line = in_json(found.lines)
    assert "disk I/O error" in error["message"]
    assert "secret_column" not in found.lines[0]
    assert error["request_id"] == line["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("environment", ["production", "development"])
def test_no_line_holds_a_secret_a_query_or_a_body(customer, anyone, make, environment):
    """Not the password, the token, the key for retries, nor what was searched for or written."""
    secret = "hunter2-hunter2"
    with written(environment) as found:
        body = {"name": "Zelda", "email": "zelda@example.com", "password": secret}
        anyone.post("/customers", json=body, headers={"Idempotency-Key": "zelda-key"})
        token = anyone.post("/customers/login", json={"email": "zelda@example.com", "password": secret}).json["token"]
        anyone.post("/customers/login", json={"email": "zelda@example.com", "password": "wrong-" + secret})
        anyone.post("/customers", json=body | {"email": "zelda", "phone": "555-zelda"})
        customer.get("/inventory?q=zelda-search")
        make.boss.get("/customers?q=zelda&after=1")
        customer.get("/tickets/my-tickets", headers={"Cookie": "zelda=1", "Referer": "http://zelda.example"})
    everything = "\n".join(found.lines)
    assert len(found.lines) == 7
    for word in ("hunter2", "zelda", "Zelda", token, customer.token, PASSWORD, "555-"):
        assert word not in everything


@pytest.mark.databases("sqlite")
def test_a_path_can_forge_no_line(anyone):
    """Line breaks in a path stand escaped: one request is one line."""
    for environment in ("production", "development"):
        with written(environment) as found:
            anyone.get("/nowhere%0A12:00:00%20INFO%20shop.access:%20GET%20/%20200%0D%0A%1b[31m")
        assert len(found.lines) == 1
        assert "\x1b" not in found.lines[0]


@pytest.mark.databases("sqlite")
def test_a_line_outside_a_request_has_no_id(app):
    with written("production") as found:
        logging.getLogger("shop").warning("The shop opens")
    (line,) = in_json(found.lines)
    assert (line["message"], line["request_id"]) == ("The shop opens", "-")


def handle(handler, **said):
    record = {"name": "shop", "level": logging.WARNING, "pathname": "", "lineno": 0, "msg": "lost", "args": None}
    handler.handle(logging.LogRecord(**record | said, exc_info=None))


def test_a_closed_standard_error_ends_nothing(monkeypatch):
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    handle(logs.StandardErrorHandler())


def test_a_process_without_a_standard_error_logs_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    handle(logs.StandardErrorHandler())


@pytest.mark.parametrize("environment", ["production", "development"])
def test_a_record_that_cannot_be_formatted_is_reported_and_ends_nothing(environment, capsys):
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
def test_a_broken_log_turns_no_answer_into_an_error(anyone, monkeypatch):
    """The request is committed and answered, whatever happens to its line."""
    broken = Broken()
    monkeypatch.setattr(sys, "stderr", broken)
    assert anyone.get("/health/live").status_code == 200
    assert "Logging error" in broken.getvalue()
