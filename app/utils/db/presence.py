"""Notice other processes that serve the same database: without Redis, they share neither rate limits nor cache.

A process that serves holds a shared lock on a file that belongs to the database. If it can't have the lock exclusively, it
is not alone, and marks the file. The others look at the mark at each request, before they use their caches. The kernel
releases the lock of a process that ends.
"""

import hashlib
import logging
import os
import tempfile
import threading
import time
from functools import cache

from sqlalchemy import URL

try:
    import fcntl
except ImportError:  # Windows: there, other processes are not noticed.
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0  # The interval at which a process that is not alone checks whether it is alone again.
WARNING = (
    "Another process serves this database, and REDIS_URL is not set: each process counts rate limits of its own, and the "
    "inventory is not cached. Set REDIS_URL, or serve with one process"
)


class Presence:
    """The lock of this process on the file of a database."""

    def __init__(self, path: str) -> None:
        self.path, self.file = path, -1
        self.is_alone = True
        self.generation = 0
        """Counts the times that this process was alone again: what it cached before may be stale."""
        self._process = 0
        self._looked_at = 0.0
        self._mutex = threading.Lock()

    def refresh(self) -> None:
        """Update ``is_alone``. Call at the start of each request: a fork of this process takes a lock of its own."""
        if self._process == os.getpid():
            is_marked = self.file < 0 or os.fstat(self.file).st_size > 0
            if not is_marked or (not self.is_alone and time.monotonic() - self._looked_at <= LOOK_SECONDS):
                return
        with self._mutex:
            self._update()

    def _update(self) -> None:
        is_alone, warning = False, WARNING
        try:
            is_alone = self._try_alone()
        except OSError as error:  # Other processes can't be noticed: nothing is cached.
            warning = f"The inventory is not cached, because {self.path} can't be locked: {error.strerror}"
        if self.is_alone and not is_alone:
            log.warning(warning)
        if is_alone and not self.is_alone:
            self.generation += 1
        self.is_alone, self._process, self._looked_at = is_alone, os.getpid(), time.monotonic()

    def _try_alone(self) -> bool:
        """Take the shared lock, and return whether the exclusive lock was free, too. Mark the file if not."""
        if self.file < 0:
            self.file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        fcntl.lockf(self.file, fcntl.LOCK_SH)
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            os.ftruncate(self.file, 1)
            return False
        os.ftruncate(self.file, 0)
        fcntl.lockf(self.file, fcntl.LOCK_SH)
        return True


presence_at = cache(Presence)  # One for each file: two files of a process would end each other's locks.


def presence_of(url: URL) -> Presence | None:
    """Return the presence at a database, or None if this system has no such locks."""
    if fcntl is None:
        return None
    if url.get_backend_name() == "sqlite":
        return presence_at(f"{url.database}.serving")
    # The other databases have no file here. Processes on another machine are not noticed.
    name = hashlib.sha256(url.set(username=None, password=None).render_as_string().encode()).hexdigest()[:16]
    return presence_at(f"{tempfile.gettempdir()}/mymechanicshop-{name}.serving")
