"""A replacement for systemctl on machines without systemd: restart or stop units ``shop@PORT``.

A unit is stopped by SIGTERM and started from shop.env with the code of the deployed version.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

FLEET = Path(os.environ["FLEET"])


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def stop(pid_file: Path) -> None:
    if pid_file.exists() and is_running(pid := int(pid_file.read_text())):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 20
        while is_running(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        if is_running(pid):
            os.killpg(pid, signal.SIGKILL)
            raise SystemExit("the unit did not stop in 20 seconds")


def start(pid_file: Path, port: str) -> None:
    settings = dict(line.split("=", 1) for line in (FLEET / "shop.env").read_text().splitlines())
    settings |= {"APP_ENV": "production", "PORT": port, "LOG_LEVEL": "WARNING", "PATH": os.environ["PATH"]}
    with (FLEET / f"{port}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "run.py"], cwd=(FLEET / "shop").resolve(), env=settings,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    pid_file.write_text(str(process.pid))


def main() -> None:
    verb, *units = sys.argv[1:]
    for unit in units:
        port = unit.partition("@")[2]
        pid_file = FLEET / f"{port}.pid"
        stop(pid_file)
        if verb == "restart":
            start(pid_file, port)


if __name__ == "__main__":
    main()
