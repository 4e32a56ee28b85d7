"""Serve with granian: its master process watches the workers, and replaces one that dies."""

import signal
from typing import Any

from granian import Granian

from app.serving.affinity import share_processors
from app.serving.process import MAX_CONNECTIONS, raise_open_files, write_stdout


def serve(url: str, address: str, port: int, workers: int, **place: Any) -> None:
    """Serve with granian, which replaces a worker that dies."""
    raise_open_files()
    share_processors(workers)
    server = Granian(
        "app.serving.worker:create_worker",
        factory=True,
        address=address,
        port=port,
        interface="wsgi",  # type: ignore[arg-type]
        workers=workers,
        blocking_threads=3,
        backpressure=MAX_CONNECTIONS,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
        log_level="warning",  # type: ignore[arg-type]
    )
    server.on_startup(lambda: signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM)))
    links = f"MyMechanicShop serves at {url}\n  docs      {url}/docs\n  try next  curl {url}/health/ready\n"
    write_stdout((place["database"] + links).encode())
    server.serve()
