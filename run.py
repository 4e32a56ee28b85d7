"""Serve the shop: ``python run.py``. Flask's command line and WSGI servers find the app here: ``flask --app run …``.

This process watches the workers, and imports nothing of the app. ``app/startup/`` checks the settings and prepares
the database in processes of its own; granian's workers serve (``app/serving/worker.py``).
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from app.serving.metrics_server import serve_metrics
from app.serving.process import write_stdout

if TYPE_CHECKING:
    from flask import Flask


def create_app() -> "Flask":
    """Return the app with its commands, for Flask's command line, and for WSGI servers."""
    from app.commands import create_app as create  # Here, because this process stays small without it.

    return create()


def main() -> None:
    """Start the shop, and serve until SIGINT, SIGTERM or SIGHUP."""
    if not hasattr(os, "fork"):
        sys.exit("run.py needs Linux or macOS. Here, use: waitress-serve --listen=127.0.0.1:5000 --call run:create_app")
    from app.serving.server import serve  # Here, because other WSGI servers import this file, and need no granian.

    with ExitStack() as resources:
        place = run_startup(resources)
        if place["metrics_port"]:
            serve_metrics(place["address"], place["metrics_port"], resources)
        serve(**place)


def run_startup(resources: ExitStack) -> dict[str, Any]:
    """Check everything, prepare the database if necessary, and return where to serve. Exit if the shop can't start."""
    place = run_module("app.startup.checks")
    if place.pop("is_temporary"):  # Tests without a DATABASE_URL: all processes of this start share one.
        folder = resources.enter_context(TemporaryDirectory(prefix="shop-testing-"))
        os.environ["DATABASE_URL"] = f"sqlite:///{quote(folder)}/shop.db"
    if not place.pop("is_prepared"):
        run_module("app.startup.prepare")
    return place


def run_module(name: str) -> dict[str, Any]:
    """Run a module in a process of its own, and return its line of JSON. Pass its other lines on; exit if it fails."""
    found: dict[str, Any] = {}
    with subprocess.Popen([sys.executable, "-m", name], stdout=subprocess.PIPE, process_group=0) as process:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop(process))
        for line in process.stdout or ():
            if line.startswith(b'{"is_prepared":'):
                found = json.loads(line)
            else:
                write_stdout(line)
    if code := process.returncode:
        sys.exit(f"The startup was killed by signal {-code}" if code < 0 else code)
    return found


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Kill a startup process, and exit."""
    process.kill()
    sys.exit()


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent)
    main()
