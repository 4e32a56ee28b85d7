"""Redis, imported by the first who needs it: it takes 6 MB of each process, and a shop of one process has none."""

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
