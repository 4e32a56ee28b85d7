"""The command line, ``flask --app run …``: what an operator does besides serving. Each command has a file of its own."""

import sys

import click
from flask.cli import ScriptInfo

from app import create_app as create_shop
from app.commands import check, copy_to, create_admin, demo, import_parts, purge
from app.extensions import db
from app.startup.checks import is_prepared, require_redis
from app.startup.prepare import migrate, prepare
from app.utils.context import ShopFlask
from app.utils.db.startup_lock import CantStart
from config import BadSetting, Settings

GUNICORN_LOAD_ERROR = 4
"""The exit code that ends gunicorn, which replaces a worker that exits with another one. 1 ends a command."""


def create_app() -> ShopFlask:
    """Return the app with its commands, for Flask's command line, or for a WSGI server, over a prepared database.

    Exit with one line if a setting is bad, or if the shop can't start."""
    is_served = is_for_a_server()
    try:
        settings = Settings.load()
        app = create_shop(settings)
        init_app(app)
        if is_served:
            prepare_once(app, settings)
    except (BadSetting, CantStart) as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(GUNICORN_LOAD_ERROR if is_served else 1)
    return app


def is_for_a_server() -> bool:
    """Return whether the app is for a server: for ``flask run``, or not for Flask's command line at all."""
    context = click.get_current_context(silent=True)
    return context is None or context.find_object(ScriptInfo) is None or context.info_name == "run"


def prepare_once(app: ShopFlask, settings: Settings) -> None:
    """Do for a WSGI server what ``run.py`` does before it serves. Raise CantStart."""
    if settings.REDIS_URL:
        require_redis(settings.REDIS_URL)
    if not is_prepared(settings):
        prepare(app)


def init_app(app: ShopFlask) -> None:
    """Register the commands. Workers do without them, and so without Alembic."""
    for each in (check.check, copy_to.copy_to, create_admin.create_admin, demo.demo, import_parts.import_parts, purge.purge):
        app.cli.command()(each)
    migrate.init_app(app, db)
