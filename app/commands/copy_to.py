"""``flask --app run copy-to URL``: copy the shop into another database of any kind, row by row with all ids.

The source is read in one transaction, so the copy shows one moment. The target may only hold rows of the source: another
shop is never touched, and a copy that was killed continues. At the end all rows of both are compared.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import URL, Connection, Engine, Row, Table, func, select, tuple_

from app import create_app
from app.commands.bulk import finish, write
from app.commands.errors import exit_with_message, require_tables
from app.extensions import db
from app.startup.prepare import prepare
from app.utils.db.startup_lock import redacted, startup_lock
from config import KINDS, database_url

TABLES: Sequence[Table] = db.metadata.sorted_tables
"""Each table after those that it refers to."""
BATCH_SIZE = 2000
"""Rows that are compared and written at once; each batch is a transaction of the target."""
MAX_SHOWN = 10
Rows = Sequence[Row[Any]]


# ---------------------------------------------------------------- two databases
@contextmanager
def prepared_target(url: URL) -> Iterator[tuple[Engine, Engine]]:
    """Yield the engines of the target that write and read, with the schema of this app."""
    kind = KINDS[current_app.config["APP_ENV"]]
    settings = {each.name: current_app.config[each.name] for each in fields(kind)}
    # The app of the target shares no Redis and no port with a running shop.
    app = create_app(kind(**settings | {"DATABASE_URL": url, "REDIS_URL": "", "METRICS_PORT": 0}))
    with app.app_context():
        engines = db.engines
    try:
        with exit_with_message("URL"):
            prepare(app, first_admin=False)
        yield engines[None], engines["reads"]
    finally:
        for each in engines.values():
            each.dispose()


def is_same(one: URL, other: URL) -> bool:
    """Return whether two URLs name the same database, as far as their texts tell."""
    if one.get_backend_name() == other.get_backend_name() == "sqlite":
        return Path(str(one.database)).resolve() == Path(str(other.database)).resolve()
    return one == other


def connect_snapshot() -> Connection:
    """Return a connection that sees the source at this moment. On SQLite its lock prevents writes."""
    connection = db.engine.connect()
    if connection.dialect.name == "sqlite":
        return connection
    return connection.execution_options(isolation_level="REPEATABLE READ")


# ---------------------------------------------------------------- rows
def key_of(table: Table, row: Row[Any]) -> tuple[Any, ...]:
    return tuple(row._mapping[column] for column in table.primary_key)


def describe(table: Table, row: Row[Any]) -> str:
    return f"{table.name} with " + ", ".join(f"{column.name} {row._mapping[column]}" for column in table.primary_key)


def count_rows(connection: Connection) -> int:
    return sum(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in TABLES)


def compare(source: Connection, target: Connection) -> Iterator[tuple[Table, Rows, Rows]]:
    """Yield all rows of source and target, in batches of the same range of keys, and commit to the target after each.

    A batch of the target has at most one row more than a batch: enough to show a difference."""
    for table in TABLES:
        keys = tuple(table.primary_key)
        ordered = following = select(table).order_by(*keys)
        is_full = True
        while is_full:
            rows = source.execute(following.limit(BATCH_SIZE)).all()
            batch, is_full = following, len(rows) == BATCH_SIZE
            if is_full:  # The first keys are compared, too, since MariaDB uses no index to compare tuples.
                last = key_of(table, rows[-1])
                batch = following.where(keys[0] <= last[0], tuple_(*keys) <= last)
                following = ordered.where(keys[0] >= last[0], tuple_(*keys) > last)
            yield table, rows, target.execute(batch.limit(BATCH_SIZE + 1)).all()
            target.commit()


# ---------------------------------------------------------------- the copy
def require_no_other_rows(source: Connection, target: Connection, name: str) -> None:
    """Raise ClickException if the target, called ``name``, holds a row that the source does not have."""
    for table, rows, target_rows in compare(source, target):
        known = set(rows)
        if unknown := [row for row in target_rows if row not in known]:
            reason = f"{describe(table, unknown[0])} is not a row of this shop, or has changed. Nothing was changed."
            raise click.ClickException(f"{name} holds another shop, or this one has changed since: {reason}")


def copy(source: Connection, target: Connection, bar: Any) -> int:
    """Write the rows that the target lacks, and return how many."""
    written = 0
    for table, rows, target_rows in compare(source, target):
        known = set(target_rows)
        if missing := [dict(row._mapping) for row in rows if row not in known]:
            write(target, table, missing)
        written += len(missing)
        bar.update(len(rows))
    return written


def require_same_rows(source: Connection, target: Connection, bar: Any) -> None:
    """Raise ClickException if a row differs."""
    found: dict[str, None] = {}
    for table, rows, target_rows in compare(source, target):
        if rows != target_rows:
            only = sorted(set(rows) ^ set(target_rows), key=lambda row: key_of(table, row))
            found |= dict.fromkeys(describe(table, row) for row in only)
        bar.update(len(rows))
    if found:
        more = f" and {len(found) - MAX_SHOWN:,} more" if len(found) > MAX_SHOWN else ""
        raise click.ClickException(f"The copy is not the same: {'; '.join(list(found)[:MAX_SHOWN])}{more}.")


@click.command("copy-to")
@click.argument("url")
@with_appcontext
def command(url: str) -> None:
    """Copy the shop into the empty database at URL: every record with its id, the ledger, and the idempotency keys.

    Stop the shop first: later changes are not in the copy. A copy that was killed continues when the command is run
    again. URL is like DATABASE_URL; "-" reads it from standard input, so that no list of processes shows the password."""
    try:
        target_url = database_url(sys.stdin.readline().strip() if url == "-" else url)
    except ValueError as error:
        raise click.ClickException(f"URL: {error}") from None
    if is_same(target_url, current_app.config["DATABASE_URL"]):
        raise click.ClickException("URL: that is the database of this shop.")
    with exit_with_message():
        require_tables()
    name = redacted(target_url)
    with (
        prepared_target(target_url) as (engine, locks),
        exit_with_message("The copy"),
        locks.connect() as lock,
        startup_lock(lock),
        connect_snapshot() as source,
        engine.connect() as target,
    ):
        total = count_rows(source)
        if present := count_rows(target):
            click.echo(f"The target holds {present:,} rows already; they are compared first.")
            require_no_other_rows(source, target, name)
        target.commit()
        with click.progressbar(length=total, label="Copying  ") as bar:
            written = copy(source, target, bar)
        finish(target, TABLES)
        with click.progressbar(length=total, label="Comparing") as bar:
            require_same_rows(source, target, bar)
    click.echo(f"{name} holds the shop now: {total:,} rows, {written:,} of them written by this run, all compared.")
    click.echo("With the same SECRET_KEY, tokens and idempotency keys stay good there.")
