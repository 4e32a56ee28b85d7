"""A shop run by ``python run.py`` with its workers, and clients that call it over the network."""

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
from tests.support.environment import LIMITS
from tests.support.processes import Program, folder_of, free_port, until

PASSWORD = "correct horse battery"
UNLIMITED = dict.fromkeys(LIMITS, "100000000 per minute")
CONNECTION_ERRORS = (ConnectionError, http.client.HTTPException, TimeoutError, OSError)
"""Exceptions of a client whose server dies."""


@dataclass
class Response:
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


class Client:
    """A client with one connection, for one thread."""

    def __init__(self, port: int, token: str | None = None, timeout: float = 30) -> None:
        self.port, self.token, self.timeout = port, token, timeout
        self.connection: http.client.HTTPConnection | None = None

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)

    def call(self, method: str, path: str, body: Any = None, key: str | None = None, **headers: str) -> Response:
        """Send a request. Raise one of CONNECTION_ERRORS if there is no response."""
        request_headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            request_headers["Authorization"] = f"Bearer {self.token}"
        if key:
            request_headers["Idempotency-Key"] = key
        text = None if body is None else json.dumps(body)
        if text is not None:
            request_headers["Content-Type"] = "application/json"
        started = time.monotonic()
        try:
            self.connection = self.connection or self.connect()
            self.connection.request(method, path, text, request_headers)
            response = self.connection.getresponse()
            raw = response.read()
        except CONNECTION_ERRORS:
            self.close()
            raise
        response_headers = {name.lower(): value for name, value in response.getheaders()}
        return Response(response.status, json.loads(raw) if raw else None, response_headers, time.monotonic() - started)

    def status_of(self, path: str) -> int:
        """Return the status of a GET request whose body is not JSON, and read the body to its end."""
        self.connection = self.connection or self.connect()
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
        response = self.connection.getresponse()
        response.read()
        return response.status

    def call_until_answered(
        self, method: str, path: str, body: Any = None, key: str | None = None, seconds: float = 60
    ) -> Response:
        """Send a request with an idempotency key, and repeat it until the status is neither 503 nor 409 for a key in flight."""
        key = key or uuid.uuid4().hex
        deadline = time.monotonic() + seconds
        while True:
            try:
                response = self.call(method, path, body, key)
                in_flight = response.status == 409 and "Idempotency-Key" in response.body["detail"]
                if response.status != 503 and not in_flight:
                    return response
            except CONNECTION_ERRORS:
                if time.monotonic() > deadline:
                    raise
            if time.monotonic() > deadline:
                raise TimeoutError(f"no response to {method} {path} in {seconds} s")
            time.sleep(0.05)

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def __del__(self) -> None:
        self.close()


class Shop:
    """A shop on a database, with ``workers`` workers if it has a Redis."""

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
        until(self.is_ready, seconds, f"the start of the shop ({self.program.log})")
        return self

    def is_ready(self) -> bool:
        process = self.program.process
        if process is not None and process.poll() is not None:
            raise RuntimeError(self.program.log.read_text())
        try:
            return Client(self.port, timeout=2).call("GET", "/health/ready").status == 200
        except CONNECTION_ERRORS:
            return False

    def client(self, token: str | None = None, timeout: float = 30) -> Client:
        return Client(self.port, token, timeout)

    def admin_token(self) -> str:
        login = {"email": "first@example.com", "password": PASSWORD}
        return str(self.client().call("POST", "/mechanics/login", login).body["token"])

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        assert self.program.process is not None
        children = Path(f"/proc/{self.program.process.pid}/task").glob("*/children")
        return [int(pid) for path in children for pid in path.read_text().split()]

    def kill(self) -> None:
        """Send SIGKILL to the shop and all its workers."""
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
        """Return an engine on the shop's database."""
        return create_engine(database_url(self.url))

    def remove(self) -> None:
        self.stop()
        self.program.remove()
