"""Pinning of workers to processors if there are as many of both (``docs/decisions/16``)."""

import os
import signal
import sys

import pytest

from tests.support import services
from tests.support.needs import needs
from tests.support.processes import until
from tests.support.servers import Redis
from tests.support.shop import Shop

ALL = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
pytestmark = [
    pytest.mark.slow,
    needs("redis-server"),
    pytest.mark.skipif(len(ALL) < 2, reason="needs Linux and two processors"),
]


@pytest.fixture
def open_shop():
    """Return a function that starts a shop with a number of workers and processors. The test closes it."""
    url = services.fresh_database("sqlite", "shop_processors")
    redis, shops = Redis(), []

    def start(workers, processors):
        shop = Shop(url, redis=redis.url, workers=workers)
        shop.program.command = ["taskset", "-c", ",".join(map(str, ALL[:processors])), *shop.program.command]
        shops.append(shop)
        return shop.start()

    try:
        redis.start()
        yield start
    finally:
        for shop in shops:
            shop.remove()
        redis.remove()
        services.drop_database("sqlite", "shop_processors")


def processors_of(shop):
    return [os.sched_getaffinity(pid) for pid in shop.workers()]


@pytest.mark.parametrize("number", [0, 1])
def test_each_worker_and_its_replacement_is_pinned_to_one_processor(open_shop, number):
    shop = open_shop(workers=2, processors=2)
    pinned = [{processor} for processor in ALL[:2]]
    until(lambda: sorted(processors_of(shop), key=min) == pinned, 30, "one processor for each worker")
    killed = shop.workers()[number]
    os.kill(killed, signal.SIGKILL)
    until(lambda: len(shop.workers()) == 2 and killed not in shop.workers(), 30, "a new worker")
    until(lambda: sorted(processors_of(shop), key=min) == pinned, 30, "the same processors")
    until(shop.is_ready, 30, "a response")


@pytest.mark.parametrize(("workers", "processors"), [(3, 2), (1, 2), (2, 1)])
def test_workers_are_not_pinned_if_their_number_differs_from_the_processors(open_shop, workers, processors):
    shop = open_shop(workers, processors)
    assert processors_of(shop) == [set(ALL[:processors])] * workers
