"""Private PostgreSQL, MariaDB and Redis servers with their own ports and folders, which a test may kill."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from redis import Redis as RedisClient
from redis import RedisError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from config import database_url
from tests.support.processes import Program, demote, folder_of, free_port, listens, until


def postgresql_folder() -> Path:
    """Return the folder of PostgreSQL's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return found[-1] if found else Path(str(shutil.which("initdb"))).parent


def accepts_connections(url: str) -> bool:
    engine = create_engine(database_url(url), connect_args={"connect_timeout": 2})
    try:
        with engine.connect() as connection:
            return connection.execute(text("SELECT 1")).scalar() == 1
    except SQLAlchemyError:
        return False
    finally:
        engine.dispose()


def children_of(pid: int) -> list[int]:
    """Return the running child processes of a process."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, path.read_text().split())
    return found


class PostgreSQL:
    """A private PostgreSQL server with an empty database ``shop``."""

    def __init__(self, folder: Path | None = None, port: int | None = None) -> None:
        self.folder = folder or folder_of("postgres", "postgresql")
        self.data = self.folder / "data"
        self.port = port or free_port()
        if not self.data.exists():
            self.run("initdb", "-A", "trust", "-U", "shop", "-E", "UTF8", "--locale=C.UTF-8", str(self.data))
        options = [
            "-p",
            str(self.port),
            "-k",
            str(self.folder),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "max_connections=200",
        ]
        self.command = [str(postgresql_folder() / "postgres"), "-D", str(self.data), *options]
        self.program = Program(self.command, self.folder, user="postgres")

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as its user."""
        command = [str(postgresql_folder() / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd="/", **demote("postgres"))

    def url(self, database: str = "shop") -> str:
        return f"postgresql://shop@127.0.0.1:{self.port}/{database}"

    def start(self, *more: str) -> "PostgreSQL":
        self.program.command = [*self.command, *more]
        self.program.start()
        until(lambda: accepts_connections(self.url("postgres")), 60, "the start of PostgreSQL")
        return self

    def create(self) -> "PostgreSQL":
        """Create the empty database."""
        engine = create_engine(database_url(self.url("postgres")), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("CREATE DATABASE shop"))
        engine.dispose()
        return self

    def stop(self) -> None:
        """Do a fast shutdown, which closes open sessions, as an operator's restart does."""
        self.program.end(signal.SIGINT)

    def kill(self) -> None:
        """Send SIGKILL to the sessions, each of which has its own process group, and then to the server."""
        if self.program.process is not None and self.program.process.poll() is None:
            self.program.send(signal.SIGSTOP)  # Keeps the server from replacing killed sessions.
            for pid in children_of(self.program.process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.program.kill()

    def remove(self) -> None:
        self.kill()
        self.program.remove()


class MariaDB:
    """A private MariaDB server with an empty database ``shop``. ``options`` can make it a node of a Galera cluster.

    ``like``: a server that has not run yet and whose data folder is copied, which is faster than an installation."""

    def __init__(self, *options: str, like: "MariaDB | None" = None) -> None:
        self.folder = folder_of("mysql", "mariadb")
        self.data = self.folder / "data"
        self.port = free_port()
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--auth-root-authentication-method=normal"]
        prepare = ["cp", "-a", str(like.data), str(self.data)] if like else [*install, "--skip-test-db"]
        subprocess.run(prepare, check=True, capture_output=True, cwd="/", **demote("mysql"))
        paths = [f"--datadir={self.data}", f"--port={self.port}", f"--socket={self.folder}/socket", "--bind-address=127.0.0.1"]
        pid = f"--pid-file={self.folder}/pid"
        self.command = [
            str(shutil.which("mariadbd", path=f"/usr/sbin:{os.environ['PATH']}")),
            "--no-defaults",
            *paths,
            pid,
            *options,
        ]
        self.program = Program(self.command, self.folder, user="mysql")

    def url(self, database: str = "shop") -> str:
        return f"mysql://root@127.0.0.1:{self.port}/{database}"

    def start(self, *more: str) -> "MariaDB":
        self.program.command = [*self.command, *more]
        self.program.start()
        until(lambda: accepts_connections(self.url("mysql")), 90, "the start of MariaDB")
        return self

    def create(self) -> "MariaDB":
        engine = create_engine(database_url(self.url("mysql")), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("CREATE DATABASE shop"))
        engine.dispose()
        return self

    def stop(self) -> None:
        self.program.end(signal.SIGTERM, 60)

    def kill(self) -> None:
        self.program.kill()

    def remove(self) -> None:
        self.program.remove()


class Redis:
    """A private Redis server without persistence."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = folder_of("nobody", "redis")
        self.socket = self.folder / "redis.sock"
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        command += ["--unixsocket", str(self.socket), "--unixsocketperm", "777"]
        self.program = Program([*command, "--dir", str(self.folder)], self.folder)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def socket_url(self, database: int = 0) -> str:
        """Return the URL of the Unix socket, recommended for a shop on the same machine (docs/operations.md)."""
        return f"unix://{self.socket}?db={database}"

    def start(self) -> "Redis":
        self.program.start()
        until(lambda: listens(self.port) and self.pings(), 10, "the start of Redis")
        return self

    def pings(self) -> bool:
        try:
            return bool(RedisClient.from_url(self.url, socket_timeout=1, socket_connect_timeout=1).ping())
        except RedisError:
            return False

    def freeze(self) -> None:
        """Suspend the server, as on a swapping machine: connections stay open without an answer."""
        self.program.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.program.send(signal.SIGCONT)

    def flush(self) -> None:
        RedisClient.from_url(self.url).flushall()

    def kill(self) -> None:
        self.program.kill()

    def remove(self) -> None:
        self.program.remove()
