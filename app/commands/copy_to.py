"""``flask --app run copy-to URL``: a whole shop into another database, of whatever kind, row by row and with all ids.

The source is read in one transaction, so that it is a shop of one moment. The target may hold nothing but rows that the
source has, too: so another shop is never touched, and a copy that was killed half-way goes on where it ended. At the
end every row of the one is compared with that of the other.
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
from sqlalchemy import URL, Connection, Engine, Row, Table, func, insert, select, text, tuple_

from app import create_app
from app.commands.ending import in_one_line, in_words, require_tables
from app.start import one_at_a_time, shown
from app.utils.extensions import db
from config import KINDS, database_url

TABLES: Sequence[Table] = db.metadata.sorted_tables
"""Each after those that it refers to."""
BATCH = 2000
"""Rows that are compared and written at once; each batch is a transaction of the target."""
MOST_SHOWN = 10
Key = tuple[Any, ...]


class Foreign(Exception):
    """The target holds a row that the source does not have, or has otherwise; the text names it."""


# ---------------------------------------------------------------- two databases
@contextmanager
def prepared(url: URL) -> Iterator[tuple[Engine, Engine]]:
    """The engines of the target, the one that writes and the one that reads, with the tables of this app in it."""
    from app.preparation import prepare

    kind = KINDS[current_app.config["APP_ENV"]]
    settings = {each.name: current_app.config[each.name] for each in fields(kind)}
    # Nothing is shared with the shop that may be at work.
    app = create_app(kind(**settings | {"DATABASE_URL": url, "REDIS_URL": "", "METRICS_PORT": 0}))
    with app.app_context():
        engines = db.engines
    try:
        with in_one_line("URL"):
            prepare(app, first_admin=False)
        yield engines[None], engines["reads"]
    finally:
        for each in engines.values():
            each.dispose()


def is_same(one: URL, other: URL) -> bool:
    """Whether two URLs are those of one database, as far as can be told from them."""
    if one.get_backend_name() == other.get_backend_name() == "sqlite":
        return Path(str(one.database)).resolve() == Path(str(other.database)).resolve()
    return one == other


def as_of_now() -> Connection:
    """A connection that sees the source as it is at this moment, whatever is written to it meanwhile; on SQLite nothing
    can be written."""
    connection = db.engine.connect()
    if connection.dialect.name == "sqlite":
        return connection
    return connection.execution_options(isolation_level="REPEATABLE READ")


# ---------------------------------------------------------------- rows
def key_of(table: Table, row: Row[Any]) -> Key:
    return tuple(row._mapping[column] for column in table.primary_key)


def between(connection: Connection, table: Table, after: Key | None, last: Key | None, most: int) -> Sequence[Row[Any]]:
    """The first rows whose key is beyond ``after`` and not beyond ``last``, in the order of the keys."""
    keys = tuple(table.primary_key)
    found = select(table).order_by(*keys).limit(most)
    if after is not None:  # MariaDB finds its place by a plain comparison only, and by none of pairs.
        found = found.where(keys[0] >= after[0], tuple_(*keys) > after)
    if last is not None:
        found = found.where(keys[0] <= last[0], tuple_(*keys) <= last)
    return connection.execute(found).all()


def side_by_side(
    table: Table, source: Connection, target: Connection
) -> Iterator[tuple[Sequence[Row[Any]], Sequence[Row[Any]]]]:
    """All rows of both, by batches of the same range of keys: those of the source, and those of the target.

    Where the target has too many, one more than a batch is enough to show that it does."""
    after, rows = None, between(source, table, None, None, BATCH)
    while True:
        last = key_of(table, rows[-1]) if len(rows) == BATCH else None
        yield rows, between(target, table, after, last, BATCH + 1)
        if last is None:
            return
        after, rows = last, between(source, table, last, None, BATCH)


def named(table: Table, row: Row[Any]) -> str:
    key = ", ".join(f"{column.name} {value}" for column, value in zip(table.primary_key, key_of(table, row), strict=True))
    return f"{table.name} with {key}"


def write(connection: Connection, table: Table, rows: Sequence[Row[Any]]) -> None:
    """Insert rows; on PostgreSQL by COPY, which is four times as fast."""
    if connection.dialect.name != "postgresql":
        connection.execute(insert(table), [dict(row._mapping) for row in rows])
        return
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    with connection.connection.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:  # type: ignore[attr-defined]
        for row in rows:
            copy.write_row(tuple(row))


# ---------------------------------------------------------------- the copy
def rows_in(connection: Connection) -> int:
    return sum(int(connection.execute(select(func.count()).select_from(table)).scalar() or 0) for table in TABLES)


def require_nothing_else(source: Connection, target: Connection) -> None:
    """Raise Foreign where the target holds a row that is none of the source's."""
    for table in TABLES:
        for ours, theirs in side_by_side(table, source, target):
            known = set(ours)
            for row in theirs:
                if row not in known:
                    raise Foreign(named(table, row))


def copy(source: Connection, target: Connection, bar: Any) -> int:
    """Write the rows that the target lacks; how many there were."""
    written = 0
    for table in TABLES:
        for ours, theirs in side_by_side(table, source, target):
            known = set(theirs)
            missing = [row for row in ours if row not in known] if known else ours
            if missing:
                write(target, table, missing)
            target.commit()
            written += len(missing)
            bar.update(len(ours))
    return written


def differences(source: Connection, target: Connection, bar: Any) -> list[str]:
    """The first rows that are not the same in both, named."""
    found: dict[str, None] = {}
    for table in TABLES:
        for ours, theirs in side_by_side(table, source, target):
            if ours != theirs:
                only = sorted(set(ours) ^ set(theirs), key=lambda row: key_of(table, row))
                found |= dict.fromkeys(named(table, row) for row in only)
            target.commit()
            bar.update(len(ours))
    return list(found)


def finish(connection: Connection) -> None:
    """Let new records follow the last ones: PostgreSQL counts in a sequence of its own; and look at what is there now."""
    if connection.dialect.name == "postgresql":
        for table in TABLES:
            if "id" in table.columns:
                last = f"(SELECT max(id) FROM {table.name})"  # noqa: S608 - a table of ours.
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {last})"))
    keyword = "ANALYZE TABLE" if connection.dialect.name == "mysql" else "ANALYZE"
    for table in TABLES:
        if connection.execute(select(table).limit(1)).first():  # What is known to be empty would be planned to be read whole.
            connection.execute(text(f"{keyword} {table.name}"))
    connection.commit()


def copy_all(source: Connection, target: Connection) -> tuple[int, int]:
    """Copy what is missing and compare it all; how many rows there are, and how many of them were written now."""
    total, held = rows_in(source), rows_in(target)
    if held:
        click.echo(f"The target holds {held:,} rows already; they are compared first.")
        require_nothing_else(source, target)
    target.commit()
    with click.progressbar(length=total, label="Copying  ") as bar:
        written = copy(source, target, bar)
    finish(target)
    with click.progressbar(length=total, label="Comparing") as bar:
        found = differences(source, target, bar)
    if found:
        more = f" and {len(found) - MOST_SHOWN:,} more" if len(found) > MOST_SHOWN else ""
        raise click.ClickException(f"The copy is not the same: {'; '.join(found[:MOST_SHOWN])}{more}.")
    return total, written


@click.command("copy-to")
@click.argument("url")
@with_appcontext
def command(url: str) -> None:
    """Copy the shop into the empty database at URL: every record with its id, the ledger, and the idempotency keys.

    Stop the shop first: what is changed later is not in the copy. A copy that ended half-way goes on when it is begun
    again. URL is like DATABASE_URL; "-" takes it from standard input, where no list of processes shows its password."""
    try:
        there = database_url(sys.stdin.readline().strip() if url == "-" else url)
    except ValueError as error:
        raise click.ClickException(f"URL: {error}") from None
    if is_same(there, current_app.config["DATABASE_URL"]):
        raise click.ClickException("URL: that is the database of this shop.")
    with in_one_line():
        require_tables()
    with prepared(there) as (engine, locks):
        try:
            with (
                in_one_line("The copy"),
                locks.connect() as lock,
                one_at_a_time(lock),
                as_of_now() as source,
                engine.connect() as target,
            ):
                total, written = copy_all(source, target)
        except Foreign as error:
            said = f"{error} is none of this shop's rows, or is not what it was. Nothing was changed."
            raise click.ClickException(f"{shown(there)} holds another shop, or this one has changed since: {said}") from None
        except engine.dialect.loaded_dbapi.Error as error:  # COPY raises what is the driver's own.
            raise click.ClickException(f"The copy failed: {in_words(error)}") from None
    click.echo(f"{shown(there)} holds the shop now: {total:,} rows, {written:,} of them written by this run, all compared.")
    click.echo("With the same SECRET_KEY, tokens and idempotency keys stay good there.")
