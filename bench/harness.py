"""The parts of the test harness that the benchmarks use: the shop and Redis as real processes."""

from tests.support.processes import free_port, listens, until
from tests.support.servers import Redis
from tests.support.shop import Client, Shop

__all__ = ["Client", "Redis", "Shop", "free_port", "listens", "until"]
