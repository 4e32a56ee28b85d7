"""Shops backed up and restored by the commands of docs/operations.md, and clients that write meanwhile."""

import os
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

from config import ROOT, database_url
from tests.support import services
from tests.support.operations.document import blocks
from tests.support.running_shop import Seeder
from tests.support.servers import postgresql_folder
from tests.support.shop import Shop

HEADINGS = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MariaDB"}
PROGRAMS = {"sqlite": "sqlite3", "postgresql": "pg_dump", "mariadb": "mariadb-dump"}


class DatabaseShop:
    """A shop on a database that the commands of docs/operations.md can back up and restore."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder, self.name = kind, folder, f"shop_backup_{uuid.uuid4().hex[:12]}"
        (folder / "instance").mkdir(parents=True)
        file = f"sqlite:///{folder}/instance/shop.db"
        self.url = file if kind == "sqlite" else services.fresh_database(kind, self.name).replace("+psycopg", "")
        self.shop = Shop(self.url)

    def remove(self) -> None:
        self.shop.remove()
        if self.kind != "sqlite":
            services.drop_database(self.kind, self.name)

    def back_up(self, to: Path) -> None:
        self.run(0, to)

    def restore(self, backup: Path) -> None:
        self.run(1, backup)

    def run(self, index: int, backup: Path) -> None:
        """Run a code block under the heading of this kind of database, by its index."""
        script = [text for heading, kind, text in blocks() if (heading, kind) == (HEADINGS[self.kind], "sh")][index]
        environment = {"PATH": f"{postgresql_folder()}:{os.environ['PATH']}", "BACKUP": str(backup)}
        environment |= {"DATABASE_URL": self.url, "EMPTY_DATABASE_URL": self.url}
        if self.kind == "mariadb":
            script = self.with_test_names(script)
        command = ["bash", "-euc", script]
        result = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert (result.returncode, result.stderr) == (0, ""), result

    def with_test_names(self, script: str) -> str:
        """Return the script with the test's password file and database name, which precedes the redirection."""
        server, file = database_url(services.url_of("mariadb")), self.folder / "mariadb.cnf"
        login = {"host": server.host, "port": server.port or 3306, "user": server.username, "password": server.password or ""}
        file.write_text("[client]\n" + "".join(f"{name}={value}\n" for name, value in login.items()))
        before, arrow, after = script.replace("/etc/shop/mariadb.cnf", str(file)).rpartition(
            " > " if " > " in script else " < "
        )
        command, name = before.rsplit(" ", 1)
        assert name in ("shop", "empty_shop")
        return f"{command} {self.name}{arrow}{after}"

    def flask(self, *words: str) -> str:
        """Run a command of the shop. Return its output."""
        environment = {"PATH": os.environ["PATH"], "APP_ENV": "production", "DATABASE_URL": self.url}
        environment |= {"SECRET_KEY": "a secret of more than thirty-two bytes", "LOG_LEVEL": "WARNING"}
        command = [sys.executable, "-m", "flask", "--app", "run", *words]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


class BackgroundWriters:
    """Clients that open and change tickets continuously.

    ``tickets`` lists (VIN, time of the request, time of the response).
    """

    def __init__(self, seeder: Seeder, part: int) -> None:
        self.seeder, self.part, self.stopped = seeder, part, threading.Event()
        self.tickets: list[tuple[str, float, float]] = []
        self.threads = [threading.Thread(target=self.work, args=(token,)) for token in seeder.tokens]

    def work(self, token: str) -> None:
        client = self.seeder.shop.client(token)
        while not self.stopped.is_set():
            vin, started = self.seeder.unique_vin(), time.monotonic()
            ticket = self.seeder.ticket_body(vin, [{"inventory_id": self.part, "quantity": 2}])
            response = client.call_until_answered("POST", "/tickets", ticket)
            assert response.status == 201
            self.tickets.append((vin, started, time.monotonic()))
            change = {"remove_parts": [{"inventory_id": self.part, "quantity": 1}]}
            client.call_until_answered("PUT", f"/tickets/{response.body['id']}/inventory", change)

    def __enter__(self) -> "BackgroundWriters":
        for thread in self.threads:
            thread.start()
        time.sleep(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(0.3)
        self.stopped.set()
        for thread in self.threads:
            thread.join(30)
