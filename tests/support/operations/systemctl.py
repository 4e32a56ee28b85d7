"""A stand-in for systemctl, which restarts and stops units ``shop@PORT`` as systemd would: by SIGTERM, and then anew from
their settings and the code that the link shows to. systemd itself is no part of a test machine."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

FLEET = Path(os.environ["FLEET"])


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def stop(note: Path) -> None:
    if note.exists() and runs(pid := int(note.read_text())):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 20
        while runs(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        if runs(pid):
            os.killpg(pid, signal.SIGKILL)
            raise SystemExit("it did not stop in 20 seconds")


def start(note: Path, port: str) -> None:
    settings = dict(line.split("=", 1) for line in (FLEET / "shop.env").read_text().splitlines())
    settings |= {"APP_ENV": "production", "PORT": port, "LOG_LEVEL": "WARNING", "PATH": os.environ["PATH"]}
    with (FLEET / f"{port}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "run.py"], cwd=(FLEET / "shop").resolve(), env=settings,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    note.write_text(str(process.pid))


def main() -> None:
    verb, *units = sys.argv[1:]
    for unit in units:
        port = unit.partition("@")[2]
        note = FLEET / f"{port}.pid"
        stop(note)
        if verb == "restart":
            start(note, port)


if __name__ == "__main__":
    main()
