"""Ports, folders and processes of a proof; whatever it starts is ended with it."""

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
    """A port that nobody listens on, below the range from which outgoing connections take theirs. It stays ours until
    this process ends: another test run may be choosing at the same moment."""
    for port in range(above + os.getpid() % 8_000, 32_000):
        with socket.socket() as probe, socket.socket(socket.AF_UNIX) as claim:
            try:
                claim.bind(f"\0shop-port-{port}")  # A name of Linux's own, which needs no file and ends with its holder.
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            CLAIMS.append(claim.detach())
            return port
    raise RuntimeError("no port is free")


CLAIMS: list[int] = []
"""File descriptors that hold what was claimed."""


def until(happens: Callable[[], object], seconds: float, what: str) -> float:
    """Wait until something happens, and return how many seconds that took; raise TimeoutError, naming it."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if happens():
            return time.monotonic() - began
        time.sleep(0.02)
    raise TimeoutError(f"{what} did not happen in {seconds} s")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def folder_of(user: str, name: str) -> Path:
    """A folder that belongs to a server's own user: as root, PostgreSQL and MariaDB refuse to run."""
    path = Path(tempfile.mkdtemp(prefix=f"shop-{name}-"))
    if os.geteuid() == 0:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)
    return path


def demote(user: str) -> dict[str, object]:
    """Arguments of subprocess that run a program as a user, where we are root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


class Program:
    """A program that runs, with its output in a file."""

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

    def send(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def end(self, number: int = signal.SIGTERM, seconds: float = 20) -> int | None:
        """End it with a signal, and with SIGKILL where that does not help."""
        if self.process is None:
            return None
        self.send(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(5)

    def kill(self) -> None:
        """Kill -9 with whatever it has started."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(5)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
