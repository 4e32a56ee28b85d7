"""Serves the shop: ``python run.py``. For ``flask --app run …`` it offers the app factory.

This process stays small: what prepares the database runs in a process of its own that ends, and the workers that
serve are granian's. Whatever keeps the shop from starting is one line and a non-zero exit.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from config import Settings


def create_app() -> "Flask":
    """The app with the settings of the environment, for granian's workers and Flask's command line."""
    from app import create_app as factory

    return factory()


def require_free(host: str, port: int) -> None:
    """End with one line where nobody could listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(f"{host}:{port} can't be listened on: {error.strerror}. Set HOST or PORT.")


def main() -> None:
    from config import BadSetting
    from config import Settings as AnySettings

    try:
        settings = AnySettings.load()
    except BadSetting as error:
        sys.exit(str(error))
    require_free(settings.HOST, settings.PORT)
    prepared = subprocess.run([sys.executable, "-m", "app.start"], check=False)
    if prepared.returncode:
        sys.exit(prepared.returncode)
    serve(settings)


def serve(settings: "Settings") -> None:
    """Serve until SIGINT or SIGTERM; a worker that dies is replaced."""
    from granian import Granian
    from granian.constants import Interfaces

    host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
    url = f"http://{'localhost' if settings.HOST == '127.0.0.1' else host}:{settings.PORT}"
    print(f"MyMechanicShop serves at {url}\n  docs      {url}/docs\n  try next  curl {url}/health/ready", flush=True)
    Granian(
        "run:create_app",
        factory=True,
        address=settings.HOST,
        port=settings.PORT,
        interface=Interfaces.WSGI,
        workers=settings.WEB_CONCURRENCY,
        blocking_threads=2,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
        log_level="warning",  # type: ignore[arg-type]
    ).serve()


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent)
    main()
