"""Clients that hold a connection and say little: they keep nobody else out."""

import asyncio
import time

import pytest

from tests.bench.load import hold
from tests.harness.running import shop_on

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
