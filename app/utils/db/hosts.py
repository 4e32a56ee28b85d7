"""MySQL and MariaDB with several hosts: connect to the first that takes writes. psycopg has this built in."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import DisconnectionError

from app.utils.db.urls import split_port

Connect = Callable[..., Any]


def connect_to_writable(hosts: list[str]) -> Connect:
    """Return a ``do_connect`` listener that connects to the first host that takes writes.

    Later connections go to the same host as long as it takes writes. So a process writes to one Galera node: two nodes
    that write the same rows at once conflict."""
    current = 0

    def connect(dialect: Any, _record: Any, arguments: list[Any], parameters: dict[str, Any]) -> Any:
        nonlocal current
        failure: Exception | None = None
        for index in [(current + offset) % len(hosts) for offset in range(len(hosts))]:
            host, port = split_port(hosts[index])
            try:
                connection = dialect.connect(*arguments, **(parameters | {"host": host, "port": port or 3306}))
                if accepts_writes(connection):
                    current = index
                    return connection
                connection.close()
                failure = dialect.loaded_dbapi.OperationalError(1047, f"{hosts[index]} takes no writes")
            except dialect.loaded_dbapi.Error as error:
                failure = error
        raise failure or DisconnectionError

    return connect


def accepts_writes(connection: Any) -> bool:
    """Return whether a MySQL server takes writes. A replica, or a Galera node without its cluster, does not."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only', 'wsrep_on')")
        variables: dict[str, str] = dict(cursor.fetchall())
        if variables.get("wsrep_on") == "ON":
            cursor.execute("SHOW STATUS LIKE 'wsrep_ready'")
            variables |= dict(cursor.fetchall())
    return variables.get("read_only", "OFF") == "OFF" and variables.get("wsrep_ready", "ON") == "ON"
