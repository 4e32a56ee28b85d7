"""Idle and slow connections do not keep other clients out."""

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


def test_idle_and_slow_connections_do_not_block_other_clients(proof):
    """With 1,100 idle keep-alive connections, and 50 that send one byte a second, other requests take under 2 s."""
    with shop_on("sqlite") as shop:

        def send_requests():
            responses = [shop.client(timeout=5).call("GET", "/health/ready") for _ in range(20)]
            assert [response.status for response in responses] == [200] * 20
            return max(response.seconds for response in responses)

        started = time.monotonic()
        slowest = asyncio.run(hold(shop.port, 1100, 50, send_requests))
        proof.report(slowest_response=f"{slowest:.3f} s")
        assert slowest < 2
        assert time.monotonic() - started < 20, "a request waited for the timeout of an idle connection"
        assert shop.client().call("GET", "/health/ready").status == 200


@pytest.mark.parametrize(("path", "status"), [("/tickets", 401), ("/nowhere", 404), ("/customers", 422)])
def test_error_response_waits_for_the_request_body(path, status):
    """The head and the body arrive in two packets, as Python's http.client sends them. If the response came before the body
    was read, the server would close the connection, and the next request on it would fail.
    """
    with shop_on("sqlite") as shop, socket.create_connection(("127.0.0.1", shop.port), timeout=5) as connection:
        body = b'{"name": "Ann"}'
        head = f"POST {path} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        for _ in range(3):
            connection.sendall(head.encode())
            time.sleep(0.05)
            connection.sendall(body)
            response = HTTPResponse(connection)
            response.begin()
            assert (response.status, response.read()[:1]) == (status, b"{")


@pytest.mark.parametrize(("soft", "hard", "expected"), [(256, 512, 512), (256, 20_000, 10_240), (15_000, 20_000, 15_000)])
def test_limit_of_open_files_is_raised_for_connections(soft, hard, expected):
    """The soft limit is raised to 10,240 or to the hard limit, and is never lowered."""
    program = f"""
import resource
from app.serving import process
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
process.raise_open_files()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [str(expected), str(hard)]
