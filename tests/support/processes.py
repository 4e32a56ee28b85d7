"""Ports, folders and processes for tests. A test removes everything that it starts."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path


def free_port(*, above: int = 20_000) -> int:
    """Return a free port below the ephemeral range and reserve it until this process ends.

    The reservation keeps parallel test runs from choosing the same port."""
    for port in range(above + os.getpid() % 8_000, 32_000):
        with socket.socket() as probe, socket.socket(socket.AF_UNIX) as claim:
            try:
                claim.bind(f"\0shop-port-{port}")  # An abstract socket: no file, released with the process.
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            CLAIMS.append(claim.detach())
            return port
    raise RuntimeError("no port is free")


CLAIMS: list[int] = []
"""File descriptors of the reserved ports."""


def until(condition: Callable[[], object], seconds: float, what: str) -> float:
    """Wait until a condition holds and return the seconds waited. Raise TimeoutError with the name of the condition."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        if condition():
            return time.monotonic() - started
        time.sleep(0.02)
    raise TimeoutError(f"{what} did not happen in {seconds} s")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def folder_of(user: str, name: str) -> Path:
    """Create a temporary folder owned by ``user``: PostgreSQL and MariaDB refuse to run as root."""
    path = Path(tempfile.mkdtemp(prefix=f"shop-{name}-"))
    if os.geteuid() == 0:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)
    return path


def demote(user: str) -> dict[str, object]:
    """Return subprocess arguments that drop root privileges to ``user``; empty if not root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


class Program:
    """A process that logs to a file in its folder."""

    def __init__(self, command: list[str], folder: Path, *, user: str | None = None, env: dict[str, str] | None = None) -> None:
        self.command, self.folder, self.user, self.env = command, folder, user, env
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.env, cwd="/",
                start_new_session=True, **(demote(self.user) if self.user else {}),
            )  # type: ignore[call-overload]  # fmt: skip

    def send(self, signal_number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal_number)

    def end(self, signal_number: int = signal.SIGTERM, seconds: float = 20) -> int | None:
        """Send a signal, then SIGKILL if the process is still running after ``seconds``. Return the exit code."""
        if self.process is None:
            return None
        self.send(signal_number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(5)

    def kill(self) -> None:
        """Send SIGKILL to the process group."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(5)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
