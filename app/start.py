"""What must be done before the shop can serve: the tables brought up to date, and a first admin made.

It runs under a lock of the database, so that of two processes that start together one does it and the other waits.
``run.py`` calls :func:`main` in a process of its own: it prints what a person should know and then, in its last line,
where to serve. Whatever keeps the shop from starting is one line that names the setting, and never a password.
"""

import fcntl
import re
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import sqlite_version

from alembic.command import upgrade
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import Flask
from flask_migrate import Migrate
from sqlalchemy import URL, Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from app import create_app
from app.models import mechanics
from app.utils import remote
from app.utils.accounts import create_account, with_hash
from app.utils.database import fetch, transaction
from app.utils.engines import journal
from app.utils.errors import Problem
from app.utils.extensions import db
from config import ROOT, BadSetting, Settings

LOCK_NUMBER, LOCK_NAME = 7_368_704, "mymechanicshop.start"
LOCK_SECONDS = 60

MIGRATIONS = ROOT / "app" / "migrations"
migrate = Migrate(directory=str(MIGRATIONS))
"""Bound here, and not by ``create_app``: a worker that serves has no use for Alembic, and saves its 9 MB."""


class CantStart(Exception):
    """The shop can't start; the text is one line that says why."""


@contextmanager
def one_at_a_time(connection: Connection) -> Iterator[None]:
    """Hold the lock of this database for a start."""
    url = connection.engine.url
    if url.get_backend_name() == "sqlite":
        with Path(f"{url.database}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    elif url.get_backend_name() == "postgresql":
        connection.execute(text(f"SET lock_timeout = '{LOCK_SECONDS}s'"))
        connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": LOCK_NUMBER})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": LOCK_NUMBER})
            connection.invalidate()  # Its patience with locks is not for requests.
    else:
        asked = {"name": LOCK_NAME, "seconds": LOCK_SECONDS}
        if not connection.execute(text("SELECT GET_LOCK(:name, :seconds)"), asked).scalar():
            raise CantStart("DATABASE_URL: another start is still preparing the database; try again later")
        try:
            yield
        finally:
            connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": LOCK_NAME})


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


def shown(url: URL) -> str:
    """The URL of a database with all its hosts, but without its password and options."""
    hosts = url.query.get("hosts") or url.query.get("host") or ()
    plain = url.set(query={})
    if not hosts:
        return plain.render_as_string()
    several = hosts if isinstance(hosts, str) else ",".join(hosts)
    return plain.set(host="every-host").set(port=-1).render_as_string().replace("every-host:-1", several, 1)


def prepare(app: Flask, *, first_admin: bool = True) -> None:
    """Bring the database up to date and make the first admin; raise CantStart."""
    migrate.init_app(app, db)
    if app.config["REDIS_URL"]:
        require_redis(app.config["REDIS_URL"])
    with app.app_context():
        url = db.engine.url
        try:
            if url.get_backend_name() == "sqlite":
                Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
            with db.engines["reads"].connect() as connection, one_at_a_time(connection):
                upgrade(migrate.get_config(), "head")
                if first_admin:
                    make_first_admin(app)
        except OSError as error:
            raise CantStart(f"DATABASE_URL: {url.database} can't be written: {error.strerror}") from None
        except CommandError as error:
            raise CantStart(f"DATABASE_URL: {url.database} holds tables of another version of this app: {error}") from None
        except DBAPIError as error:
            said = error.orig.args if error.orig else ()
            reason = " ".join(str(said[-1] if said else error.orig).split())
            raise CantStart(f"DATABASE_URL: {shown(app.config['DATABASE_URL'])} can't be used: {reason}") from None


def newest_version() -> str:
    """The version of the tables that this app needs."""
    return str(ScriptDirectory(str(MIGRATIONS)).get_current_head())


def make_first_admin(app: Flask) -> None:
    """Make the first admin where there is none: the one of the settings or, in development, one with a random
    password that is printed this once."""
    email, password = app.config["ADMIN_EMAIL"], app.config["ADMIN_PASSWORD"]
    if app.config["APP_ENV"] == "production" and not email:
        return
    admins = select(func.count()).select_from(mechanics).where(mechanics.c.role == "admin", mechanics.c.deleted_at.is_(None))
    if fetch(admins)[0][0]:
        return
    given = {
        "name": "Admin",
        "email": email or "admin@example.com",
        "role": "admin",
        "password": password or secrets.token_urlsafe(12),
    }
    try:
        transaction(lambda: create_account(mechanics, with_hash(given)))()
    except Problem as error:
        raise CantStart(f"ADMIN_EMAIL: the first admin can't be made: {error.detail}") from None
    if password:
        print(f"The first admin is {given['email']}, with the password of ADMIN_PASSWORD.", flush=True)
    else:
        print(f"The first admin is {given['email']}, password {given['password']} (shown this once).", flush=True)


def free_address(host: str, port: int) -> str:
    """The address of a host, where this process could listen at that port; raise CantStart."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise CantStart(f"HOST: {host} is no address of this machine: {error.strerror}") from None
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            raise CantStart(f"HOST, PORT: {host}:{port} can't be listened on: {error.strerror}") from None
    return str(place[0])


def main() -> None:
    try:
        settings = Settings.load()
        address = free_address(settings.HOST, settings.PORT)
        if settings.METRICS_PORT:
            free_address(settings.HOST, settings.METRICS_PORT)
        prepare(create_app(settings))
    except (BadSetting, CantStart) as error:
        sys.exit(str(error))
    if settings.DATABASE_URL.get_backend_name() == "sqlite":
        kept = "its write-ahead log" if journal() == "WAL" else "its rollback journal"
        print(f"SQLite {sqlite_version} keeps the shop in {settings.DATABASE_URL.database}, whole by {kept}.")
    host = "localhost" if address == "127.0.0.1" else settings.HOST
    print(host, address, settings.PORT, settings.WEB_CONCURRENCY, settings.METRICS_PORT)
