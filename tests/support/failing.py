"""Database failures that a test causes: a conflict with another transaction, a lost connection."""

import sqlite3
import struct
from contextlib import contextmanager

import psycopg
import pymysql
import pytest


def conflict(kind, code):
    """Return the exception that a driver raises for an error code of its database."""
    if kind == "sqlite":
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = code
        return error
    if kind == "postgresql":
        return psycopg.errors.lookup(code)("could not serialize access")
    try:  # As a server sends the error: for most codes, the SQLSTATE is only HY000.
        pymysql.err.raise_mysql_exception(struct.pack("<Bh", 0xFF, code) + b"#HY000try restarting transaction")
    except pymysql.err.Error as error:
        return error


@contextmanager
def failing(engine, prefix, fail, times=1):
    """Call ``fail`` before the first statements that begin with ``prefix``. Yield the statements with that prefix so far."""
    executed = []

    def failing_first(real):
        def run(cursor, sql, *rest):
            if sql.startswith(prefix):
                executed.append(sql)
                if len(executed) <= times:
                    fail(cursor)
            return real(cursor, sql, *rest)

        return run

    with pytest.MonkeyPatch.context() as patched:
        for name in ("do_execute", "do_executemany"):
            patched.setattr(engine.dialect, name, failing_first(getattr(engine.dialect, name)))
        yield executed


def raising(error):
    def fail(_cursor):
        raise error

    return fail


def cut_off(connection, url):
    """Close a connection from outside, as an operator or a server that shuts down does."""
    if isinstance(connection, pymysql.Connection):
        with pymysql.connect(host=url.host, port=url.port or 3306, user=url.username, password=url.password or "") as other:
            other.kill(connection.thread_id())
    else:
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
