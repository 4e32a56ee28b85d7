"""The parts of the benchmarks that can be tested without a measurement: refusals before the start, the comparison of responses,
and the load generator."""

import asyncio
import itertools
import os
import re
import shutil
import socket
import subprocess
import sys
import threading

import pytest

from bench import load
from bench.run import NAMES, PEERS, runnable
from config import ROOT


def refused(program, **environment):
    """Run a benchmark that must exit with 1 before it prints a result, and return the lines on stderr."""
    given = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | environment
    command = [sys.executable, "-m", f"bench.{program}"]
    ran = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    return ran.stderr.splitlines()


@pytest.mark.parametrize("program", ["run", "strain"])
def test_missing_programs_are_named_before_anything_is_set_up(program, tmp_path):
    (tmp_path / "bin").mkdir()
    for name in ("sh", "dirname"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    *missing, last = refused(program, PATH=str(tmp_path / "bin"), PEERS_DIR=str(tmp_path / "state"), PGBIN=str(tmp_path))
    assert [re.match(r"missing: (\w+)", line)[1] for line in missing] == ["wrk", "psql", "initdb"]
    assert last == "The peers could not be set up."
    assert not (tmp_path / "state").exists()


def test_sizes_need_a_server():
    assert refused("sizes") == ["DATABASE_URL is not set: name a database of the PostgreSQL server to measure on."]


def test_every_peer_has_pinned_requirements_and_a_start():
    assert sorted(path.parent.name for path in PEERS.glob("*/requirements.lock")) == sorted(NAMES)
    for name in NAMES:
        assert os.access(PEERS / name / "run.sh", os.X_OK)
        assert all("==" in line for line in (PEERS / name / "requirements.lock").read_text().splitlines())


@pytest.mark.parametrize(("redis", "left"), [("/usr/bin/redis-server", [1, 2]), (None, [1])])
def test_without_redis_only_one_worker_is_measured(redis, left, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "which", lambda _: redis)
    assert runnable([1, 2]) == left
    assert capsys.readouterr().err == ("" if redis else "redis-server is not installed: no run with 2 workers.\n")


@pytest.fixture
def check(monkeypatch):
    """The module of the load program that compares responses; the peers are scripts, not a package."""
    monkeypatch.syspath_prepend(PEERS)
    for name in ("check", "client"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import check

    yield check
    for name in ("check", "client"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ({"price": 5, "parts": [{"id": 1}], "more": True}, []),
        ({"price": 5.5, "parts": [{"id": 1}]}, ["other.price"]),
        ({"price": "5.0", "parts": [{"id": 1}]}, ["other.price"]),
        ({"price": 5.0, "parts": []}, ["other.parts"]),
        ({"price": 5.0, "parts": [{"id": 1.0}]}, ["other.parts[0].id"]),
        ({"parts": [{"id": 1}]}, ["other.price"]),
    ],
)
def test_the_comparison_finds_every_value_that_falls_short(check, other, found):
    base = {"price": 5.0, "parts": [{"id": 1}]}
    assert [where for where, _ in check.differences(base, other, "other")] == found


def served(answers):
    """Start a server that sends each response in turn, and return its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with listener, connection:
            for answer in answers:
                connection.recv(4096)
                connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def test_a_load_counts_statuses_and_503_without_retry_after():
    ok = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]"
    full = b"HTTP/1.1 503 Service Unavailable\r\n%scontent-length: 0\r\n\r\n"
    port = served([ok, full % b"", full % b"retry-after: 1\r\n", ok, ok])
    seen = asyncio.run(load.offer(port, itertools.repeat("/"), "token", rate=10, seconds=0.45, connections=1))
    assert seen.statuses == {200: 3, 503: 2}
    assert seen.without_retry_after == 1
