"""Clients that hold a connection and say little: they keep nobody else out."""

import asyncio
import socket
import subprocess
import sys
import time
from http.client import HTTPResponse

import pytest

from bench.load import hold
from config import ROOT
from tests.support.running_shop import shop_on

pytestmark = pytest.mark.slow


def test_idle_and_slow_connections_keep_nobody_out(proof):
    """1,100 that are kept alive after an answer, and 50 that send a byte a second: others are answered as ever."""
    with shop_on("sqlite") as shop:

        def ask():
            answers = [shop.client(timeout=5).call("GET", "/health/ready") for _ in range(20)]
            assert [answer.status for answer in answers] == [200] * 20
            return max(answer.seconds for answer in answers)

        began = time.monotonic()
        slowest = asyncio.run(hold(shop.port, 1100, 50, ask))
        proof.saw(slowest_answer=round(slowest, 3))
        assert slowest < 2
        assert time.monotonic() - began < 20, "one waited until another was closed for its idleness"
        assert shop.client().call("GET", "/health/ready").status == 200


@pytest.mark.parametrize(("path", "status"), [("/tickets", 401), ("/nowhere", 404), ("/customers", 422)])
def test_a_refusal_does_not_overtake_the_body_of_its_request(path, status):
    """The head comes, and the body a moment later, as Python's own client sends them: the answer comes after both, and the
    connection serves the next request. A server closes one whose body nobody has read."""
    with shop_on("sqlite") as shop, socket.create_connection(("127.0.0.1", shop.port), timeout=5) as connection:
        body = b'{"name": "Ann"}'
        head = f"POST {path} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        for _ in range(3):
            connection.sendall(head.encode())
            time.sleep(0.05)
            connection.sendall(body)
            answer = HTTPResponse(connection)
            answer.begin()
            assert (answer.status, answer.read()[:1]) == (status, b"{")


@pytest.mark.parametrize(("given", "allowed", "taken"), [(256, 512, 512), (256, 20_000, 10_240), (15_000, 20_000, 15_000)])
def test_it_may_open_a_file_for_each_connection(given, allowed, taken):
    """As many as it needs, as far as the system allows, and never fewer than it was given."""
    program = f"""
import resource, run
resource.setrlimit(resource.RLIMIT_NOFILE, ({given}, {allowed}))
run.raise_open_files()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [str(taken), str(allowed)]
