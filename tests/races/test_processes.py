"""Several processes that serve one database without Redis: they notice each other, and no list is stale."""

import itertools
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from app.utils.db.presence import LOOK_SECONDS, WARNING, Presence
from tests.support import services
from tests.support.start import ADMIN, NO_LIMITS, SECRET, Start, copy_of_the_shop, free_port

PART = {"name": "Brake pad", "price": 9.99, "quantity": 10}


@pytest.fixture
def folder(tmp_path):
    return copy_of_the_shop(tmp_path)


@pytest.fixture
def url(database, worker_id):
    name = f"shop_processes_{worker_id}"
    yield services.fresh_database(database, name)
    services.drop_database(database, name)


def stale_reads(clients, token, rounds):
    """Count a part through one client and read it through the next, by turns. Return how many reads are stale.

    A client is a shop and a connection to it, or None for a connection to each request."""
    clients = itertools.cycle(clients)

    def call(method, path, body=None):
        shop, connection = next(clients)
        status, found = shop.call(method, path, body, token, connection)
        assert status < 300, found
        return found

    part = call("POST", "/inventory", PART)["id"]
    stale = 0
    for count in range(rounds):
        call("GET", "/inventory")
        call("PUT", f"/inventory/{part}", {"quantity": count})
        stale += [each["quantity"] for each in call("GET", "/inventory")] != [count]
        stale += call("GET", f"/inventory/{part}")["quantity"] != count
    return stale


def test_two_shops_over_one_database_read_no_stale_list(folder, url, proof):
    """`python run.py` twice on two ports over one database without Redis: both warn once, and no read of a list or a
    part is stale."""
    settings = SECRET | ADMIN | NO_LIMITS | {"DATABASE_URL": url}
    rounds = proof.size(20, 500)
    with Start(folder, **settings) as one:
        token = one.log_in()
        one.call("GET", "/inventory", token=token)  # Cached: the shop is alone.
        with Start(folder, **settings) as other:
            stale = stale_reads([(one, None), (other, None), (other, None)], token, rounds)
            errors = [other.end()[3], one.end()[3]]
    assert stale == 0
    assert [text.count(WARNING) for text in errors] == [1, 1]
    proof.report(rounds=rounds, stale_reads=stale)


@pytest.mark.parametrize("options", [[], ["--preload"]])
def test_workers_of_gunicorn_read_no_stale_list(folder, url, proof, options):
    """`gunicorn -w 3` without Redis, also with `--preload`: the workers warn, and no read is stale, whichever answers."""
    port, rounds = free_port(), proof.size(20, 300)
    gunicorn = str(Path(sys.executable).parent / "gunicorn")
    command = [gunicorn, *options, "-w", "3", "--threads", "8", "--bind", f"127.0.0.1:{port}", "run:create_app()"]
    with ExitStack() as stack:
        shop = stack.enter_context(Start(folder, command, PORT=port, **SECRET, **ADMIN, **NO_LIMITS, DATABASE_URL=url))
        time.sleep(3)  # One worker serves already; the others start.
        connections = [
            stack.enter_context(closing(shop.connect())) for _ in range(16)
        ]  # Each stays with the worker that accepted it.
        with ThreadPoolExecutor(len(connections)) as pool:
            assert {status for status, _ in pool.map(lambda each: shop.call("GET", "/", connection=each), connections)} == {200}
        stale = stale_reads([(shop, each) for each in connections], shop.log_in(), rounds)
        errors = shop.end()[3]
    assert stale == 0
    assert 2 <= errors.count(WARNING) <= 3
    proof.report(rounds=rounds, stale_reads=stale)


def test_single_worker_of_gunicorn_does_not_warn(folder):
    port = free_port()
    gunicorn = str(Path(sys.executable).parent / "gunicorn")
    command = [gunicorn, "--preload", "--bind", f"127.0.0.1:{port}", "run:create_app()"]
    with Start(folder, command, PORT=port, **SECRET, **ADMIN) as shop:
        shop.log_in()
        assert WARNING not in shop.end()[3]


def test_process_that_is_alone_does_not_warn(folder):
    for _ in range(2):
        with Start(folder, **SECRET, **ADMIN) as shop:
            shop.log_in()
            assert shop.end()[3] == ""


# ---------------------------------------------------------------- forks of this process
def serve_in_a_fork(presence):
    """Fork a process that serves. Return whether it is alone, and its id."""
    ready, answer = os.pipe()
    pid = os.fork()
    if pid == 0:
        presence.refresh()
        os.write(answer, b"1" if presence.is_alone else b"0")
        signal.pause()
    alone = os.read(ready, 1)
    os.close(ready)
    os.close(answer)
    return alone == b"1", pid


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_process_is_alone_again_with_new_versions(tmp_path, monkeypatch):
    """Responses cached before another process served may be stale."""
    presence = Presence(str(tmp_path / "shop.db.serving"))
    presence.refresh()
    assert (presence.is_alone, presence.generation) == (True, 0)
    alone, pid = serve_in_a_fork(presence)
    presence.refresh()
    assert (alone, presence.is_alone) == (False, False)
    second, second_pid = serve_in_a_fork(presence)
    end(pid)
    monkeypatch.setattr(presence, "_looked_at", -LOOK_SECONDS)
    presence.refresh()
    assert (second, presence.is_alone) == (False, False)
    end(second_pid)
    monkeypatch.setattr(presence, "_looked_at", -LOOK_SECONDS)
    presence.refresh()
    assert (presence.is_alone, presence.generation) == (True, 1)
    os.close(presence.file)
