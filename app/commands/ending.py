"""How a command ends that can't be done: with one line that says why, and a code that is not 0."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask import current_app
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.start import CantStart, newest_version, shown, version_of
from app.utils.database import CommitUnknown
from app.utils.errors import Invalid, Problem
from app.utils.extensions import db


@contextmanager
def in_one_line(name: str | None = None) -> Iterator[None]:
    """Say in a line what went wrong, in place of a traceback; of the database as ``name``, or else by its URL."""
    try:
        yield
    except CantStart as error:
        text = str(error)
        raise click.ClickException(f"{name}: {text.removeprefix('DATABASE_URL: ')}" if name else text) from None
    except Invalid as error:
        wrong = [f"{field} {' and '.join(texts)}" for field, texts in error.members["errors"].items()]
        raise click.ClickException("; ".join(wrong)) from None
    except Problem as error:
        raise click.ClickException(error.detail) from None
    except (DBAPIError, PoolTimeout, CommitUnknown) as error:
        name = name or shown(current_app.config["DATABASE_URL"])
        raise click.ClickException(f"{name} failed: {in_words(error)}") from None


def in_words(error: Exception) -> str:
    """What a driver says, in one line and without the statement."""
    return " ".join(str(getattr(error, "orig", None) or error).split())


def require_tables() -> None:
    """Raise ClickException where the database has not the tables of this version of the app."""
    url, found = db.engine.url, None
    if url.get_backend_name() != "sqlite" or os.access(str(url.database), os.F_OK):  # Asking would make the file.
        with db.engines["reads"].connect() as connection:
            found = version_of(connection)
    if found != newest_version():
        said = "has no shop yet" if found is None else f"has the tables of another version of this app ({found})"
        raise click.ClickException(f"{shown(current_app.config['DATABASE_URL'])} {said}: start it once with this one.")
