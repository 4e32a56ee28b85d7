"""The gate of a start: its workers are begun beside what prepares, and serve when all is ready."""

import fcntl
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.real import ADMIN, PATIENCE, SECRET, Start, children, copy_of_the_shop, runs

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path):
    return copy_of_the_shop(tmp_path)


def soon(seen):
    """What is seen at last, where it is."""
    deadline = time.monotonic() + PATIENCE
    while not (found := seen()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def does_not_serve(start):
    """Not after the time either in which a worker would long have imported the app."""
    time.sleep(2)
    with pytest.raises(ConnectionRefusedError):
        start.call("GET", "/health/live")


@pytest.fixture
def beginning(folder):
    """A start while another one is at work on its database, what prepares there, and how the other one ends."""
    with Start(folder, **SECRET, **ADMIN) as shop:
        shop.end()
    with (folder / "instance" / "shop.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        start = Start(folder, **SECRET, **ADMIN)
        begun = soon(lambda: len(found := children(start.process.pid)) == 2 and found)
        [preparing] = [pid for pid in begun if b"app.begin" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        yield start, preparing, lambda: fcntl.flock(lock, fcntl.LOCK_UN)
        start.__exit__()


def test_a_worker_is_begun_beside_what_prepares_and_serves_after_it(beginning):
    start, preparing, other_ends = beginning
    does_not_serve(start)
    assert (runs(preparing), len(children(start.process.pid))) == (True, 2)
    other_ends()
    start.wait_until_it_serves()
    code, _, printed, errors, left = start.end()
    assert (code, errors, left) == (0, "", [])
    assert [line.split()[0] for line in printed.splitlines()] == ["SQLite", "MyMechanicShop", "docs", "try"]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_one_that_waits_is_ended_like_any_other(beginning, sign):
    code, _, printed, errors, left = beginning[0].end(sign)
    assert (code, printed, errors, left) == (0, "", "", [])


def test_one_that_waits_is_ended_as_a_service_is(beginning):
    """All its processes are told so, the main one first: that the others end is then no fault."""
    start, *_ = beginning
    below = children(start.process.pid)
    for pid in (start.process.pid, *below):
        os.kill(pid, signal.SIGTERM)
    printed, _ = start.process.communicate(timeout=PATIENCE)
    assert (start.process.returncode, printed) == (0, "")
    assert [pid for pid in below if runs(pid)] == []


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_where_what_prepares_is_killed(beginning, sign):
    """By the system, say, for want of memory: nothing says then that the shop can serve."""
    start, preparing, _ = beginning
    below = children(start.process.pid)
    os.kill(preparing, sign)
    printed, errors = start.process.communicate(timeout=PATIENCE)
    assert (start.process.returncode, printed) == (1, "")
    assert errors == f"What prepares the database was killed by signal {sign.value}\n"
    assert [pid for pid in below if runs(pid)] == []


def test_no_worker_outlives_a_start_that_is_killed_while_it_waits(beginning):
    start, _, other_ends = beginning
    below = children(start.process.pid)
    start.process.kill()
    other_ends()
    assert soon(lambda: not any(map(runs, below)))


def test_a_worker_that_dies_while_it_waits_is_replaced_by_one_that_waits(beginning):
    start, preparing, other_ends = beginning
    [worker] = {*children(start.process.pid)} - {preparing}
    time.sleep(6)  # Two that die sooner are taken for workers that can't run.
    os.kill(worker, signal.SIGKILL)
    assert soon(lambda: {*children(start.process.pid)} - {preparing, worker})
    does_not_serve(start)
    other_ends()
    start.wait_until_it_serves()
    assert start.end()[4] == []


def test_it_serves_where_nobody_reads_what_it_says(folder):
    start = Start(folder, **SECRET, **ADMIN)
    start.process.stdout.close()
    with start as shop:
        shop.log_in()
        start.process.stdout = None
        code, _, _, errors, left = shop.end()
    assert (code, errors, left) == (0, "", [])


def test_without_a_gate_the_worker_is_begun_when_all_is_ready(folder):
    """As where processes are spawned, and not forked."""
    spawned = "import multiprocessing as m, runpy\nif __name__ == '__main__':\n    m.set_start_method('spawn')\n"
    (folder / "start.py").write_text(f"{spawned}    runpy.run_path('run.py', run_name='__main__')\n")
    command = [sys.executable, "start.py"]
    with Start(folder, command, **SECRET, **ADMIN) as shop:
        shop.log_in()
        code, _, _, errors, _ = shop.end()
    assert (code, errors) == (0, "")
    refused = Start(folder, command, DATABASE_URL="oracle://db", **SECRET)
    printed, errors = refused.process.communicate(timeout=PATIENCE)
    assert (refused.process.returncode, printed, errors.splitlines()[1:]) == (1, "", [])
    assert errors.startswith("DATABASE_URL: names 'oracle'")
