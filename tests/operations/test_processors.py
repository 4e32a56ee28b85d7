"""Workers and processors: where there are as many, each worker has one of its own (``docs/decisions/16``)."""

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
    pytest.mark.skipif(len(ALL) < 2, reason="it takes Linux and two processors"),
]


@pytest.fixture
def open_shop():
    """Open a shop with so many workers on so many processors; it is closed with the test."""
    url = services.fresh_database("sqlite", "shop_processors")
    redis, opened = Redis(), []

    def start(workers, processors):
        shop = Shop(url, redis=redis.url, workers=workers)
        shop.program.command = ["taskset", "-c", ",".join(map(str, ALL[:processors])), *shop.program.command]
        opened.append(shop)
        return shop.start()

    try:
        redis.start()
        yield start
    finally:
        for shop in opened:
            shop.remove()
        redis.remove()
        services.drop_database("sqlite", "shop_processors")


def processors_of(shop):
    return [os.sched_getaffinity(pid) for pid in shop.workers()]


@pytest.mark.parametrize("number", [0, 1])
def test_each_worker_has_a_processor_of_its_own_and_who_replaces_it_takes_it_over(open_shop, number):
    shop = open_shop(workers=2, processors=2)
    one_each = [{each} for each in ALL[:2]]
    until(lambda: sorted(processors_of(shop), key=min) == one_each, 30, "a processor for each")
    gone = shop.workers()[number]
    os.kill(gone, signal.SIGKILL)
    until(lambda: len(shop.workers()) == 2 and gone not in shop.workers(), 30, "another worker")
    until(lambda: sorted(processors_of(shop), key=min) == one_each, 30, "the same processors")
    until(shop.is_ready, 30, "an answer")


@pytest.mark.parametrize(("workers", "processors"), [(3, 2), (1, 2), (2, 1)])
def test_more_workers_or_fewer_are_placed_by_the_system(open_shop, workers, processors):
    shop = open_shop(workers, processors)
    assert processors_of(shop) == [set(ALL[:processors])] * workers
