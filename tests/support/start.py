"""The shop as real processes on real ports, started as a person would: ``python run.py`` in a folder of its own."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from config import ROOT

PATIENCE = 60
"""Seconds for a start, on a busy machine."""
SECRET = {"SECRET_KEY": "a secret of more than thirty-two bytes"}
ADMIN = {"ADMIN_EMAIL": "ann@example.com", "ADMIN_PASSWORD": "correct horse battery"}
NO_LIMITS = dict.fromkeys(
    (
        "LIMIT_TICKET_MECHANICS",
        "LIMIT_TICKET_INVENTORY",
        "LIMIT_TICKET_DELETE",
        "LIMIT_REGISTER",
        "LIMIT_LOGIN",
        "LIMIT_DEFAULT",
    ),
    "",
)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def copy_of_the_shop(folder):
    """The shop as a clone has it, but for what tests and developers need: no .env, no instance/."""
    shutil.copytree(ROOT / "app", folder / "app")
    for name in ("run.py", "config.py"):
        shutil.copy2(ROOT / name, folder)
    return folder


def children(pid):
    """The processes below a process, as long as they run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # It has just ended.
        if int(parent) == pid and state != "Z":
            found += [int(stat.parent.name), *children(int(stat.parent.name))]
    return found


class Start:
    """One start of the shop; ``with Start(folder, …) as shop`` waits until it serves, and ends what is left."""

    def __init__(self, folder, command=None, **settings):
        self.port = settings.setdefault("PORT", free_port())
        settings.setdefault("LOG_LEVEL", "WARNING")  # So that a start that is well says nothing on stderr.
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder)} | {
            name: str(text) for name, text in settings.items() if text is not None
        }
        self.process = subprocess.Popen(
            command or [sys.executable, "run.py"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __enter__(self):
        self.wait_until_it_serves()
        return self

    def __exit__(self, *_):
        left = children(self.process.pid)
        for pid in (self.process.pid, *left):
            with suppress(ProcessLookupError):  # It has ended, as it should.
                os.kill(pid, signal.SIGKILL)
        self.process.communicate()

    def wait_until_it_serves(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                assert self.call("GET", "/health/ready")[0] == 200
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.process.kill()
                    raise AssertionError(f"it does not serve: {self.process.communicate()}") from None
                time.sleep(0.02)
            else:
                return

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", int(self.port), timeout=PATIENCE)

    def call(self, method, path, body=None, token=None, connection=None):
        """(status, parsed body) of one request."""
        mine = connection or self.connect()
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        mine.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = mine.getresponse()
        text = answer.read()
        if connection is None:
            mine.close()
        return answer.status, json.loads(text) if text else None

    def log_in(self, email=ADMIN["ADMIN_EMAIL"], password=ADMIN["ADMIN_PASSWORD"]):
        status, answer = self.call("POST", "/mechanics/login", {"email": email, "password": password})
        assert status == 200, answer
        return answer["token"]

    def end(self, sign=signal.SIGTERM):
        """Send a signal, and return (exit code, seconds, what it printed, errors, processes that are left)."""
        below = children(self.process.pid)
        sent = time.monotonic()
        self.process.send_signal(sign)
        printed, errors = self.process.communicate(timeout=PATIENCE)
        seconds = time.monotonic() - sent
        left = [pid for pid in below if runs(pid)]
        return self.process.returncode, seconds, printed, errors, left


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def refused_start(folder, **settings):
    """What a start that fails says, on stdout and stderr; it must end by itself, with one line."""
    start = Start(folder, **settings)
    printed, errors = start.process.communicate(timeout=PATIENCE)
    assert start.process.returncode == 1, (printed, errors)
    assert len(errors.splitlines()) == 1, errors
    assert "Traceback" not in errors
    return printed, errors.strip()
