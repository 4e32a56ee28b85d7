"""A private PgBouncer before the PostgreSQL of the tests, which lends its connections for one transaction each."""

import shutil
import time

import psycopg

from config import database_url
from tests.support import services
from tests.support.processes import Program, folder_of, free_port, listens, until


class PgBouncer:
    """PgBouncer in transaction mode with ``size`` connections to the server for each database."""

    def __init__(self, size: int) -> None:
        server = database_url(services.url_of("postgresql"))
        secret = f" password={server.password}" if server.password else ""
        self.user, self.port = server.username, free_port()
        self.folder = folder_of("postgres", "pgbouncer")
        (self.folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={server.host} port={server.port or 5432} user={server.username}{secret}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = any\npool_mode = transaction\ndefault_pool_size = {size}\nserver_idle_timeout = 3600\n"
        )
        (self.folder / "pgbouncer.ini").chmod(0o644)
        path = str(shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin"))
        self.program = Program([path, str(self.folder / "pgbouncer.ini")], self.folder, user="postgres")

    def start(self) -> "PgBouncer":
        self.program.start()
        until(lambda: listens(self.port), 20, "the start of PgBouncer")
        return self

    def url(self, database: str, options: str) -> str:
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{database}?{options}"

    def states(self, database: str, size: int) -> set[tuple[str, ...]]:
        """Return what the sessions of all connections to the server hold, as a client sees them."""
        queries = ("SHOW lock_timeout", "SHOW statement_timeout", "SELECT count(*)::text FROM pg_prepared_statements")
        place = f"host=127.0.0.1 port={self.port} user={self.user} dbname={database}"
        clients = [psycopg.connect(place, prepare_threshold=None) for _ in range(size)]  # Each in a transaction at once.
        found = {tuple(str(client.execute(query).fetchone()[0]) for query in queries) for client in clients}  # type: ignore[index]
        for client in clients:
            client.close()
        time.sleep(0.1)
        return found

    def remove(self) -> None:
        self.program.remove()
