"""A shop as an operator runs it: ``python run.py`` with its workers, and clients that call it over the network."""

import http.client
import json
import os
import signal
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine

from config import ROOT, database_url
from tests.support.processes import Program, folder_of, free_port, until

PASSWORD = "correct horse battery"
UNLIMITED = dict.fromkeys(
    (
        "LIMIT_TICKET_MECHANICS",
        "LIMIT_TICKET_INVENTORY",
        "LIMIT_TICKET_DELETE",
        "LIMIT_REGISTER",
        "LIMIT_LOGIN",
        "LIMIT_DEFAULT",
    ),
    "100000000 per minute",
)
GONE = (ConnectionError, http.client.HTTPException, TimeoutError, OSError)
"""What a client meets where the server dies under it."""


@dataclass
class Answer:
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


class Client:
    """A client with a connection of its own, for one thread."""

    def __init__(self, port: int, token: str | None = None, timeout: float = 30) -> None:
        self.port, self.token, self.timeout = port, token, timeout
        self.connection: http.client.HTTPConnection | None = None

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)

    def call(self, method: str, path: str, body: Any = None, key: str | None = None, **headers: str) -> Answer:
        """One request; raises one of GONE where no answer comes."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            given["Authorization"] = f"Bearer {self.token}"
        if key:
            given["Idempotency-Key"] = key
        text = None if body is None else json.dumps(body)
        if text is not None:
            given["Content-Type"] = "application/json"
        began = time.monotonic()
        try:
            self.connection = self.connection or self.connect()
            self.connection.request(method, path, text, given)
            response = self.connection.getresponse()
            raw = response.read()
        except GONE:
            self.close()
            raise
        seen = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, json.loads(raw) if raw else None, seen, time.monotonic() - began)

    def status_of(self, path: str) -> int:
        """The status of an answer that is no JSON, and read to its end."""
        self.connection = self.connection or self.connect()
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
        response = self.connection.getresponse()
        response.read()
        return response.status

    def insist(self, method: str, path: str, body: Any = None, key: str | None = None, seconds: float = 60) -> Answer:
        """A request with a key of its own that is repeated until it gets an answer other than 503 or «in flight»."""
        key = key or uuid.uuid4().hex
        until_when = time.monotonic() + seconds
        while True:
            try:
                answer = self.call(method, path, body, key)
                in_flight = answer.status == 409 and "Idempotency-Key" in answer.body["detail"]
                if answer.status != 503 and not in_flight:
                    return answer
            except GONE:
                if time.monotonic() > until_when:
                    raise
            if time.monotonic() > until_when:
                raise TimeoutError(f"{method} {path} got no answer in {seconds} s")
            time.sleep(0.05)

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def __del__(self) -> None:
        self.close()


class Shop:
    """The shop on a database, with so many workers."""

    def __init__(self, url: str, *, redis: str = "", workers: int = 1, port: int | None = None, **settings: str) -> None:
        self.url, self.port = url, port or free_port()
        self.folder = folder_of("nobody", "shop")
        environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "PYTHONPATH")}
        environment |= UNLIMITED | {
            "APP_ENV": "production",
            "SECRET_KEY": "a secret of more than thirty-two bytes",
            "DATABASE_URL": url,
            "PORT": str(self.port),
            "ADMIN_EMAIL": "first@example.com",
            "ADMIN_PASSWORD": PASSWORD,
            "LOG_LEVEL": "WARNING",
        }
        if redis:
            environment |= {"REDIS_URL": redis, "WEB_CONCURRENCY": str(workers)}
        self.program = Program([sys.executable, str(ROOT / "run.py")], self.folder, env=environment | settings)

    def start(self, seconds: float = 60) -> "Shop":
        self.program.start()
        until(self.is_ready, seconds, f"the shop's start ({self.program.log})")
        return self

    def is_ready(self) -> bool:
        process = self.program.process
        if process is not None and process.poll() is not None:
            raise RuntimeError(self.program.log.read_text())
        try:
            return Client(self.port, timeout=2).call("GET", "/health/ready").status == 200
        except GONE:
            return False

    def client(self, token: str | None = None, timeout: float = 30) -> Client:
        return Client(self.port, token, timeout)

    def admin_token(self) -> str:
        login = {"email": "first@example.com", "password": PASSWORD}
        return str(self.client().call("POST", "/mechanics/login", login).body["token"])

    def workers(self) -> list[int]:
        """The process ids of the workers that serve."""
        assert self.program.process is not None
        children = Path(f"/proc/{self.program.process.pid}/task").glob("*/children")
        return [int(pid) for path in children for pid in path.read_text().split()]

    def kill_worker(self) -> None:
        os.kill(self.workers()[0], signal.SIGKILL)

    def kill(self) -> None:
        """Kill the whole shop at once, workers and all."""
        workers = self.workers()
        self.program.kill()
        for pid in workers:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def stop(self) -> int | None:
        return self.program.end()

    def engine(self) -> Engine:
        """An engine on its database, to look at what is left behind."""
        return create_engine(database_url(self.url))

    def remove(self) -> None:
        self.stop()
        self.program.remove()
