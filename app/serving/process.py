"""Set up a serving process in the operating system: open files, signals, memory, standard output."""

import ctypes
import os
import signal
import sys
from contextlib import suppress

try:
    import resource
except ImportError:  # Windows.
    resource = None  # type: ignore[assignment]

MAX_CONNECTIONS, MAX_FILES = 10_000, 10_240
"""Connections of a worker, with idle ones. macOS allows no more open files than this."""
PR_SET_PDEATHSIG, M_MMAP_THRESHOLD, MEBIBYTE = 1, -3, 1024 * 1024  # prctl(2) and mallopt(3).


def raise_open_files() -> None:
    """Allow this process and its workers a file for each connection: a service often starts with 1,024."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(MAX_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def reset_signals() -> None:
    """End at once by SIGTERM until granian handles signals, and leave Ctrl-C to the process that watches."""
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def end_with_parent(parent: int) -> None:
    """Receive SIGTERM when the parent process dies, even if it is killed. Exit if it is dead already."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)


def return_large_blocks() -> None:
    """Return the 19 MiB of a password check to the system: by default glibc keeps them in the heap."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, MEBIBYTE)


def write_stdout(text: bytes) -> None:
    """Write past Python's buffer, which a fork would copy. A closed pipe ends nothing."""
    with suppress(OSError):
        os.write(1, text)
