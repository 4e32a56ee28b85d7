"""``python -m app.startup.checks``: check the settings, the address, Redis, and the schema of the database.

The checks need no app, and so take little time. Whatever prevents the start is one line that names the setting, without a
password.
"""

import json
import os
import re
import socket
import sqlite3
import sys

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError

from app.utils.db.engines import journal_mode
from app.utils.db.startup_lock import CantStart, connect, redacted, startup_lock
from app.utils.db.urls import temporary_database
from app.utils.redis import RedisClient
from config import ROOT, BadSetting, Settings

MIGRATIONS = ROOT / "app" / "migrations"
ADMIN_EXISTS = text("SELECT 1 FROM mechanics WHERE role = 'admin' AND deleted_at IS NULL LIMIT 1")


def free_address(host: str, port: int) -> str:
    """Return the address of a host, after binding it once. Raise BadSetting."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise BadSetting(f"HOST: {host} is no address of this machine: {error.strerror}") from None
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise BadSetting(f"HOST, PORT: {host}:{port} can't be listened on: {error.strerror}") from None
    return str(address[0])


def require_redis(url: str) -> None:
    """Raise CantStart if Redis can't be used. Later, requests are served without Redis if it fails."""
    shown = re.sub("//.*@", "//", url.partition("?")[0])
    try:
        redis = RedisClient(url, socket_timeout=3, socket_connect_timeout=3)
        redis.client.ping()
        redis.close()
    except (ValueError, TypeError):  # Their texts may quote an option.
        raise CantStart(f"REDIS_URL: {shown} can't be used: the driver does not accept its options") from None
    except Exception as error:  # redis.RedisError or OSError: redis may not be installed.
        raise CantStart(f"REDIS_URL: {shown} can't be used: {' '.join(str(error).split())}") from None


def newest_revision() -> str:
    """Return the schema revision that this app needs: the number of its last migration."""
    return max(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]


def revision_of(connection: Connection) -> str | None:
    """Return the schema revision, or None if the schema is not ours."""
    try:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return None
    return None if found is None else str(found)


def require_unicode(connection: Connection) -> None:
    """Raise CantStart if a PostgreSQL database can't hold every letter. On MySQL, our tables and connections choose utf8mb4."""
    if connection.dialect.name != "postgresql":
        return
    encoding = connection.execute(text("SHOW server_encoding")).scalar()
    if encoding != "UTF8":
        raise CantStart(
            f"DATABASE_URL: {redacted(connection.engine.url)} has the encoding {encoding}, which does not hold every letter; "
            "create a database with: CREATE DATABASE shop ENCODING 'UTF8' TEMPLATE template0"
        )


def creates_first_admin(app_env: str, email: str) -> bool:
    """Return whether to create the first admin. In production only if ADMIN_EMAIL is set; elsewhere always."""
    return app_env != "production" or bool(email)


def is_prepared(settings: Settings) -> bool:
    """Return whether the database has the newest schema and an admin, under the startup lock. Raise CantStart."""
    url = settings.DATABASE_URL
    if url.get_backend_name() == "sqlite" and not os.access(str(url.database), os.W_OK):
        return False  # Connecting would create the file; preparing reports one that can't be written.
    with connect(url) as connection, startup_lock(connection):
        require_unicode(connection)
        if revision_of(connection) != newest_revision():
            return False
        needs_admin = creates_first_admin(settings.APP_ENV, settings.ADMIN_EMAIL)
        return not needs_admin or bool(connection.execute(ADMIN_EXISTS).scalar())


def main() -> None:
    """Check everything, and print as a line of JSON where to serve. Exit with one line if the shop can't start.

    ``is_prepared`` is false if ``app.startup.prepare`` must run first."""
    try:
        settings = Settings.load()
        address = free_address(settings.HOST, settings.PORT)
        if settings.METRICS_PORT:
            free_address(settings.HOST, settings.METRICS_PORT)
        if settings.REDIS_URL:
            require_redis(settings.REDIS_URL)
        prepared = is_prepared(settings)
    except (BadSetting, CantStart) as error:
        sys.exit(str(error))
    is_temporary = settings.APP_ENV == "testing" and temporary_database() == settings.DATABASE_URL
    host = "localhost" if address == "127.0.0.1" else settings.HOST
    place = {
        "is_prepared": prepared,
        "url": f"http://{f'[{host}]' if ':' in host else host}:{settings.PORT}",
        "address": address,
        "port": settings.PORT,
        "workers": settings.WEB_CONCURRENCY,
        "metrics_port": settings.METRICS_PORT,
        "is_temporary": is_temporary,
        "database": "" if is_temporary else describe_database(settings.DATABASE_URL),
    }
    print(json.dumps(place), flush=True)


def describe_database(url: URL) -> str:
    """Return a line about SQLite's version and journal, which decide how safe its file is; blank for a server."""
    if url.get_backend_name() != "sqlite":
        return ""
    journal = "write-ahead log" if journal_mode() == "WAL" else "rollback journal"
    return f"SQLite {sqlite3.sqlite_version} keeps the shop in {url.database}, with its {journal}.\n"


if __name__ == "__main__":
    main()
