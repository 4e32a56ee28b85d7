"""The engines, and how each kind of database is set up.

There are two engines on one database. The one that writes (Flask-SQLAlchemy's default) runs transactions: on SQLite
they begin with ``BEGIN IMMEDIATE``, on PostgreSQL, MySQL and MariaDB they are READ COMMITTED. ``reads`` is in
autocommit: one statement is one snapshot, and psycopg keeps its prepared statements, which a ROLLBACK would cost.
"""

import select
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

if TYPE_CHECKING:
    from flask import Flask

THREADS = 3
"""Threads that serve requests in a process; each needs one connection of an engine at a time."""
LOCK_SECONDS = 5
"""How long a statement waits for a lock before its transaction is tried again."""
CONNECT_SECONDS = 3
WAL_SINCE = (3, 51, 3)
"""Before this version of SQLite, a reset of the WAL with two writers could corrupt the file."""
NOT_HERE = {
    "25006",  # PostgreSQL: read only, as a primary is that has become a standby.
    "57P01",  # PostgreSQL: shut down by its administrator.
    1047,  # Galera: this node is not ready.
    1290,  # MySQL: read only.
}
"""Answers of a database that mean that another connection, perhaps to another host, is needed."""
Connect = Callable[..., Any]


def options(backend: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of the engine that writes and of the one that reads, for a kind of database."""
    common: dict[str, Any] = {"pool_size": THREADS, "max_overflow": 14, "pool_timeout": 10}
    common["hide_parameters"] = True  # An exception that is logged would quote hashes and phone numbers.
    if backend == "sqlite":
        common["connect_args"] = {"timeout": LOCK_SECONDS, "check_same_thread": False}
        return common, common | {"isolation_level": "AUTOCOMMIT"}
    common["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
    writes = common | {"isolation_level": "READ COMMITTED"}
    return writes, common | {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}


def init_app(app: "Flask") -> None:
    """Bind Flask-SQLAlchemy to an app whose ``DATABASE_URL`` is set."""
    from app.utils.extensions import db

    url, hosts = apart(app.config["DATABASE_URL"])
    writes, reads = options(url.get_backend_name())
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = writes
    app.config["SQLALCHEMY_BINDS"] = {"reads": reads | {"url": url}}
    db.init_app(app)
    app.teardown_appcontext_funcs.clear()  # Of a session of the ORM, which no request has (docs/decisions/3).
    with app.app_context():
        listen(hosts, *db.engines.values())
        if url.get_backend_name() == "sqlite":
            event.listen(db.engine, "begin", begin_immediately)
        elif url.get_backend_name() == "postgresql":
            # Several rows are one statement; psycopg's own way takes three round trips.
            db.engine.dialect.use_insertmanyvalues_wo_returning = True


def that_reads(url: URL) -> Engine:
    """The engine that reads, for who asks a database of the shop without an app."""
    url, hosts = apart(url)
    engine = create_engine(url, **options(url.get_backend_name())[1])
    listen(hosts, engine)
    return engine


def apart(url: URL) -> tuple[URL, list[str]]:
    """The URL of a database as its driver takes it, and the hosts that it names, where they are several of MySQL's."""
    hosts = str(url.query.get("hosts", ""))
    return url.difference_update_query(["hosts"]), hosts.split(",") if hosts else []


def listen(hosts: list[str], *engines: Engine) -> None:
    """Set up each connection of some engines, and watch whether it is still one."""
    connect = any_of(hosts) if hosts else None
    for engine in engines:
        backend = engine.url.get_backend_name()
        event.listen(engine, "connect", PREPARE[backend])
        if backend != "sqlite":
            event.listen(engine, "checkout", require_open)
            event.listen(engine, "handle_error", note_disconnect)
        if connect:
            event.listen(engine, "do_connect", connect)


# ---------------------------------------------------------------- SQLite
def journal() -> str:
    """How this SQLite keeps a transaction whole: ``WAL`` where that is safe, else its rollback journal."""
    import sqlite3

    return "WAL" if sqlite3.sqlite_version_info >= WAL_SINCE else "DELETE"


def prepare_sqlite(connection: Any, _record: Any) -> None:
    """Foreign keys count, a commit is on the disk, and the driver begins no transaction of its own."""
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_mode = {journal()}")


def begin_immediately(connection: Connection) -> None:
    """Take SQLite's write lock at once: one that is taken later fails where two have read before."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


# ---------------------------------------------------------------- PostgreSQL, MySQL, MariaDB
def prepare_postgresql(connection: Any, _record: Any) -> None:
    """Wait for a lock so long and no longer, and send every whole number as of one type: psycopg has three, by what it takes,
    and so would prepare a statement anew for each mixture of small and large ones."""
    from psycopg.types.numeric import Int8Dumper

    connection.adapters.register_dumper(int, Int8Dumper)
    autocommit, connection.autocommit = connection.autocommit, True
    connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    connection.autocommit = autocommit


def prepare_mysql(connection: Any, _record: Any) -> None:
    """Wait for a lock so long and no longer; on a Galera cluster, see what another node has answered."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}")
        if cursor.execute("SHOW VARIABLES LIKE 'wsrep_sync_wait'"):
            cursor.execute("SET SESSION wsrep_sync_wait = 7")


def require_open(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """Before a pooled connection is used: did the server close it meanwhile? Then its socket has an end to read.

    That costs a system call, where a ping would cost a round trip on every request. One that is used for the first time
    is not asked: of a server that is going down the pool would give up with an error that is none of the database's."""
    if not record.info.setdefault("was_used", False):
        record.info["was_used"] = True
        return
    socket = connection.fileno() if hasattr(connection, "fileno") else connection._sock
    if socket is None:
        raise DisconnectionError
    poll = select.poll()  # select() itself knows no descriptor above 1,023.
    poll.register(socket, select.POLLIN)
    if poll.poll(0):
        raise DisconnectionError


def note_disconnect(context: ExceptionContext) -> None:
    """Tell the pool that a connection is of no use where the database says so in words of its own."""
    if code_of(context.original_exception) in NOT_HERE:
        context.is_disconnect = True


def code_of(cause: BaseException | None) -> object:
    """What a driver's error says: the kind of an extended code of SQLite, a number of MySQL's, or an SQLSTATE. PyMySQL has
    both of the last, and HY000 there is a dozen different things."""
    if isinstance(code := getattr(cause, "sqlite_errorcode", None), int):
        return "sqlite", code & 0xFF  # Its numbers are other errors of MySQL.
    if cause is not None and cause.args and isinstance(cause.args[0], int):
        return cause.args[0]
    return getattr(cause, "sqlstate", None)


def takes_writes(connection: Any) -> bool:
    """Whether a MySQL server that can be reached is one to write to. A Galera node that has lost its cluster, or has not
    caught up with it, is none, nor is a replica."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only', 'wsrep_on')")
        said: dict[str, str] = dict(cursor.fetchall())
        if said.get("wsrep_on") == "ON":
            cursor.execute("SHOW STATUS LIKE 'wsrep_ready'")
            said |= dict(cursor.fetchall())
    return said.get("read_only", "OFF") == "OFF" and said.get("wsrep_ready", "ON") == "ON"


def any_of(hosts: list[str]) -> Connect:
    """Connect to the first of several hosts, in the order of the URL, that takes writes; afterwards to the same one, as
    long as it does. So a process writes to one node: two that write the same rows at once would be in each other's way."""
    serving = 0

    def connect(dialect: Any, _record: Any, arguments: list[Any], parameters: dict[str, Any]) -> Any:
        nonlocal serving
        failure: Exception | None = None
        for place in [(serving + number) % len(hosts) for number in range(len(hosts))]:
            host, _, port = hosts[place].partition(":")
            try:
                connection = dialect.connect(*arguments, **(parameters | {"host": host, "port": int(port or 3306)}))
                if takes_writes(connection):
                    serving = place
                    return connection
                connection.close()
                failure = dialect.loaded_dbapi.OperationalError(1047, f"{hosts[place]} takes no writes")
            except dialect.loaded_dbapi.Error as error:
                failure = error
        raise failure or DisconnectionError

    return connect


PREPARE = {"sqlite": prepare_sqlite, "postgresql": prepare_postgresql, "mysql": prepare_mysql}
