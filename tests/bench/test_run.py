"""What ``make bench`` says where it can't begin; the measuring itself is no test."""

import asyncio
import itertools
import os
import socket
import subprocess
import sys
import threading

import pytest

from config import ROOT
from tests.bench import load


def refused(*options, program="run", **environment):
    """What it says on stderr; it must end by itself, before anything is set up."""
    given = {name: value for name, value in os.environ.items() if name not in ("PEERS", "DATABASE_URL")} | environment
    command = [sys.executable, "-m", f"tests.bench.{program}", *options]
    ran = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    return ran.stderr.splitlines()


@pytest.mark.parametrize("program", ["run", "strain"])
@pytest.mark.parametrize("given", [{}, {"PEERS": ""}])
def test_without_the_peers_it_says_how_they_are_named(program, given):
    first, second = refused(program=program, **given)
    assert first.startswith("PEERS is not set: ")
    assert second.strip() == "make bench PEERS=path/to/peers"


def test_a_folder_without_peers_is_named(tmp_path):
    assert refused(PEERS=str(tmp_path)) == [f"PEERS: {tmp_path} has no setup.sh and bench.py"]


def test_without_a_server_the_sizes_say_what_is_missing():
    assert refused(program="sizes") == ["DATABASE_URL is not set: it names a database of the PostgreSQL server to measure on."]


def served(answers):
    """A server that gives each answer in turn, and its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with listener, connection:
            for answer in answers:
                connection.recv(4096)
                connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def test_a_load_counts_what_is_answered_and_a_503_without_retry_after():
    ok = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]"
    full = b"HTTP/1.1 503 Service Unavailable\r\n%scontent-length: 0\r\n\r\n"
    port = served([ok, full % b"", full % b"retry-after: 1\r\n", ok, ok])
    seen = asyncio.run(load.offer(port, itertools.repeat("/"), "token", rate=10, seconds=0.45, connections=1))
    assert seen.statuses == {200: 3, 503: 2}
    assert seen.without_retry_after == 1
