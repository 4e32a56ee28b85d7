"""What must be done before the shop can serve: the tables brought up to date, and a first admin made.

It runs under a lock of the database, so that of two processes that start together one does it and the other waits.
"""

import secrets

from alembic.command import upgrade
from alembic.util import CommandError
from flask import Flask
from flask_migrate import Migrate

from app.models import mechanics
from app.start import ADMINS, MIGRATIONS, CantStart, make_folder, one_at_a_time, shown, usable, wants_admin
from app.utils.accounts import create_account, with_hash
from app.utils.database import fetch, transaction
from app.utils.errors import Problem, Unavailable
from app.utils.extensions import db

migrate = Migrate(directory=str(MIGRATIONS))
"""Bound here, and not by ``create_app``: a worker that serves has no use for Alembic, and saves its 9 MB."""


def prepare(app: Flask, *, first_admin: bool = True) -> None:
    """Bring the database up to date and make the first admin; raise CantStart."""
    migrate.init_app(app, db)
    with app.app_context(), usable(url := app.config["DATABASE_URL"]):
        make_folder(url)
        try:
            with db.engines["reads"].connect() as connection, one_at_a_time(connection):
                upgrade(migrate.get_config(), "head")
                if first_admin:
                    make_first_admin(app)
        except CommandError as error:
            raise CantStart(f"DATABASE_URL: {url.database} holds tables of another version of this app: {error}") from None


def make_first_admin(app: Flask) -> None:
    """Make the first admin where there is none: the one of the settings or, in development, one with a random
    password that is printed this once."""
    email, password = app.config["ADMIN_EMAIL"], app.config["ADMIN_PASSWORD"]
    if not wants_admin(app.config["APP_ENV"], email):
        return
    given = {
        "name": "Admin",
        "email": email or "admin@example.com",
        "role": "admin",
        "password": password or secrets.token_urlsafe(12),
    }
    try:
        if fetch(ADMINS):
            return
        transaction(lambda: create_account(mechanics, with_hash(given)))()
    except Unavailable as error:
        raise CantStart(f"DATABASE_URL: {shown(app.config['DATABASE_URL'])} can't be used: {error.detail}") from None
    except Problem as error:
        raise CantStart(f"ADMIN_EMAIL: the first admin can't be made: {error.detail}") from None
    if password:
        print(f"The first admin is {given['email']}, with the password of ADMIN_PASSWORD.", flush=True)
    else:
        print(f"The first admin is {given['email']}, password {given['password']} (shown this once).", flush=True)
