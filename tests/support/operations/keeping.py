"""Shops whose databases are backed up and restored by the commands of docs/operations.md, and people who work meanwhile."""

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
from tests.support.running_shop import Crew
from tests.support.servers import postgresql_folder
from tests.support.shop import Shop

HEADINGS = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MariaDB"}
PROGRAMS = {"sqlite": "sqlite3", "postgresql": "pg_dump", "mariadb": "mariadb-dump"}


class Kept:
    """A database of a kind that the commands of the document can reach, and a shop on it."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder, self.name = kind, folder, f"shop_kept_{uuid.uuid4().hex[:12]}"
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

    def run(self, number: int, backup: Path) -> None:
        """Run the commands that stand under the heading of this kind of database."""
        script = [text for heading, kind, text in blocks() if (heading, kind) == (HEADINGS[self.kind], "sh")][number]
        environment = {"PATH": f"{postgresql_folder()}:{os.environ['PATH']}", "BACKUP": str(backup)}
        environment |= {"DATABASE_URL": self.url, "EMPTY_DATABASE_URL": self.url}
        if self.kind == "mariadb":
            script = self.placed(script)
        command = ["bash", "-euc", script]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done

    def placed(self, script: str) -> str:
        """The script with the names of the file of passwords and of the database, which stands before its arrow."""
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
        """What a command of the shop says."""
        environment = {"PATH": os.environ["PATH"], "APP_ENV": "production", "DATABASE_URL": self.url}
        environment |= {"SECRET_KEY": "a secret of more than thirty-two bytes", "LOG_LEVEL": "WARNING"}
        command = [sys.executable, "-m", "flask", "--app", "run", *words]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


class Busy:
    """People who open tickets and change them without a pause: ``seen`` has the VIN of each, when it was asked for, and
    when it was answered."""

    def __init__(self, crew: Crew, part: int) -> None:
        self.crew, self.part, self.leave = crew, part, threading.Event()
        self.seen: list[tuple[str, float, float]] = []
        self.threads = [threading.Thread(target=self.work, args=(token,)) for token in crew.tokens]

    def work(self, token: str) -> None:
        client = self.crew.shop.client(token)
        while not self.leave.is_set():
            vin, began = self.crew.vin(), time.monotonic()
            made = client.insist("POST", "/tickets", self.crew.ticket(vin, [{"inventory_id": self.part, "quantity": 2}]))
            assert made.status == 201
            self.seen.append((vin, began, time.monotonic()))
            off = {"remove_parts": [{"inventory_id": self.part, "quantity": 1}]}
            client.insist("PUT", f"/tickets/{made.body['id']}/inventory", off)

    def __enter__(self) -> "Busy":
        for thread in self.threads:
            thread.start()
        time.sleep(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(0.3)
        self.leave.set()
        for thread in self.threads:
            thread.join(30)
