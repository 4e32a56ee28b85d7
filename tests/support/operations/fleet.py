"""Two processes of the shop behind nginx, restarted as docs/operations.md says, while people work without a pause."""

import itertools
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from sqlalchemy import Engine, create_engine

from config import ROOT, database_url
from tests.support import services
from tests.support.operations.document import block, placed
from tests.support.operations.proxies import Nginx
from tests.support.processes import folder_of, free_port, until
from tests.support.servers import Redis
from tests.support.shop import GONE, PASSWORD, UNLIMITED, Client

SECTION = "Restarts that nobody notices"
SYSTEMCTL = Path(__file__).with_name("systemctl.py")


def copy_of_the_code(folder: Path) -> Path:
    """A version of the shop in a folder of its own."""
    shutil.copytree(ROOT / "app", folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("run.py", "config.py"):
        shutil.copy(ROOT / name, folder)
    return folder


def ready(port: int) -> bool:
    try:
        return Client(port, timeout=2).call("GET", "/health/ready").status == 200
    except GONE:
        return False


class Fleet:
    """The processes, what they run on, and the proxy before them; ``version`` is the folder of their code."""

    def __init__(self, kind: str, **settings: str) -> None:
        self.ending = ExitStack()
        self.folder = folder_of("root", "fleet")
        self.ending.callback(shutil.rmtree, self.folder, ignore_errors=True)
        name = f"shop_fleet_{uuid.uuid4().hex[:12]}"
        self.url = services.fresh_database(kind, name)
        self.ending.callback(services.drop_database, kind, name)
        redis = Redis()
        self.ending.callback(redis.remove)
        self.settings = UNLIMITED | {"DATABASE_URL": self.url, "REDIS_URL": redis.start().socket_url(), "WEB_CONCURRENCY": "1"}
        self.settings |= {"ADMIN_EMAIL": "first@example.com", "ADMIN_PASSWORD": PASSWORD, "TRUSTED_PROXIES": "1"} | settings
        self.ports = [free_port(), free_port()]
        self.link = self.folder / "shop"
        self.proxy = Nginx(*self.ports)

    def __enter__(self) -> "Fleet":
        with self.ending as ending:
            self.set()
            self.use(copy_of_the_code(self.folder / "first"))
            ending.callback(self.systemctl, "stop")
            self.start()
            ending.callback(self.proxy.remove)
            self.proxy.start()
            self.ending = ending.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.ending.close()

    def use(self, version: Path) -> None:
        """Let the link show to a version, from the next restart on."""
        following = self.folder / "following"
        following.symlink_to(version)
        following.replace(self.link)

    def set(self, **settings: str) -> None:
        """Write settings, for the next restart."""
        self.settings |= settings
        (self.folder / "shop.env").write_text("".join(f"{name}={value}\n" for name, value in self.settings.items()))

    def environment(self) -> dict[str, str]:
        return {"PATH": f"{self.folder}:{os.environ['PATH']}", "FLEET": str(self.folder)}

    def systemctl(self, verb: str, *ports: int) -> None:
        units = [f"shop@{port}" for port in ports or self.ports]
        subprocess.run([sys.executable, SYSTEMCTL, verb, *units], env=self.environment(), check=True, timeout=60)

    def start(self, *ports: int) -> None:
        """Start these anew, or all; at once."""
        self.systemctl("restart", *ports)
        for port in ports or self.ports:
            until(lambda port=port: ready(port), 60, f"the start ({self.folder / f'{port}.log'})")

    def restart(self) -> float:
        """Restart one process after the other, by the commands of the document, and let them work together for a moment in
        between, as they would on several machines; how many seconds that took."""
        command = self.folder / "systemctl"
        command.write_text(f'#!/bin/sh\nexec {sys.executable} {SYSTEMCTL} "$@"\n')
        command.chmod(0o755)
        script = placed(block(SECTION, "sh"), {"5000 5001": " ".join(map(str, self.ports)), "\ndone": "\nsleep 0.3\ndone"})
        began = time.monotonic()
        subprocess.run(["bash", "-euc", script], env=self.environment(), check=True, timeout=90)
        return time.monotonic() - began

    def flask(self, *words: str) -> None:
        """A command of the shop, by the version that the link shows to."""
        environment = {"PATH": os.environ["PATH"], "APP_ENV": "production"} | self.settings
        command = [sys.executable, "-m", "flask", "--app", "run", *words]
        subprocess.run(command, cwd=self.link, env=environment, check=True, capture_output=True, timeout=60)

    def log_in(self, port: int | None = None) -> str:
        """A new token, of that process or of any."""
        client = Client(port) if port else self.proxy.client()
        return str(client.call("POST", "/mechanics/login", {"email": "first@example.com", "password": PASSWORD}).body["token"])

    def engine(self) -> Engine:
        return create_engine(database_url(self.url))


class People:
    """So many who work without a pause: ``with People(fleet) as people``, and then ``people.answers`` counts what they met.

    Nobody gives an Idempotency-Key, and nobody tries again."""

    def __init__(self, fleet: Fleet, count: int = 4) -> None:
        self.fleet, self.leave = fleet, threading.Event()
        self.answers: Counter[str] = Counter()
        self.tokens = [fleet.log_in()]
        admin = fleet.proxy.client(self.tokens[0])
        person = {"name": "Bea", "email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD}
        self.customer = admin.call("POST", "/customers", person).body["id"]
        self.part = admin.call("POST", "/inventory", {"name": "Pad", "price": 1, "quantity": 100_000}).body["id"]
        self.threads = [threading.Thread(target=self.work, args=(number,)) for number in range(count)]

    def __enter__(self) -> "People":
        for thread in self.threads:
            thread.start()
        until(lambda: self.answers.total() > 50, 20, "work")
        return self

    def __exit__(self, *_: object) -> None:
        self.leave.set()
        for thread in self.threads:
            thread.join(30)

    def work(self, number: int) -> None:
        """Open a ticket, put a part on it, change it, look at it and at the stock; and sign in now and then."""
        client = self.fleet.proxy.client()
        ticket = {"customer_id": self.customer, "service_date": "2026-11-24", "description": "Rush", "vin": f"W{number}"}
        for turn in itertools.count():
            if self.leave.is_set():
                client.close()
                return
            if turn % 4 == number:
                login = self.ask(client, "POST", "/mechanics/login", {"email": "first@example.com", "password": PASSWORD})
                self.tokens.append(login.body["token"] if login else "")
            client.token = self.tokens[-(turn % 5) - 1 :][0]
            made = self.ask(client, "POST", "/tickets", ticket | {"parts": [{"inventory_id": self.part, "quantity": 2}]})
            path = made.headers["location"] if made and made.status == 201 else ""
            if path:
                self.ask(client, "PUT", f"{path}/inventory", {"add_parts": [{"inventory_id": self.part}]})
                self.ask(client, "PUT", path, {"description": f"Rush {turn}"})
                self.ask(client, "GET", path)
            self.ask(client, "GET", "/inventory")

    def ask(self, client: Client, method: str, path: str, body: object = None) -> object:
        what = f"{method} {re.sub('[0-9]+', '<id>', path)}"
        try:
            answer = client.call(method, path, body)
        except GONE as error:
            self.answers[f"{what}: {type(error).__name__}"] += 1
            return None
        self.answers[f"{what}: {answer.status}"] += 1
        return answer

    def failures(self) -> dict[str, int]:
        """What is none of the answers that all of this has where everything works."""
        return {what: count for what, count in self.answers.items() if not what.endswith((": 200", ": 201"))}
