"""What must be before the shop serves: :func:`make_ready`.

It looks whether all is ready without making an app, which would take long; where something is to be done, it lets
``app/preparation.py`` do it. Whatever keeps the shop from starting is one line that names the setting, and never a password.
"""

import fcntl
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from app import create_app
from app.utils import engines, remote
from config import ROOT, BadSetting, Settings

MIGRATIONS = ROOT / "app" / "migrations"
LOCK_NUMBER, LOCK_NAME = 7_368_704, "CONCAT('mymechanicshop.', MD5(DATABASE()))"
"""On PostgreSQL a lock is one of its database; on MySQL of the whole server, which may have several shops."""
LOCK_SECONDS, TRIES_A_SECOND = 60, 20
HELD = "DATABASE_URL: another start, or who fills the database, has been at work on it for a minute; try again later"
ADMINS = text("SELECT 1 FROM mechanics WHERE role = 'admin' AND deleted_at IS NULL LIMIT 1")


class CantStart(Exception):
    """The shop can't start; the text is one line that says why."""


# ---------------------------------------------------------------- the database
@contextmanager
def usable(url: URL) -> Iterator[None]:
    """Raise CantStart, which names the database and why, where it can't be used."""
    try:
        yield
    except OSError as error:
        trouble = f"{url.database} can't be written" if url.get_backend_name() == "sqlite" else f"{shown(url)} can't be used"
        raise CantStart(f"DATABASE_URL: {trouble}: {error.strerror or error}") from None
    except DBAPIError as error:
        said = error.orig.args if error.orig else ()
        reason = " ".join(str(said[-1] if said else error.orig).split())
        raise CantStart(f"DATABASE_URL: {shown(url)} can't be used: {reason}") from None


def shown(url: URL) -> str:
    """The URL of a database with all its hosts, but without its password and options."""
    hosts = url.query.get("hosts") or url.query.get("host") or ()
    plain = url.set(query={})
    if not hosts:
        return plain.render_as_string()
    several = hosts if isinstance(hosts, str) else ",".join(hosts)
    return plain.set(host="every-host").set(port=-1).render_as_string().replace("every-host:-1", several, 1)


@contextmanager
def connected(url: URL) -> Iterator[Connection]:
    """A connection to a database, for who has no app; raise CantStart."""
    try:
        engine = engines.that_reads(url)
        with usable(url):
            connection = engine.connect()
    except (ValueError, RuntimeError, ArgumentError):  # They may quote an option.
        raise CantStart(f"DATABASE_URL: {shown(url)} can't be used: the driver can't do what its options ask for") from None
    try:
        with connection, usable(url):
            yield connection
    finally:
        engine.dispose()


@contextmanager
def one_at_a_time(connection: Connection) -> Iterator[None]:
    """Hold the lock of this database, as each start does, and who fills a database; raise CantStart where another has it
    for a minute."""
    url = connection.engine.url
    if url.get_backend_name() == "sqlite":
        with Path(f"{url.database}.lock").open("w") as file:
            for _ in range(LOCK_SECONDS * TRIES_A_SECOND):  # A file's lock knows no end of patience.
                with suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                time.sleep(1 / TRIES_A_SECOND)
            else:
                raise CantStart(HELD)
            yield
    elif url.get_backend_name() == "postgresql":
        try:
            connection.execute(text(f"SET lock_timeout = '{LOCK_SECONDS}s'"))
            try:
                connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": LOCK_NUMBER})
            except OperationalError as error:
                raise CantStart(HELD) if engines.code_of(error.orig) == "55P03" else error from None
            yield
        finally:
            connection.invalidate()  # Its end frees the lock, and its patience with locks is not for requests.
    else:
        if not connection.execute(text(f"SELECT GET_LOCK({LOCK_NAME}, {LOCK_SECONDS})")).scalar():
            raise CantStart(HELD)
        try:
            yield
        finally:
            if not connection.invalidated:
                connection.execute(text(f"SELECT RELEASE_LOCK({LOCK_NAME})"))


def make_folder(url: URL) -> None:
    """Make the folder that a database of SQLite is to be in; raise OSError."""
    if url.get_backend_name() == "sqlite":
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)


def newest_version() -> str:
    """The version of the tables that this app needs: the number that the last of its migrations begins with."""
    return max(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]


def version_of(connection: Connection) -> str | None:
    """The version of the tables of a database; none where there are none of this app."""
    try:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return None
    return None if found is None else str(found)


def wants_admin(environment: str, email: str) -> bool:
    """Whether a first admin is made where there is none. In production only by the settings; else with a random password."""
    return environment != "production" or bool(email)


def is_prepared(settings: Settings) -> bool:
    """Whether nothing is to be done, now that nobody else prepares the database or fills it; raise CantStart."""
    url = settings.DATABASE_URL
    if url.get_backend_name() == "sqlite" and not os.access(str(url.database), os.W_OK):
        return False  # To ask would make the file; who can't write it will be told when it is prepared.
    with connected(url) as connection, one_at_a_time(connection):
        if version_of(connection) != newest_version():
            return False
        return not wants_admin(settings.APP_ENV, settings.ADMIN_EMAIL) or bool(connection.execute(ADMINS).scalar())


# ---------------------------------------------------------------- what else is needed
def require_redis(url: str) -> None:
    """Raise CantStart where Redis can't be used. Later it may fail: requests are answered without it."""
    named = re.sub("//.*@", "//", url.partition("?")[0])
    try:
        with remote.connect(url, socket_timeout=3, socket_connect_timeout=3) as client:
            client.ping()
    except (remote.RedisError, OSError, ValueError, TypeError) as error:
        known = isinstance(error, (remote.RedisError, OSError))  # The others may quote an option of the URL.
        reason = " ".join(str(error).split()) if known else "its options are none that the driver knows"
        raise CantStart(f"REDIS_URL: {named} can't be used: {reason}") from None


def make_ready() -> None:
    """Prepare what is not ready, and print what a person should know; exit where the shop can't start."""
    try:
        settings = Settings.load()
        if settings.REDIS_URL:
            require_redis(settings.REDIS_URL)
        if not is_prepared(settings):
            from app.preparation import prepare

            prepare(create_app(settings))
    except (BadSetting, CantStart) as error:
        sys.exit(str(error))
    if settings.DATABASE_URL.get_backend_name() == "sqlite":
        from sqlite3 import sqlite_version

        kept = "its write-ahead log" if engines.journal() == "WAL" else "its rollback journal"
        print(f"SQLite {sqlite_version} keeps the shop in {settings.DATABASE_URL.database}, whole by {kept}.")
