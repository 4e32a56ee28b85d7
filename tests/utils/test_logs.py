"""What the operator sees: one line a request, with an id that a client may give, and never a secret, query or body."""

import io
import json
import logging
import re
import threading
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import OperationalError

from app.utils import logs
from tests.conftest import PASSWORD
from tests.harness.processes import until

MADE = re.compile(r"[0-9a-f]{32}")


@contextmanager
def written(environment):
    """What the app's own handler writes in an environment, line by line."""
    handler, stream = logs.LINES, io.StringIO()
    kept = handler.formatter
    before = handler.setStream(stream)
    handler.setFormatter(logs.formatter(environment))
    found = SimpleNamespace(lines=[])
    try:
        yield found
    finally:
        handler.setStream(before)
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


def test_lines_are_written_together_and_a_warning_at_once():
    """A write for each line would let another thread take over at each."""
    handler, stream = logs.Lines(), io.StringIO()
    handler.setStream(stream)
    said = partial(logging.LogRecord, "shop", pathname="", lineno=0, args=None, exc_info=None)
    handler.handle(said(level=logging.INFO, msg="one"))
    assert stream.getvalue() == ""
    handler.handle(said(level=logging.WARNING, msg="two"))
    assert stream.getvalue() == "one\ntwo\n"
    handler.handle(said(level=logging.INFO, msg="three"))
    until(lambda: stream.getvalue() == "one\ntwo\nthree\n", 10 * logs.LATE, "the third line")


def test_a_dozen_lines_wait_for_nobody():
    """Else they would pile up under load: the thread that writes gets its turn too seldom."""
    handler, stream = logs.Lines(), io.StringIO()
    handler.setStream(stream)
    handler.writer = threading.current_thread()  # Nothing is written by another.
    lines = [f"line {number}" for number in range(logs.MOST_WAITING)]
    for line in lines[:-1]:
        handler.add(line)
    assert stream.getvalue() == ""
    handler.add(lines[-1])
    assert stream.getvalue().splitlines() == lines


def test_a_log_that_nobody_reads_any_more_ends_nothing_and_grows_nothing():
    handler, stream = logs.Lines(), io.StringIO()
    handler.setStream(stream)
    stream.close()
    handler.handle(logging.LogRecord("shop", logging.WARNING, "", 0, "lost", None, None))
    assert not handler.waiting


@pytest.mark.parametrize("environment", ["production", "development"])
def test_what_cannot_be_logged_ends_no_request(environment, capsys):
    """As with every handler of Python's: it is said on standard error, and the caller hears nothing of it."""
    handler = logs.Lines()
    handler.setFormatter(logs.formatter(environment))
    handler.addFilter(logs.add_request_id)
    handler.setStream(io.StringIO())
    handler.handle(logging.LogRecord("shop", logging.WARNING, "", 0, "%d", ("x",), None))
    assert not handler.waiting
    assert "Logging error" in capsys.readouterr().err


class Broken(io.StringIO):
    def write(self, _text):
        raise RuntimeError("It is broken.")


@pytest.mark.databases("sqlite")
def test_a_log_that_breaks_turns_no_answer_into_an_error(anyone, monkeypatch, capsys):
    """What is committed stays answered, whatever becomes of its line."""
    monkeypatch.setattr(logs, "MOST_WAITING", 1)
    before = logs.LINES.setStream(Broken())
    try:
        assert anyone.get("/health/live").status_code == 200
    finally:
        logs.LINES.waiting.clear()
        logs.LINES.setStream(before)
    assert "Logging error" in capsys.readouterr().err


def test_a_line_that_cannot_be_made_takes_no_other_with_it(capsys):
    handler, stream = logs.Lines(), io.StringIO()
    handler.setStream(stream)
    good = logs.Answered(0.0, "good", "GET", "/", "/", 200, 0.1, None, None)
    for each in (good, good._replace(request_id="bad", path=None), good):
        handler.add(each)
    handler.flush()
    assert [line.partition(" ")[0] for line in stream.getvalue().splitlines()] == ["GET", "A", "GET"]
    assert "bad" in stream.getvalue()
    assert "Logging error" in capsys.readouterr().err


def test_a_process_without_a_standard_error_logs_nothing_and_keeps_nothing():
    handler = logs.Lines()
    handler.stream = None
    handler.handle(logging.LogRecord("shop", logging.WARNING, "", 0, "lost", None, None))
    assert not handler.waiting


def test_no_write_is_longer_than_a_pipe_takes_at_once():
    """Lines of several workers would else be torn where they share a pipe that is full."""
    lines = ["x" * length for length in (10, 4000, 85, 1, 5000, 4095)]
    written = list(logs.together(lines))
    assert "".join(written) == "".join(f"{line}\n" for line in lines)
    assert [len(text) for text in written] == [4012, 88, 5001, 4096]
