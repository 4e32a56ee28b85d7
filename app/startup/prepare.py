"""``python -m app.startup.prepare``: migrate the schema, and create the first admin, under the startup lock."""

import secrets
import sys
from pathlib import Path

from alembic.command import upgrade
from alembic.util import CommandError
from flask import Flask
from flask_migrate import Migrate
from sqlalchemy import URL

from app import create_app
from app.blueprints.accounts.service import add_account, with_hash
from app.extensions import db
from app.models import mechanics
from app.startup.checks import ADMIN_EXISTS, creates_first_admin, require_unicode
from app.utils.db.startup_lock import CantStart, redacted, startup_lock, translate_errors
from app.utils.db.statements import fetch_all
from app.utils.db.transactions import run_in_transaction
from app.utils.errors import Problem, Unavailable
from config import BadSetting

migrate = Migrate(directory="app:migrations")  # A package: Alembic would interpolate the "%" of a folder's name.
"""Bound here and not by the app factory: a worker needs no Alembic, which takes 9 MB."""


def prepare(app: Flask, *, first_admin: bool = True) -> None:
    """Migrate the schema and create the first admin. Raise CantStart."""
    migrate.init_app(app, db)
    with app.app_context(), translate_errors(url := app.config["DATABASE_URL"]):
        create_folder(url)
        try:
            with db.engines["reads"].connect() as connection, startup_lock(connection):
                require_unicode(connection)
                upgrade(migrate.get_config(), "head")
                if first_admin:
                    create_first_admin(app)
        except CommandError as error:
            raise CantStart(f"DATABASE_URL: {url.database} holds tables of another version of this app: {error}") from None
        finally:
            for engine in db.engines.values():
                engine.dispose()  # A WSGI server may fork now, and two processes can't share a connection.


def create_folder(url: URL) -> None:
    """Create the folder of a SQLite database. Raise OSError."""
    if url.get_backend_name() == "sqlite":
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)


def create_first_admin(app: Flask) -> None:
    """Create the first admin if none exists: from the settings, or in development with a random password."""
    email, password = app.config["ADMIN_EMAIL"], app.config["ADMIN_PASSWORD"]
    if not creates_first_admin(app.config["APP_ENV"], email):
        return
    given = {"name": "Admin", "role": "admin", "email": email or "admin@example.com"}
    given["password"] = password or secrets.token_urlsafe(12)
    try:
        if fetch_all(ADMIN_EXISTS):
            return
        run_in_transaction(lambda: add_account(mechanics, with_hash(given)))
    except Unavailable as error:
        raise CantStart(f"DATABASE_URL: {redacted(app.config['DATABASE_URL'])} can't be used: {error.detail}") from None
    except Problem as error:
        raise CantStart(f"ADMIN_EMAIL: the first admin can't be created: {error.detail}") from None
    shown = "with the password of ADMIN_PASSWORD" if password else f"password {given['password']} (shown this once)"
    print(f"The first admin is {given['email']}, {shown}.", flush=True)


def main() -> None:
    """Prepare the database of the settings. Exit with one line if the shop can't start."""
    try:
        prepare(create_app())
    except (BadSetting, CantStart) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
