"""Database URLs: those of the documentation, and those that hosting providers hand out. Imports nothing of the app."""

import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

DRIVERS = {
    "sqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}
MYSQL_OPTIONS = {"charset", "connect_timeout", "read_timeout", "write_timeout", "unix_socket"}
MYSQL_OPTIONS |= {"ssl_ca", "ssl_capath", "ssl_cert", "ssl_cipher", "ssl_key", "ssl_check_hostname"}
MYSQL_TLS = ("ssl", "useSSL", "sslaccept")
"""Options by which hosting providers ask for TLS; VERIFIED has the values that ask for a verified certificate."""
VERIFIED = {"strict", '{"rejectunauthorized":true}'}


def parse_database_url(text: str, folder: Path) -> URL:
    """Return the URL for our driver. Several hosts are separated by commas; a relative file is in ``folder``.

    Raise ValueError."""
    several = re.fullmatch(r"([^:/]+://(?:[^@/?]*@)?)([^@,/?]+(?:,[^@,/?]+)+)(.*)", text)
    hosts = several[2].split(",") if several else []
    try:
        url = make_url(f"{several[1]}{hosts[0]}{several[3]}" if several else text)
    except (ArgumentError, ValueError):
        raise ValueError("must be like sqlite:///shop.db, postgresql://… or mysql://…") from None
    driver = DRIVERS.get(url.get_backend_name())
    if driver is None:
        raise ValueError(f"names {url.get_backend_name()!r}; the shop runs on sqlite, postgresql and mysql (or mariadb)")
    if driver == "sqlite":
        if url.database in (None, "", ":memory:") or str(url.database).startswith("file:"):
            raise ValueError("must name a file: a SQLite database in memory would be lost with its process")
        url = url.set(database=str(folder / str(url.database)))
    if driver == "mysql+pymysql":
        if not url.database:
            raise ValueError("must name a database after the host, like mysql://user:password@host/shop")
        url = url.set(query=mysql_options(url.query) | ({"hosts": ",".join(hosts)} if hosts else {}))
    elif hosts:  # libpq finds the primary among the hosts, also after a failover.
        url = url.set(host=None, port=None, query={"target_session_attrs": "read-write", **url.query, "host": hosts})
    return url.set(drivername=driver)


def mysql_options(query: Mapping[str, Any]) -> dict[str, str]:
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
    if unknown := options.keys() - MYSQL_OPTIONS:
        raise ValueError(f"has an option that the driver of MySQL doesn't know: {min(unknown)}")
    return options | {"charset": "utf8mb4"}
