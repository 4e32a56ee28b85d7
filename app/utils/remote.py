"""Redis, imported by the first who needs it: it takes 6 MB of each process, and a shop of one process has none."""

import hashlib
import threading
from typing import Any


def __getattr__(name: str) -> Any:
    import redis

    return getattr(redis, name)


def connect(url: str, **options: Any) -> Any:
    """A client of the Redis at a URL; raise what :func:`redis.from_url` does."""
    from redis import Redis

    return Redis.from_url(url, **patience() | options)


def patience() -> dict[str, Any]:
    """Nobody waits for Redis: one that is frozen would otherwise hold up each request for seconds."""
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return {"socket_timeout": 0.2, "socket_connect_timeout": 0.2, "retry": Retry(NoBackoff(), 0)}


class Line:
    """Commands that requests wait for, over a connection for each thread: redis-py's pool, and what it does around every
    command, would double their cost. Raises redis.RedisError.

    Behind a connection that is opened anew there may be another Redis, or one that has come back with what it knew earlier:
    ``lives`` counts them."""

    def __init__(self, url: str) -> None:
        self.pool = connect(url).connection_pool
        self.own = threading.local()
        self.lives = 0

    def __call__(self, *command: Any) -> Any:
        from redis import exceptions

        try:
            return self.send(*command)
        except exceptions.ConnectionError:
            # Redis has closed it meanwhile; this opens another. What it did before it closed is done twice: a hit of a
            # window may count as two.
            return self.send(*command)

    @property
    def life(self) -> int:
        """The number of lives that had begun when this thread was answered last."""
        number: int = self.own.life
        return number

    def send(self, *command: Any) -> Any:
        self.own.life = self.lives
        connection = getattr(self.own, "connection", None)
        if connection is None:
            # Not one of the pool's, which counts those of threads that have ended as well, and gives a hundred at the most.
            connection = self.own.connection = self.pool.connection_class(**self.pool.connection_kwargs)
            connection.register_connect_callback(self.count_life)
        connection.send_command(*command)
        return connection.read_response()

    def count_life(self, _connection: Any) -> None:
        self.lives += 1
        self.own.life = self.lives


class Script:
    """A script that Redis runs; raises redis.RedisError."""

    def __init__(self, line: Line, text: str) -> None:
        self.line = line
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, keys: tuple[str, ...], *args: Any) -> Any:
        from redis import exceptions

        try:
            return self.line("EVALSHA", self.sha, len(keys), *keys, *args)
        except exceptions.NoScriptError:  # Redis was started anew, or has never seen it.
            return self.line("EVAL", self.text, len(keys), *keys, *args)
