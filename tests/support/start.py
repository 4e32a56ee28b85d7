"""Start the shop as a user does: ``python run.py`` in a copy of the repository, on a real port."""

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
from tests.support.environment import LIMITS

TIMEOUT = 60
"""Seconds for a start on a busy machine."""
SECRET = {"SECRET_KEY": "a secret of more than thirty-two bytes"}
ADMIN = {"ADMIN_EMAIL": "ann@example.com", "ADMIN_PASSWORD": "correct horse battery"}
NO_LIMITS = dict.fromkeys(LIMITS, "")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def copy_of_the_shop(folder):
    """Copy app/, run.py and config.py into a folder, without .env and instance/."""
    shutil.copytree(ROOT / "app", folder / "app")
    for name in ("run.py", "config.py"):
        shutil.copy2(ROOT / name, folder)
    return folder


def children(pid):
    """Return the running descendants of a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # The process has just ended.
        if int(parent) == pid and state != "Z":
            found += [int(stat.parent.name), *children(int(stat.parent.name))]
    return found


def memory(pid):
    """Return MiB of a process and its children: proportional set size, and private dirty pages. Only the latter do not
    depend on other processes that share pages."""
    pages = [Path(f"/proc/{each}/smaps_rollup").read_text() for each in (pid, *children(pid))]
    lines = [line.split() for page in pages for line in page.splitlines()[1:]]
    return [sum(int(size) for name, size, *_ in lines if name == kind) / 1024 for kind in ("Pss:", "Private_Dirty:")]


class Start:
    """One start of the shop. ``with Start(folder, …) as shop`` waits until it serves, and kills its processes at the end."""

    def __init__(self, folder, command=None, **settings):
        self.port = settings.setdefault("PORT", free_port())
        settings.setdefault("LOG_LEVEL", "WARNING")  # So that a good start prints nothing on stderr.
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
            with suppress(ProcessLookupError):  # Already ended.
                os.kill(pid, signal.SIGKILL)
        self.process.communicate()

    def wait_until_it_serves(self):
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                assert self.call("GET", "/health/ready")[0] == 200
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.process.kill()
                    raise AssertionError(f"the shop does not serve: {self.process.communicate()}") from None
                time.sleep(0.02)
            else:
                return

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", int(self.port), timeout=TIMEOUT)

    def call(self, method, path, body=None, token=None, connection=None):
        """Send a request, and return (status, parsed body)."""
        client = connection or self.connect()
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        client.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = client.getresponse()
        text = response.read()
        if connection is None:
            client.close()
        return response.status, json.loads(text) if text else None

    def log_in(self, email=ADMIN["ADMIN_EMAIL"], password=ADMIN["ADMIN_PASSWORD"]):
        status, body = self.call("POST", "/mechanics/login", {"email": email, "password": password})
        assert status == 200, body
        return body["token"]

    def end(self, sign=signal.SIGTERM):
        """Send a signal, and return (exit code, seconds, stdout, stderr, ids of processes that still run)."""
        processes = children(self.process.pid)
        sent = time.monotonic()
        self.process.send_signal(sign)
        printed, errors = self.process.communicate(timeout=TIMEOUT)
        seconds = time.monotonic() - sent
        left = [pid for pid in processes if runs(pid)]
        return self.process.returncode, seconds, printed, errors, left


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def refused_start(folder, **settings):
    """Return stdout and stderr of a start that must fail by itself, with one line of error."""
    start = Start(folder, **settings)
    printed, errors = start.process.communicate(timeout=TIMEOUT)
    assert start.process.returncode == 1, (printed, errors)
    assert len(errors.splitlines()) == 1, errors
    assert "Traceback" not in errors
    return printed, errors.strip()
