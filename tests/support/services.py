"""The database and Redis servers of the tests: those on their default ports, or those of TEST_*_URL.

SQLite is always available. With REQUIRE_SERVICES=1 a missing server fails the run, so that CI cannot pass without it.
"""

import os
import tempfile
from functools import cache
from pathlib import Path

from redis import Redis, RedisError
from sqlalchemy import create_engine, text

from config import database_url
from tests.support.servers import accepts_connections

DEFAULT_URLS = {
    "postgresql": "postgresql://postgres@127.0.0.1:5432/postgres",
    "mariadb": "mysql://root@127.0.0.1:3306/mysql",
    "redis": "redis://127.0.0.1:6379/9",
}
REQUIRED = os.environ.get("REQUIRE_SERVICES") == "1"
MEMORY = Path("/dev/shm")
SCRATCH = Path(tempfile.mkdtemp(prefix="shop-tests-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
"""SQLite databases of the tests, in memory if possible: they need not survive a crash of the machine."""


def url_of(service: str) -> str:
    return os.environ.get(f"TEST_{service.upper()}_URL") or DEFAULT_URLS[service]


@cache
def is_available(service: str) -> bool:
    """Return whether a service accepts connections."""
    if service != "redis":
        return accepts_connections(url_of(service))
    try:
        return bool(Redis.from_url(url_of(service), socket_connect_timeout=1, socket_timeout=1).ping())
    except RedisError:
        return False


def missing() -> list[str]:
    return [service for service in DEFAULT_URLS if not is_available(service)]


def databases() -> list[str]:
    """Return the kinds of database that the tests run on."""
    return ["sqlite", *(kind for kind in ("postgresql", "mariadb") if is_available(kind))]


def fresh_database(kind: str, name: str) -> str:
    """Create an empty database of a kind, and return its URL."""
    if kind == "sqlite":
        path = SCRATCH / f"{name}.db"
        path.unlink(missing_ok=True)
        return f"sqlite:///{path}"
    drop_database(kind, name)
    run(kind, f"CREATE DATABASE {name}")
    if kind == "postgresql":
        run(kind, f"ALTER DATABASE {name} SET synchronous_commit = off")
    return server_url(kind, name)


def server_url(kind: str, name: str) -> str:
    """Return the URL of a database on a server."""
    return database_url(url_of(kind)).set(database=name).render_as_string(hide_password=False)


def drop_database(kind: str, name: str) -> None:
    if kind == "sqlite":
        (SCRATCH / f"{name}.db").unlink(missing_ok=True)
    else:
        run(kind, f"DROP DATABASE IF EXISTS {name}{' WITH (FORCE)' if kind == 'postgresql' else ''}")


def run(kind: str, sql: str) -> None:
    """Run a statement on the maintenance database of a server."""
    engine = create_engine(database_url(url_of(kind)), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(sql))
    engine.dispose()
