"""What must be done before the shop can serve: the tables brought up to date, and a first admin made.

It runs under a lock of the database, so that of two processes that start together one does it and the other waits.
"""

import fcntl
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic.command import upgrade
from alembic.util import CommandError
from flask import Flask
from flask_migrate import Migrate
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from app.models import mechanics
from app.start import ADMINS, MIGRATIONS, CantStart, shown, wants_admin
from app.utils.accounts import create_account, with_hash
from app.utils.database import fetch, transaction
from app.utils.errors import Problem
from app.utils.extensions import db

LOCK_NUMBER, LOCK_NAME = 7_368_704, "mymechanicshop.start"
LOCK_SECONDS = 60

migrate = Migrate(directory=str(MIGRATIONS))
"""Bound here, and not by ``create_app``: a worker that serves has no use for Alembic, and saves its 9 MB."""


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


def prepare(app: Flask, *, first_admin: bool = True) -> None:
    """Bring the database up to date and make the first admin; raise CantStart."""
    migrate.init_app(app, db)
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


def make_first_admin(app: Flask) -> None:
    """Make the first admin where there is none: the one of the settings or, in development, one with a random
    password that is printed this once."""
    email, password = app.config["ADMIN_EMAIL"], app.config["ADMIN_PASSWORD"]
    if not wants_admin(app.config["APP_ENV"], email) or fetch(ADMINS):
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
