"""Two processes of the shop behind nginx, restarted under load as docs/operations.md describes."""

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
from tests.support.operations.document import block, substitute
from tests.support.operations.proxies import Nginx
from tests.support.processes import folder_of, free_port, until
from tests.support.servers import Redis
from tests.support.shop import CONNECTION_ERRORS, PASSWORD, UNLIMITED, Client

SECTION = "Restarts without downtime"
SYSTEMCTL = Path(__file__).with_name("systemctl.py")


def copy_of_the_code(folder: Path) -> Path:
    """Copy the code of the shop into a folder, as a version to deploy."""
    shutil.copytree(ROOT / "app", folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("run.py", "config.py"):
        shutil.copy(ROOT / name, folder)
    return folder


def ready(port: int) -> bool:
    try:
        return Client(port, timeout=2).call("GET", "/health/ready").status == 200
    except CONNECTION_ERRORS:
        return False


class Fleet:
    """Two processes of the shop with their database, Redis and nginx. The link ``shop`` points to the deployed version."""

    def __init__(self, kind: str, **settings: str) -> None:
        self.stack = ExitStack()
        self.folder = folder_of("root", "fleet")
        self.stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        name = f"shop_fleet_{uuid.uuid4().hex[:12]}"
        self.url = services.fresh_database(kind, name)
        self.stack.callback(services.drop_database, kind, name)
        redis = Redis()
        self.stack.callback(redis.remove)
        self.settings = UNLIMITED | {"DATABASE_URL": self.url, "REDIS_URL": redis.start().socket_url(), "WEB_CONCURRENCY": "1"}
        self.settings |= {"ADMIN_EMAIL": "first@example.com", "ADMIN_PASSWORD": PASSWORD, "TRUSTED_PROXIES": "1"} | settings
        self.ports = [free_port(), free_port()]
        self.link = self.folder / "shop"
        self.proxy = Nginx(*self.ports)

    def __enter__(self) -> "Fleet":
        with self.stack as stack:
            self.set()
            self.deploy(copy_of_the_code(self.folder / "first"))
            stack.callback(self.systemctl, "stop")
            self.start()
            stack.callback(self.proxy.remove)
            self.proxy.start()
            self.stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stack.close()

    def deploy(self, version: Path) -> None:
        """Point the link to a version, which the next restart uses."""
        new_link = self.folder / "new_link"
        new_link.symlink_to(version)
        new_link.replace(self.link)

    def set(self, **settings: str) -> None:
        """Change settings for the next restart."""
        self.settings |= settings
        (self.folder / "shop.env").write_text("".join(f"{name}={value}\n" for name, value in self.settings.items()))

    def environment(self) -> dict[str, str]:
        return {"PATH": f"{self.folder}:{os.environ['PATH']}", "FLEET": str(self.folder)}

    def systemctl(self, verb: str, *ports: int) -> None:
        units = [f"shop@{port}" for port in ports or self.ports]
        subprocess.run([sys.executable, SYSTEMCTL, verb, *units], env=self.environment(), check=True, timeout=60)

    def start(self, *ports: int) -> None:
        """Restart these processes at once, or all, and wait until they are ready."""
        self.systemctl("restart", *ports)
        for port in ports or self.ports:
            until(lambda port=port: ready(port), 60, f"the start of a process ({self.folder / f'{port}.log'})")

    def restart(self) -> float:
        """Restart one process after the other by the commands of docs/operations.md. Return the seconds taken.

        A pause lets both versions serve side by side for a moment, as on several machines.
        """
        command = self.folder / "systemctl"
        command.write_text(f'#!/bin/sh\nexec {sys.executable} {SYSTEMCTL} "$@"\n')
        command.chmod(0o755)
        script = substitute(block(SECTION, "sh"), {"5000 5001": " ".join(map(str, self.ports)), "\ndone": "\nsleep 0.3\ndone"})
        started = time.monotonic()
        subprocess.run(["bash", "-euc", script], env=self.environment(), check=True, timeout=90)
        return time.monotonic() - started

    def flask(self, *words: str) -> None:
        """Run a command of the deployed version of the shop."""
        environment = {"PATH": os.environ["PATH"], "APP_ENV": "production"} | self.settings
        command = [sys.executable, "-m", "flask", "--app", "run", *words]
        subprocess.run(command, cwd=self.link, env=environment, check=True, capture_output=True, timeout=60)

    def log_in(self, port: int | None = None) -> str:
        """Log in as the admin at one process, or through the proxy. Return the token."""
        client = Client(port) if port else self.proxy.client()
        return str(client.call("POST", "/mechanics/login", {"email": "first@example.com", "password": PASSWORD}).body["token"])

    def engine(self) -> Engine:
        return create_engine(database_url(self.url))


class Users:
    """Clients that send requests continuously, without idempotency keys or retries of their own.

    ``with Users(fleet) as users`` runs them; ``users.outcomes`` counts their responses and errors.
    """

    def __init__(self, fleet: Fleet, count: int = 4) -> None:
        self.fleet, self.stopped = fleet, threading.Event()
        self.outcomes: Counter[str] = Counter()
        self.tokens = [fleet.log_in()]
        admin = fleet.proxy.client(self.tokens[0])
        customer = {"name": "Bea", "email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD}
        self.customer = admin.call("POST", "/customers", customer).body["id"]
        self.part = admin.call("POST", "/inventory", {"name": "Pad", "price": 1, "quantity": 100_000}).body["id"]
        self.threads = [threading.Thread(target=self.work, args=(number,)) for number in range(count)]

    def __enter__(self) -> "Users":
        for thread in self.threads:
            thread.start()
        until(lambda: self.outcomes.total() > 50, 20, "50 requests")
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join(30)

    def work(self, number: int) -> None:
        """Open, change and read tickets, read the stock, and log in every fourth turn."""
        client = self.fleet.proxy.client()
        ticket = {"customer_id": self.customer, "service_date": "2026-11-24", "description": "Rush", "vin": f"W{number}"}
        for turn in itertools.count():
            if self.stopped.is_set():
                client.close()
                return
            if turn % 4 == number:
                login = self.send(client, "POST", "/mechanics/login", {"email": "first@example.com", "password": PASSWORD})
                self.tokens.append(login.body["token"] if login else "")
            client.token = self.tokens[-(turn % 5) - 1 :][0]
            created = self.send(client, "POST", "/tickets", ticket | {"parts": [{"inventory_id": self.part, "quantity": 2}]})
            path = created.headers["location"] if created and created.status == 201 else ""
            if path:
                self.send(client, "PUT", f"{path}/inventory", {"add_parts": [{"inventory_id": self.part}]})
                self.send(client, "PUT", path, {"description": f"Rush {turn}"})
                self.send(client, "GET", path)
            self.send(client, "GET", "/inventory")

    def send(self, client: Client, method: str, path: str, body: object = None) -> object:
        label = f"{method} {re.sub('[0-9]+', '<id>', path)}"
        try:
            response = client.call(method, path, body)
        except CONNECTION_ERRORS as error:
            self.outcomes[f"{label}: {type(error).__name__}"] += 1
            return None
        self.outcomes[f"{label}: {response.status}"] += 1
        return response

    def failures(self) -> dict[str, int]:
        """Return the outcomes other than 200 and 201, with their counts."""
        return {label: count for label, count in self.outcomes.items() if not label.endswith((": 200", ": 201"))}
