"""``flask --app run copy-to URL``: copy the shop into another database of any kind, row by row with all ids.

The source is read in one transaction, so the copy shows one moment. The target may only hold rows of the source: another
shop is never touched, and a copy that was killed continues. At the end all rows of both are compared.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from flask import current_app
from sqlalchemy import URL, Connection, Engine, Row, Table, func, select, tuple_

from app import create_app
from app.commands.bulk import finish, write
from app.commands.errors import exit_with_message, require_tables
from app.extensions import db
from app.startup.prepare import prepare
from app.utils.db.startup_lock import redacted, startup_lock
from config import CONFIGS, database_url

TABLES: Sequence[Table] = db.metadata.sorted_tables  # Each table after those that it refers to.
BATCH_SIZE = 2000  # Rows that are compared and written at once; each batch is a transaction of the target.
MAX_SHOWN = 10
Rows = Sequence[Row[Any]]


# ---------------------------------------------------------------- two databases
@contextmanager
def prepared_target(url: URL) -> Iterator[tuple[Engine, Engine]]:
    """Yield the engines of the target that write and read, with the schema of this app."""
    config = current_app.config
    settings = CONFIGS[config["APP_ENV"]](DATABASE_URL=url, SECRET_KEY=config["SECRET_KEY"], LOG_LEVEL=config["LOG_LEVEL"])
    app = create_app(settings)  # It shares no Redis and no port with a running shop.
    with app.app_context():
        engines = db.engines
    try:
        with exit_with_message("URL"):
            prepare(app, first_admin=False)
        yield engines[None], engines["reads"]
    finally:
        for each in engines.values():
            each.dispose()


def is_same_database(one: URL, other: URL) -> bool:
    """Return whether two URLs name the same database, as far as their texts tell."""
    if one.get_backend_name() == other.get_backend_name() == "sqlite":
        return Path(str(one.database)).resolve() == Path(str(other.database)).resolve()
    return one == other


# ---------------------------------------------------------------- rows
def describe(table: Table, row: Row[Any]) -> str:
    return f"{table.name} with " + ", ".join(f"{column.name} {row._mapping[column]}" for column in table.primary_key)


def count_rows(connection: Connection) -> int:
    return sum(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in TABLES)


def without(rows: Rows, others: Rows) -> Rows:
    """Return the rows that are not among others."""
    if rows == others:  # Nearly always; comparing takes less time than hashing.
        return []
    known = set(others)
    return [row for row in rows if row not in known]


def compare(source: Connection, target: Connection, bar: Any) -> Iterator[tuple[Table, Rows, Rows]]:
    """Yield the rows that only the source has, and those that only the target has, batch by batch.

    Both are read in batches of the same range of keys. The target is committed after each batch."""
    for table in TABLES:
        keys = tuple(table.primary_key)
        ordered = following = select(table).order_by(*keys)
        is_full = True
        while is_full:
            rows = source.execute(following.limit(BATCH_SIZE)).all()
            batch, is_full = following, len(rows) == BATCH_SIZE
            if is_full:  # The first keys are compared, too, since MariaDB uses no index to compare tuples.
                last = tuple(rows[-1]._mapping[key] for key in keys)
                batch = following.where(keys[0] <= last[0], tuple_(*keys) <= last)
                following = ordered.where(keys[0] >= last[0], tuple_(*keys) > last)
            target_rows = target.execute(batch.limit(BATCH_SIZE + 1)).all()  # One more is enough to show a difference.
            yield table, without(rows, target_rows), without(target_rows, rows)
            target.commit()
            bar.update(len(rows))


# ---------------------------------------------------------------- the copy
def copy(source: Connection, target: Connection, name: str) -> tuple[int, int]:
    """Copy the missing rows and compare all. Return the number of rows, and of those written now."""
    total, present, written = count_rows(source), count_rows(target), 0
    if present:
        click.echo(f"The target holds {present:,} rows already; they are compared first.")
        with click.progressbar(length=total, label="Checking ") as bar:
            for table, _, others in compare(source, target, bar):
                if others:
                    reason = f"{describe(table, others[0])} is not a row of this shop, or has changed. Nothing was changed."
                    raise click.ClickException(f"{name} holds another shop, or this one has changed since: {reason}")
    with click.progressbar(length=total, label="Copying  ") as bar:
        for table, missing, _ in compare(source, target, bar):
            if missing:
                write(target, table, [dict(row._mapping) for row in missing])
                written += len(missing)
    finish(target, TABLES)
    with click.progressbar(length=total, label="Comparing") as bar:
        pairs = ((table, row) for table, missing, others in compare(source, target, bar) for row in (*missing, *others))
        found = list(dict.fromkeys(describe(*pair) for pair in pairs))
    if found:
        more = f" and {len(found) - MAX_SHOWN:,} more" if len(found) > MAX_SHOWN else ""
        raise click.ClickException(f"The copy is not the same: {'; '.join(found[:MAX_SHOWN])}{more}.")
    return total, written


@click.argument("url")
def copy_to(url: str) -> None:
    """Copy the shop into the empty database at URL: every record with its id, the ledger, and the idempotency keys.

    Stop the shop first: later changes are not in the copy. A copy that was killed continues when the command is run
    again. URL is like DATABASE_URL; "-" reads it from standard input, so that no list of processes shows the password."""
    try:
        target_url = database_url(sys.stdin.readline().strip() if url == "-" else url)
    except ValueError as error:
        raise click.ClickException(f"URL: {error}") from None
    if is_same_database(target_url, current_app.config["DATABASE_URL"]):
        raise click.ClickException("URL: that is the database of this shop.")
    with exit_with_message():
        require_tables()
    name = redacted(target_url)
    # The source is read as it is at one moment. On SQLite, the lock of the transaction prevents writes.
    snapshot = {} if db.engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with (
        prepared_target(target_url) as (engine, locks),
        exit_with_message("The copy"),
        locks.connect() as lock,
        startup_lock(lock),
        db.engine.connect().execution_options(**snapshot) as source,
        engine.connect() as target,
    ):
        total, written = copy(source, target, name)
    click.echo(f"{name} holds the shop now: {total:,} rows, {written:,} of them written by this run, all compared.")
    click.echo("With the same SECRET_KEY, tokens and idempotency keys stay valid there.")
