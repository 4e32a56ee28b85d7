"""Private PostgreSQL, MariaDB and Redis servers, on ports and in folders of their own, that a proof may kill."""

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
    """Where PostgreSQL's programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return found[-1] if found else Path(str(shutil.which("initdb"))).parent


def answers(url: str) -> bool:
    engine = create_engine(database_url(url), connect_args={"connect_timeout": 2})
    try:
        with engine.connect() as connection:
            return connection.execute(text("SELECT 1")).scalar() == 1
    except SQLAlchemyError:
        return False
    finally:
        engine.dispose()


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, path.read_text().split())
    return found


class PostgreSQL:
    """A PostgreSQL of its own, with an empty database ``shop``."""

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
        """Run one of PostgreSQL's own programs."""
        command = [str(postgresql_folder() / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd="/", **demote("postgres"))

    def url(self, database: str = "shop") -> str:
        return f"postgresql://shop@127.0.0.1:{self.port}/{database}"

    def start(self, *more: str) -> "PostgreSQL":
        self.program.command = [*self.command, *more]
        self.program.start()
        until(lambda: answers(self.url("postgres")), 60, "PostgreSQL's start")
        return self

    def create(self) -> "PostgreSQL":
        """Make the empty database."""
        engine = create_engine(database_url(self.url("postgres")), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("CREATE DATABASE shop"))
        engine.dispose()
        return self

    def stop(self) -> None:
        """A fast shutdown, as an operator's restart does it: sessions are cut off."""
        self.program.end(signal.SIGINT)

    def kill(self) -> None:
        """Kill -9, the sessions first: each is a process in a group of its own."""
        if self.program.process is not None and self.program.process.poll() is None:
            self.program.send(signal.SIGSTOP)  # So that it replaces none of them.
            for pid in children_of(self.program.process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.program.kill()

    def remove(self) -> None:
        self.kill()
        self.program.remove()


class MariaDB:
    """A MariaDB of its own, with an empty database ``shop``; ``options`` make it a node of a Galera cluster.
    ``like`` one that has not run yet, it is made faster."""

    def __init__(self, *options: str, like: "MariaDB | None" = None) -> None:
        self.folder = folder_of("mysql", "mariadb")
        self.data = self.folder / "data"
        self.port = free_port()
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--auth-root-authentication-method=normal"]
        make = ["cp", "-a", str(like.data), str(self.data)] if like else [*install, "--skip-test-db"]
        subprocess.run(make, check=True, capture_output=True, cwd="/", **demote("mysql"))
        where = [f"--datadir={self.data}", f"--port={self.port}", f"--socket={self.folder}/socket", "--bind-address=127.0.0.1"]
        pid = f"--pid-file={self.folder}/pid"
        self.command = [
            str(shutil.which("mariadbd", path=f"/usr/sbin:{os.environ['PATH']}")),
            "--no-defaults",
            *where,
            pid,
            *options,
        ]
        self.program = Program(self.command, self.folder, user="mysql")

    def url(self, database: str = "shop") -> str:
        return f"mysql://root@127.0.0.1:{self.port}/{database}"

    def start(self, *more: str) -> "MariaDB":
        self.program.command = [*self.command, *more]
        self.program.start()
        until(lambda: answers(self.url("mysql")), 90, "MariaDB's start")
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
    """A Redis of its own that keeps nothing on the disk."""

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
        """Its Unix socket, which is how a shop on the same machine is to reach it (docs/operations.md)."""
        return f"unix://{self.socket}?db={database}"

    def start(self) -> "Redis":
        self.program.start()
        until(lambda: listens(self.port) and self.pings(), 10, "Redis's start")
        return self

    def pings(self) -> bool:
        try:
            return bool(RedisClient.from_url(self.url, socket_timeout=1, socket_connect_timeout=1).ping())
        except RedisError:
            return False

    def freeze(self) -> None:
        """Stop it as a machine that swaps does: connections stay open, and nothing answers."""
        self.program.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.program.send(signal.SIGCONT)

    def flush(self) -> None:
        RedisClient.from_url(self.url).flushall()

    def kill(self) -> None:
        self.program.kill()

    def remove(self) -> None:
        self.program.remove()
