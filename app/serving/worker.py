"""The app in a worker process of granian: the target that ``server.py`` names."""

import multiprocessing
import os
from typing import TYPE_CHECKING

from app import create_app
from app.serving import affinity, process

if TYPE_CHECKING:  # Flask is imported when the signals are reset: until then, SIGTERM is granian's, and does not end a worker.
    from app.utils.context import ShopFlask


def create_worker() -> "ShopFlask":
    """Return the app, in a worker that ends with the process that watches it."""
    process.reset_signals()
    watching = multiprocessing.parent_process()
    process.end_with_parent(watching.pid if watching and watching.pid else os.getppid())
    process.return_large_blocks()
    affinity.pin_to_processor()
    app = create_app()
    if app.presence:
        app.presence.refresh()  # Before the first request, so that a second shop warns when it starts.
    return app
