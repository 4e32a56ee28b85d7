"""URLs of databases and Redis: those of the documentation, and those that hosting providers hand out.

A password may hold any letter, also unescaped: the hosts begin after the last ``@``. Imports nothing of the app."""

import atexit
import os
import re
import shutil
import ssl
import tempfile
from collections.abc import Container, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode

from sqlalchemy import URL
from sqlalchemy.exc import ArgumentError

DRIVERS = {
    "sqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}
SCHEME, HOST = r"[a-z][a-z0-9+]*", r"([\w.%-]*|\[[0-9A-Fa-f:.%]+\])(:\d{0,5})?"
POSTGRESQL_OPTIONS = set(
    "application_name channel_binding connect_timeout fallback_application_name gssdelegation gssencmode gsslib host hostaddr "
    "keepalives keepalives_count keepalives_idle keepalives_interval krbsrvname load_balance_hosts options passfile password "
    "port require_auth requirepeer service ssl_max_protocol_version ssl_min_protocol_version sslcert sslcertmode "
    "sslcompression sslcrl sslcrldir sslkey sslmode sslnegotiation sslpassword sslrootcert sslsni target_session_attrs "
    "tcp_user_timeout user".split()
)
"""The options of libpq. Those of psycopg itself take no text."""
SQLITE_OPTIONS = {"check_same_thread", "timeout"}  # Options that are accepted, and set by the shop itself.
POOLER_ON = (("pooler", "transaction"), ("pgbouncer", "true"), ("prepare_threshold", "0"), ("prepare_threshold", "none"))
POOLER_OFF = (("pooler", "session"), ("pgbouncer", "false"))
"""How URLs say whether PgBouncer, or a pooler like it, lends its connections for a transaction."""
REDIS_OPTIONS = {"username", "password", "db", "client_name"}
MYSQL_OPTIONS = {"charset", "connect_timeout", "read_timeout", "write_timeout", "unix_socket"}
MYSQL_OPTIONS |= {"ssl_ca", "ssl_capath", "ssl_cert", "ssl_cipher", "ssl_key", "ssl_check_hostname"}
MYSQL_TLS = ("ssl", "useSSL", "sslaccept")
"""Options by which hosting providers ask for TLS; VERIFIED has the values that ask for a verified certificate."""
VERIFIED = {"strict", '{"rejectunauthorized":true}'}


class Parts(NamedTuple):
    """The parts of a URL, unescaped. ``options`` are those after the ``?``."""

    scheme: str
    user: str | None
    password: str | None
    hosts: list[str]
    path: str
    options: dict[str, Any]


def split_url(text: str, known_options: Container[str]) -> Parts:
    """Return the parts of a URL. Raise ValueError.

    If an ``@`` follows the ``?``, it belongs to an option of a known name, or else to a password that holds a ``?``."""
    found = re.fullmatch(rf"({SCHEME})://(?:([^@/?#]*)@)?([^@/?#]*)(/[^@?]*)?(?:\?(.*))?", text, re.DOTALL)
    if found and "@" in (found[5] or "") and any(name not in known_options for name, _ in read_options(found[5])):
        found = None
    found = found or re.fullmatch(rf"({SCHEME})://(.*)@([^@/?#]*)(/[^@?]*)?(?:\?([^@]*))?", text, re.DOTALL)
    if found is None:
        raise ValueError
    scheme, credentials, places, path, query = found.groups()
    hosts = places.split(",") if places else []
    if not all(re.fullmatch(HOST, host) and (split_port(host)[1] or 0) < 65536 for host in hosts):
        raise ValueError
    user, colon, password = (credentials or "").partition(":")
    options = dict(URL.create(scheme).update_query_pairs(read_options(query or "")).query)
    return Parts(scheme, unquote(user) or None, unquote(password) if colon else None, hosts, path or "", options)


def read_options(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


def parse_database_url(text: str, folder: Path) -> URL:
    """Return the URL for our driver. Several hosts are separated by commas; a relative file is in ``folder``.

    Raise ValueError, which repeats nothing that may be part of a password."""
    if sqlite := re.match(r"sqlite(\+\w+)?://", text):
        return sqlite_url(text[sqlite.end() :], folder)
    try:
        scheme, user, password, hosts, path, options = split_url(text, POSTGRESQL_OPTIONS | MYSQL_OPTIONS)
    except ValueError:
        raise ValueError("must be like sqlite:///shop.db, postgresql://… or mysql://…") from None
    driver = DRIVERS.get(backend := scheme.partition("+")[0])
    if driver is None:
        raise ValueError(f"names {backend!r}; the shop runs on sqlite, postgresql and mysql (or mariadb)")
    query = mysql_options(options) if driver == "mysql+pymysql" else postgresql_options(options)
    database = unquote(path.removeprefix("/")) or None
    if driver == "mysql+pymysql" and not database:
        raise ValueError("must name a database after the host, like mysql://user:password@host/shop")
    host, port = split_port(hosts[0]) if hosts else (None, None)
    if len(hosts) > 1 and driver == "mysql+pymysql":
        query |= {"hosts": ",".join(hosts)}
    elif len(hosts) > 1:  # libpq finds the primary among the hosts, also after a failover.
        host, port, query = None, None, {"target_session_attrs": "read-write", **query, "host": hosts}
    url = URL.create(driver, user, password, host, port, database, query)
    try:
        url.get_dialect()().create_connect_args(url)
    except (ArgumentError, ValueError):  # Their texts quote the option.
        raise ValueError("has an option with a value that the driver does not accept") from None
    return url


def split_port(host: str) -> tuple[str, int | None]:
    name, _, port = host.rpartition(":") if re.search(r":\d*$", host.rpartition("]")[2]) else (host, "", "")
    return unquote(name).strip("[]"), int(port) if port else None


def sqlite_url(path: str, folder: Path) -> URL:
    """Return the URL of a SQLite file, given what follows ``sqlite://``. Raise ValueError."""
    file, _, query = path.partition("?")
    name = unquote(file.removeprefix("/"))
    if not file.startswith("/") or name in ("", ":memory:") or name.startswith("file:"):
        raise ValueError("must name a file: a SQLite database in memory would be lost with its process")
    require_known(dict(read_options(query)), SQLITE_OPTIONS, "SQLite")
    return URL.create("sqlite", database=str(folder / name))


@cache
def temporary_database() -> URL:
    """Return the URL of a database in a folder that is removed when this process ends."""
    folder, process = tempfile.mkdtemp(prefix="shop-testing-"), os.getpid()

    @atexit.register
    def remove() -> None:
        if os.getpid() == process:  # A fork ends, too.
            shutil.rmtree(folder, ignore_errors=True)

    return URL.create("sqlite", database=f"{folder}/shop.db")


def parse_redis_url(text: str) -> str:
    """Return the URL with a password that is escaped, as redis-py needs it. Raise ValueError."""
    scheme, user, password, hosts, path, options = split_url(text, REDIS_OPTIONS)
    is_socket = scheme == "unix"
    if scheme not in ("redis", "rediss", "unix") or len(hosts) != (not is_socket) or re.search(r"\s", path):
        raise ValueError
    if not is_socket and split_port(hosts[0])[1] == 0:
        raise ValueError
    credentials = f"{quote(user or '', safe='')}{'' if password is None else ':' + quote(password, safe='')}"
    query = f"?{urlencode(options, doseq=True)}" if options else ""
    return f"{scheme}://{credentials + '@' if credentials else ''}{''.join(hosts)}{path}{query}"


def postgresql_options(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a URL as psycopg takes them, and ``pooler=transaction`` if one is asked for. Raise ValueError."""
    options = {name: value for name, value in query.items() if (name, value) not in POOLER_OFF and name != "client_encoding"}
    asked = [options.pop(name) for name, value in POOLER_ON if options.get(name) == value]
    require_known(options, POSTGRESQL_OPTIONS, "PostgreSQL")
    return options | ({"pooler": "transaction"} if asked else {})


def has_pooler(url: URL) -> bool:
    """Return whether each transaction may be on another connection of the server: no state of a session is left on one."""
    return url.query.get("pooler") == "transaction"


def require_known(options: Mapping[str, Any], known: set[str], database: str) -> None:
    """Raise ValueError, which names the first unknown option."""
    if unknown := options.keys() - known:
        raise ValueError(f"has an option that the driver of {database} doesn't know: {min(unknown)}")


def mysql_options(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a URL as PyMySQL takes them, translated from those of MySQL's own clients."""
    options = {name.replace("-", "_"): str(value) for name, value in query.items() if name != "reconnect"}
    asked = {options.pop(name, "").replace(" ", "").lower() for name in MYSQL_TLS} - {"", "0", "false"}
    tls = "VERIFY_IDENTITY" if asked & VERIFIED else "REQUIRED" if asked else ""
    mode = options.pop("ssl_mode", options.pop("sslmode", tls)).upper().replace("-", "_")
    if mode in ("REQUIRE", "REQUIRED"):
        options.setdefault("ssl_check_hostname", "false")
    if mode.startswith("VERIFY_"):
        options.setdefault("ssl_ca", str(ssl.get_default_verify_paths().cafile))
        options.setdefault("ssl_check_hostname", "false" if mode == "VERIFY_CA" else "true")
    require_known(options, MYSQL_OPTIONS, "MySQL")
    return options | {"charset": "utf8mb4"}
