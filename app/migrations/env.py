"""Alembic's entry: migrate the database of the current app, over its writing engine."""

from alembic import context
from flask import current_app

from app.extensions import db
from app.startup.prepare import create_folder


def run_migrations() -> None:
    """Apply the missing migrations, in one transaction if the database has transactional DDL (not MySQL)."""
    engine = current_app.extensions["migrate"].db.engine
    if context.is_offline_mode():
        context.configure(url=engine.url, target_metadata=db.metadata, literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    create_folder(engine.url)
    with engine.connect() as connection:
        context.configure(
            connection=connection, target_metadata=db.metadata, render_as_batch=True, transaction_per_migration=False
        )
        with context.begin_transaction():
            context.run_migrations()


run_migrations()
