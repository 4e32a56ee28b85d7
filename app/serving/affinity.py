"""A processor for each worker: 1.1 to 1.5 times the requests with two workers (docs/decisions/16).

Each worker holds a record lock on one byte of a shared file for its processor. The kernel releases the lock when the
worker ends, so that its replacement finds the processor free.
"""

import os
import sys
from contextlib import suppress

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None  # type: ignore[assignment]

LOCK_FILE = "SHOP_PROCESSORS"  # The environment variable that names the file of the locks.


def share_processors(workers: int) -> None:
    """Let each worker pin itself, if there are as many workers as processors. Else the kernel places them better."""
    os.environ.pop(LOCK_FILE, None)
    if sys.platform == "linux" and 1 < workers == len(os.sched_getaffinity(0)):
        with suppress(AttributeError, OSError):  # memfd_create() needs glibc 2.27.
            os.environ[LOCK_FILE] = f"/proc/{os.getpid()}/fd/{os.memfd_create('processors')}"


def pin_to_processor() -> None:
    """Pin this worker to the first processor that no other worker has locked."""
    if fcntl is None or LOCK_FILE not in os.environ:
        return
    with suppress(OSError):  # Not pinned: the kernel places the worker.
        file = os.open(os.environ[LOCK_FILE], os.O_RDWR)  # Stays open: closing it would release the lock.
        for processor in sorted(os.sched_getaffinity(0)):
            with suppress(BlockingIOError):  # Another worker has this processor.
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, processor)
                os.sched_setaffinity(0, {processor})
                return
