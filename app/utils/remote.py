"""Redis, imported by the first who needs it: it takes 6 MB of each process, and a shop of one process has none."""

import hashlib
import socket
import struct
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


def awaited_by_kernel(kind: Any) -> Any:
    """A kind of redis-py's connections, where the kernel ends a wait that is too long. Python would ask it first whether it
    has to wait, and let other threads take over there as well: twice as often for each command."""
    from redis import SSLConnection

    if issubclass(kind, SSLConnection):
        return kind  # Where the kernel ends a wait, Python's TLS waits again.

    class Awaited(kind):
        def _connect(self) -> Any:
            opened = super()._connect()
            if not self.socket_timeout:  # Zero is no end to a kernel.
                return opened
            end = struct.pack("@ll", *divmod(max(1, round(self.socket_timeout * 1_000_000)), 1_000_000))
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                opened.setsockopt(socket.SOL_SOCKET, option, end)
            opened.settimeout(None)
            return opened

    return Awaited


class Line:
    """Commands that requests wait for, over a connection for each thread: redis-py's pool, and what it does around every
    command, would double their cost. Raises redis.RedisError.

    Behind a connection that is opened anew there may be another Redis, or one that has come back with what it knew earlier:
    ``lives`` counts them."""

    def __init__(self, url: str) -> None:
        from hiredis import pack_command
        from redis import ConnectionError as Lost

        self.pack, self.lost = pack_command, Lost
        pool = connect(url).connection_pool
        self.make, self.options = awaited_by_kernel(pool.connection_class), pool.connection_kwargs
        self.own = threading.local()
        self.lives = 0

    def __call__(self, *command: Any) -> Any:
        try:
            return self.send(command)
        except self.lost as error:
            if isinstance(error.__context__, BlockingIOError):
                raise  # It hangs, or is too busy: to ask again would hold up the request twice as long.
            # Redis has closed it meanwhile; this opens another. What it did before it closed is done twice: a hit of a
            # window may count as two.
            return self.send(command)

    @property
    def life(self) -> int:
        """The number of lives that had begun when this thread was answered last."""
        number: int = self.own.life
        return number

    def send(self, command: tuple[Any, ...]) -> Any:
        self.own.life = self.lives
        connection = getattr(self.own, "connection", None)
        if connection is None:
            # Not one of the pool's, which counts those of threads that have ended as well, and gives a hundred at the most.
            connection = self.own.connection = self.make(**self.options)
            connection.register_connect_callback(self.count_life)
        connection.send_packed_command([self.pack(command)], check_health=False)
        return connection.read_response()

    def count_life(self, _connection: Any) -> None:
        self.lives += 1
        self.own.life = self.lives


class Script:
    """A script that Redis runs; raises redis.RedisError."""

    def __init__(self, line: Line, text: str) -> None:
        from redis.exceptions import NoScriptError

        self.line, self.unknown = line, NoScriptError
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, keys: tuple[str, ...], *args: Any) -> Any:
        try:
            return self.line("EVALSHA", self.sha, len(keys), *keys, *args)
        except self.unknown:  # Redis was started anew, or has never seen it.
            return self.line("EVAL", self.text, len(keys), *keys, *args)
