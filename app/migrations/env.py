"""Alembic's entry: migrates the database of the app that is running, over the connection of its writing engine."""

from alembic import context
from flask import current_app

from app.start import make_folder
from app.utils.extensions import db


def run_migrations() -> None:
    """Apply what is missing. Where the database can (not MySQL), it is one transaction: all of it or nothing."""
    engine = current_app.extensions["migrate"].db.engine
    if context.is_offline_mode():
        context.configure(url=engine.url, target_metadata=db.metadata, literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    make_folder(engine.url)
    with engine.connect() as connection:
        context.configure(
            connection=connection, target_metadata=db.metadata, render_as_batch=True, transaction_per_migration=False
        )
        with context.begin_transaction():
            context.run_migrations()


run_migrations()
