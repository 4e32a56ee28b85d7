"""Databases that fail when a test wants them to: a conflict with another transaction, a connection that is cut off."""

import re
import sqlite3
import struct
from contextlib import contextmanager

import psycopg
import pymysql
import pytest


def conflict(kind, code):
    """What a driver raises where the database answers with a code."""
    if kind == "sqlite":
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = code
        return error
    if kind == "postgresql":
        return psycopg.errors.lookup(code)("could not serialize access")
    try:  # As it comes from a server: for most of its numbers the SQLSTATE says nothing.
        pymysql.err.raise_mysql_exception(struct.pack("<Bh", 0xFF, code) + b"#HY000try restarting transaction")
    except pymysql.err.Error as error:
        return error


TOGETHER = re.compile(r"(?:^WITH |, )part_\d+ AS \(")
"""What stands before each change where PostgreSQL is asked for several at once."""


@contextmanager
def failing(engine, begins, fail, times=1):
    """Call ``fail`` in place of the first few statements that begin so, alone or together with others; what was run of that
    kind."""
    begun = []

    def failing_first(real):
        def run(cursor, sql, *rest):
            if any(each.startswith(begins) for each in TOGETHER.split(sql)):
                begun.append(sql)
                if len(begun) <= times:
                    fail(cursor)
            return real(cursor, sql, *rest)

        return run

    with pytest.MonkeyPatch.context() as patched:
        for name in ("do_execute", "do_executemany"):
            patched.setattr(engine.dialect, name, failing_first(getattr(engine.dialect, name)))
        yield begun


def raising(error):
    def fail(_cursor):
        raise error

    return fail


def cut_off(connection, url):
    """End a connection from the outside, as an operator does or a server that shuts down."""
    if isinstance(connection, pymysql.Connection):
        with pymysql.connect(host=url.host, port=url.port or 3306, user=url.username, password=url.password or "") as other:
            other.kill(connection.thread_id())
    else:
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
