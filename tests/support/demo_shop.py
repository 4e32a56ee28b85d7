"""An app with the records of ``flask demo``, on its own database."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from app import create_app
from app.commands.demo import TABLES, Demo, fill, finish
from app.extensions import db
from app.startup.prepare import prepare
from config import Settings
from tests.support import services
from tests.support.environment import ENVIRONMENT


@contextmanager
def demo_shop(kind: str, name: str, tickets: int) -> Iterator[Flask]:
    """Create the app on a fresh database with a number of demo tickets, and drop the database at the end."""
    app = create_app(Settings.load(ENVIRONMENT | {"DATABASE_URL": services.fresh_database(kind, name)}))
    prepare(app)
    with app.app_context():
        with db.engine.begin() as connection:
            fill(connection, Demo(tickets))
        with db.engines["reads"].connect() as connection:
            finish(connection, TABLES)
        engines = list(db.engines.values())
    yield app
    for engine in engines:
        engine.dispose()
    services.drop_database(kind, name)
