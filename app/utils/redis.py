"""The Redis client: short timeouts, a circuit breaker, and one error, RedisUnavailable.

redis-py is imported when a client is created: the library takes 6 MB, and a shop of one process needs none of it.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

log = logging.getLogger(__name__)
OPEN_SECONDS = 1.0
"""The time that the circuit breaker is open after an error: requests skip Redis instead of waiting for it one by one."""
CLIENT_OPTIONS = {"socket_timeout": 0.2, "socket_connect_timeout": 0.2, "retry": None}
"""redis-py's options for timeouts: without them a frozen Redis holds up each request for seconds."""
T = TypeVar("T")


class RedisUnavailable(Exception):
    """Redis did not answer, or the circuit breaker is open."""


class RedisClient:
    """redis-py's client behind a circuit breaker, shared by all threads of a process.

    ``epoch`` counts the connections that were opened. A new connection may lead to another Redis, or to one that was
    restored from an older snapshot: a value of an earlier epoch may be out of date."""

    def __init__(self, url: str, **options: Any) -> None:
        import redis

        self.error_types: tuple[type[Exception], ...] = (redis.RedisError, OSError)
        self.epoch = 0
        self.open_until = 0.0
        self.client = redis.Redis.from_url(url, **CLIENT_OPTIONS | {"redis_connect_func": self._on_connect} | options)

    def _on_connect(self, connection: Any) -> None:
        self.epoch += 1
        connection.on_connect()

    @property
    def is_open(self) -> bool:
        return self.open_until > time.monotonic()

    def run(self, command: Callable[[], T]) -> T:
        """Return what ``command`` returns. Raise RedisUnavailable if the command fails or the circuit breaker is open."""
        if self.is_open:
            raise RedisUnavailable
        return self.run_even_if_open(command)

    def run_even_if_open(self, command: Callable[[], T]) -> T:
        """Run a command even if the circuit breaker is open. Raise RedisUnavailable if the command fails."""
        try:
            return command()
        except self.error_types as error:
            if not self.is_open:
                log.warning("Redis does not answer: limits are counted in memory, and the inventory is read from the database")
            self.open_until = time.monotonic() + OPEN_SECONDS
            raise RedisUnavailable(str(error)) from error

    def close(self) -> None:
        self.client.close()
