"""The version of the inventory: replaced by every write, shared in Redis, and brought along by the count of a request."""

import threading
import uuid

import pytest
from limits import parse

from app.utils import remote, version
from app.utils.lean import g_itself
from app.utils.remote import Line
from app.utils.resting import Rest
from app.utils.version import OwnVersion, SharedVersion
from app.utils.windows import Windows, places
from tests import services
from tests.faults.needs import needs
from tests.harness.servers import Redis
from tests.races.together import at_once

REDIS = services.url_of("redis")
with_redis = pytest.mark.skipif(not services.answers("redis"), reason="needs Redis")


def opened():
    """A line whose connection is open: each that is opened begins a new life."""
    line = Line(REDIS)
    line("PING")
    return line


@pytest.fixture(params=["own", *(["shared"] if services.answers("redis") else [])])
def current(request, app, monkeypatch):
    """A version of each kind, within a request."""
    monkeypatch.setattr(version, "KEY", f"shop:test:{uuid.uuid4().hex}")
    with app.test_request_context():
        yield SharedVersion(opened()) if request.param == "shared" else OwnVersion()


@pytest.fixture
def shared(app, monkeypatch):
    monkeypatch.setattr(version, "KEY", f"shop:test:{uuid.uuid4().hex}")
    with app.test_request_context():
        yield SharedVersion(opened())


@pytest.mark.databases("sqlite")
def test_a_version_stands_until_it_is_replaced(current):
    first = current.read()
    assert first == current.read()
    current.replace()
    second = current.read()
    assert second not in (first, b"", None)
    assert second == current.read()


@with_redis
@pytest.mark.databases("sqlite")
def test_all_processes_see_the_same_version(shared):
    """Each has a client of its own; what one replaces the other reads, and neither had one to begin with."""
    other = SharedVersion(opened())
    assert shared.read() == other.read()
    other.replace()
    assert shared.read() == other.read()


@with_redis
@pytest.mark.databases("sqlite")
def test_of_many_who_find_none_all_see_the_one_that_is_set(shared):
    found = at_once(*[lambda: SharedVersion(Line(REDIS)).ask()] * 8)
    assert len(found) == 8
    assert len(set(found)) == 1


@with_redis
@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("emptied", [False, True])
def test_the_count_of_a_request_brings_the_version_along(shared, emptied):
    """One round trip for both, also where there is none yet: it is made by the count then, and stands."""
    if not emptied:
        shared.replace()
    windows = Windows(shared.redis, Rest())
    hit, look = (places([parse("9 per hour")], uuid.uuid4().hex, take=take) for take in (True, False))
    _, version = windows.ask(hit)
    assert version
    assert version == shared.ask() == windows.ask(look)[1]
    shared.replace()
    assert windows.ask(hit)[1] == shared.ask() != version


@with_redis
@pytest.mark.databases("sqlite")
def test_what_came_along_is_not_asked_for_again(shared, monkeypatch):
    g_itself().version = b"came along"
    monkeypatch.setattr(shared, "redis", None)
    assert shared.read() == b"came along"


@with_redis
def test_any_number_of_threads_may_come_and_go():
    """A server ends threads that are idle, and begins others: redis-py's pool would count all of them, up to a hundred."""
    line, answers = Line(REDIS), []
    for _ in range(150):
        thread = threading.Thread(target=lambda: answers.append(line("PING")))
        thread.start()
        thread.join()
    assert answers == [b"PONG"] * 150


@needs("redis-server")
@pytest.mark.databases("sqlite")
def test_a_redis_that_comes_back_with_an_earlier_version_brings_no_earlier_answer_back(app):
    """From its snapshot: the same version stands there again, and answers that were kept under it are from before a write."""
    server = Redis().start()
    try:
        with app.test_request_context():
            line = Line(server.url)
            shared, windows = SharedVersion(line), Windows(line, Rest())
            hit = places([parse("9 per hour")], "someone")
            line("PING")
            kept = shared.ask()
            assert kept == windows.ask(hit)[1]
            line("SAVE")
            shared.replace()
            assert shared.ask() != kept
            server.kill()
            server.start()
            seen = [windows.ask(hit)[1], shared.ask(), windows.ask(hit)[1]]
            assert seen[-1].partition(b" ")[0] == kept.partition(b" ")[0], "it has come back"
            assert kept not in seen
    finally:
        server.remove()


@with_redis
@pytest.mark.parametrize("loss", ["client kill", "script flush"])
def test_a_redis_that_closed_the_connection_or_forgot_the_script_still_counts(loss):
    """As after its restart: this very request is counted there, and nobody counts for themselves."""
    windows, hit = Windows(Line(REDIS), Rest()), places([parse("9 per hour")], uuid.uuid4().hex)
    assert windows.ask(hit)[0][0].remaining == 8
    administrator = remote.connect(REDIS)
    if loss == "client kill":
        connection = windows.script.line.own.connection
        (number,) = [
            each["id"] for each in administrator.client_list() if each["addr"].endswith(f":{connection._sock.getsockname()[1]}")
        ]
        assert administrator.client_kill_filter(_id=number) == 1
    else:
        administrator.script_flush()
    assert windows.ask(hit)[0][0].remaining == 7
    assert not windows.rest
