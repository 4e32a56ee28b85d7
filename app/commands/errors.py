"""Errors of commands: one line that says why, and an exit code other than 0."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask import current_app
from marshmallow import ValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.extensions import db
from app.startup.checks import newest_revision, revision_of
from app.utils.api.problems import flatten
from app.utils.db.startup_lock import CantStart, redacted
from app.utils.db.transactions import CommitUnknown
from app.utils.errors import Problem


@contextmanager
def exit_with_message(name: str | None = None) -> Iterator[None]:
    """Exit with one line instead of a traceback. Call the database ``name``, or else name its URL."""
    try:
        yield
    except ValidationError as error:
        wrong = "; ".join(f"{field} {' and '.join(texts)}" for field, texts in flatten(error.messages))
        raise click.ClickException(wrong) from None
    except (CantStart, Problem) as error:
        raise click.ClickException(str(error).replace("DATABASE_URL", name or "DATABASE_URL", 1)) from None
    except (DBAPIError, PoolTimeout, CommitUnknown) as error:
        message = " ".join(str(getattr(error, "orig", None) or error).split())  # In one line, without the statement.
        raise click.ClickException(f"{name or redacted(current_app.config['DATABASE_URL'])} failed: {message}") from None


def require_tables() -> None:
    """Raise ClickException unless the database has the schema of this version of the app."""
    url, found = db.engine.url, None
    if url.get_backend_name() != "sqlite" or os.access(str(url.database), os.F_OK):  # Connecting would create the file.
        with db.engines["reads"].connect() as connection:
            found = revision_of(connection)
    if found != newest_revision():
        state = "has no shop yet" if found is None else f"has the tables of another version of this app ({found})"
        raise click.ClickException(f"{redacted(current_app.config['DATABASE_URL'])} {state}: start it once with this one.")
