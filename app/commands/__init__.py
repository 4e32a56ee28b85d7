"""The command line, ``flask --app run …``: what an operator does besides serving. Each command has a file of its own."""

import sys

from app import create_app as create_shop
from app.commands import check, copy_to, create_admin, demo, import_parts, purge
from app.extensions import db
from app.startup.prepare import migrate
from app.utils.context import ShopFlask
from config import BadSetting


def create_app() -> ShopFlask:
    """Return the app with its commands and with ``flask db``. Exit with one line if a setting is bad."""
    try:
        app = create_shop()
    except BadSetting as error:
        sys.exit(str(error))
    init_app(app)
    return app


def init_app(app: ShopFlask) -> None:
    """Register the commands. Workers do without them, and so without Alembic."""
    for each in (check.check, copy_to.copy_to, create_admin.create_admin, demo.demo, import_parts.import_parts, purge.purge):
        app.cli.command()(each)
    migrate.init_app(app, db)
