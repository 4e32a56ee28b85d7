"""Serves the shop: ``python run.py``. For ``flask --app run …`` it offers the app factory.

This process only watches: it stays small by importing nothing of the app. What reads the settings and makes the database
ready is a process of its own that ends, and the workers that serve are granian's: they import the app meanwhile, and wait
at a gate. Whatever keeps the shop from starting is one line and a non-zero exit.
"""

import fcntl
import gc
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask


MOST_CONNECTIONS, MOST_FILES = 10_000, 10_240
"""Of a worker, idle ones too: granian takes 1,024 unless it is told otherwise, and then no new one. macOS lets nobody open
more files than that."""
PARENT_DEATH_SIGNAL, MMAP_THRESHOLD, MEBIBYTE = 1, -3, 1024 * 1024
"""PR_SET_PDEATHSIG of Linux's prctl(2), and M_MMAP_THRESHOLD of glibc's mallopt(3)."""
PROCESSORS = "SHOP_PROCESSORS"
"""Names the file in which each worker locks the byte of the processor that it runs on."""
GATE = "SHOP_GATE"
"""The two ends of a pipe that is open until all is ready: a worker, forked with both, reads until it ends."""
TERMINATION_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def create_app() -> "Flask":
    """The app with the settings of the environment, for Flask's command line; it can migrate the database, too."""
    from app import create_app as factory
    from app.preparation import migrate
    from app.utils.extensions import db
    from config import BadSetting

    try:
        app = factory()
    except BadSetting as error:
        sys.exit(str(error))
    migrate.init_app(app, db)
    return app


def create_worker() -> "Flask":
    """The app in a worker, which ends with the process that watches, even where that one is killed."""
    if sys.platform == "linux":
        import ctypes

        libc = ctypes.CDLL(None)
        libc.prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)
        if hasattr(libc, "mallopt"):  # Else the heap keeps the 19 MiB of a password check: unset, the threshold grows.
            libc.mallopt(MMAP_THRESHOLD, MEBIBYTE)
    stand_apart()  # It has already where it was forked.
    take_processor()
    # What is imported stays, with what little garbage it holds: the collector need not search it, now or later.
    gc.disable()
    from app import create_app as factory

    import_module("app.commands")  # And with it most of what an app consists of.
    wait_at_gate()
    app = factory()
    gc.freeze()
    gc.enable()
    return app


def stand_apart() -> None:
    """What a worker does first: Ctrl-C reaches only the process that watches, and that one ends the worker, at once where
    it has not begun to serve."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINATION_SIGNALS)


def wait_at_gate() -> None:
    """Return when all is ready. A worker reads no setting before, nor anything else that might be refused."""
    if GATE in os.environ:
        reading, writing = map(int, os.environ[GATE].split())
        os.close(writing)
        os.read(reading, 1)
    watching = multiprocessing.parent_process()
    if watching and watching.pid != os.getppid():
        sys.exit(1)  # It was killed before this process asked to end with it.


def take_processor() -> None:
    """Stay on a processor that no other worker has, where each is to have one. What a lock is of is free again when its
    worker has ended, however it did."""
    if PROCESSORS not in os.environ:
        return
    with suppress(OSError):  # The system places it, then.
        file = os.open(os.environ[PROCESSORS], os.O_RDWR)  # Open for good: to close it would end the lock.
        for number in sorted(os.sched_getaffinity(0)):
            with suppress(BlockingIOError):  # Another has it.
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
                os.sched_setaffinity(0, {number})
                return


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # Ignored by who started this, it would hide how a process ended.
    for each in TERMINATION_SIGNALS:
        signal.signal(each, lambda *_: sys.exit())
    start = [sys.executable, "-c", "import gc; gc.disable(); from app.begin import main; main()"]
    with ExitStack() as ending:
        preparing = subprocess.Popen(start, stdout=subprocess.PIPE, process_group=0)
        ending.callback(preparing.wait)
        ending.callback(preparing.kill)
        import_module("granian")
        place = preparing.stdout.readline().decode().split() if preparing.stdout else []
        if not place:
            sys.exit(exit_reason(preparing.wait()))
        host, address, port, workers, metrics_port = place
        if int(metrics_port):
            from tempfile import TemporaryDirectory

            serve_metrics(address, int(metrics_port), ending.enter_context(TemporaryDirectory(prefix="shop-metrics-")))
        serve(host, address, int(port), int(workers), preparing)


def exit_reason(code: int | None) -> int | str:
    """What to exit with where the shop was not told to end: a line, where what prepares could not say it itself."""
    return f"What prepares the database was killed by signal {-code}" if code and code < 0 else 1


def serve_metrics(address: str, port: int, folder: str) -> None:
    """Serve to Prometheus the sum of what all workers count into a folder, from a thread of this process."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.multiprocess import MultiProcessCollector

    class OfTheLiving(MultiProcessCollector):
        """Without what a worker that has died held last."""

        def collect(self) -> Any:
            for path in Path(folder).glob("gauge_live*.db"):
                if not Path(f"/proc/{path.stem.rpartition('_')[2]}").exists():
                    path.unlink(missing_ok=True)
            return super().collect()  # type: ignore[no-untyped-call]

    registry = CollectorRegistry()
    OfTheLiving(registry)  # type: ignore[no-untyped-call]
    start_http_server(port, address, registry)


def raise_open_files() -> None:
    """Let this process and its workers open a file for each connection, as far as the system allows: a service is often
    given 1,024 to begin with."""
    given, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if allowed == resource.RLIM_INFINITY else min(MOST_FILES, allowed)
    if given != resource.RLIM_INFINITY and given < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, allowed))


def share_processors(workers: int) -> None:
    """Give each worker a processor of its own where there are as many (``docs/decisions/16``). Fewer workers, or more, the
    system places better."""
    os.environ.pop(PROCESSORS, None)
    if sys.platform == "linux" and 1 < workers == len(os.sched_getaffinity(0)):
        with suppress(AttributeError, OSError):  # A Python that was built for an old system makes no such file.
            os.environ[PROCESSORS] = f"/proc/{os.getpid()}/fd/{os.memfd_create('processors')}"


def close_gate() -> int | None:
    """Have the workers wait until the file that this returns is closed; nothing where they are not forked."""
    os.environ.pop(GATE, None)
    if multiprocessing.get_start_method() != "fork":
        return None
    reading, writing = os.pipe()
    os.environ[GATE] = f"{reading} {writing}"
    return writing


def announce(preparing: subprocess.Popen[bytes], gate: int | None, url: str, interrupt: Callable[[], None]) -> None:
    """Pass on what is said while all is made ready, and then open the gate and say where the shop serves; interrupt the
    server where it can't be."""
    ready = False
    try:
        with preparing:
            for line in preparing.stdout or ():
                say(line)
        ready = preparing.returncode == 0
        if ready and gate is not None:
            del os.environ[GATE]  # A worker that is forked from now on need not wait.
            os.close(gate)
    finally:
        if not ready:
            interrupt()
    if ready:
        say(f"MyMechanicShop serves at {url}\n  docs      {url}/docs\n  try next  curl {url}/health/ready\n".encode())


def say(text: bytes) -> None:
    """Write to stdout, past Python's buffer, which a fork would copy; nothing where nobody reads it any more."""
    with suppress(OSError):
        os.write(1, text)


def serve(host: str, address: str, port: int, workers: int, preparing: subprocess.Popen[bytes]) -> None:
    """Serve when all is ready, until SIGINT, SIGTERM, or the terminal is closed; a worker that dies is replaced. Exit where
    the shop can't start."""
    from granian import Granian
    from granian.constants import Interfaces

    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    raise_open_files()
    share_processors(workers)
    server: Any = Granian(
        "run:create_worker",
        factory=True,
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=3,
        backpressure=MOST_CONNECTIONS,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
        log_level="warning",  # type: ignore[arg-type]
    )
    gate = close_gate()
    announcing = Thread(target=announce, args=(preparing, gate, url, server.signal_handler_interrupt), daemon=True)
    announcing.start()
    if gate is None:
        announcing.join()
    told = handle_signals(server)
    gc.freeze()  # What the collector does not look through in a worker stays shared with this process.
    if not server.interrupt_signal:
        with suppress(SystemExit):  # So it ends, too, where a worker was told to end before it told it.
            server.serve()
    if not told:
        sys.exit(exit_reason(preparing.poll()))


def handle_signals(server: Any) -> list[int]:
    """Have the server end by each signal that asks for it, and return those that have come. One that comes while a worker is
    forked waits until the worker can hear it, instead of getting lost there."""
    told: list[int] = []
    interrupt = server.signal_handler_interrupt

    def end(sign: int, _frame: Any) -> None:
        told.append(sign)
        interrupt()

    server.signal_handler_interrupt = server.signal_handler_reload = end  # There is nothing to reload.
    for each in (*TERMINATION_SIGNALS, signal.SIGHUP):
        signal.signal(each, end)
    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, TERMINATION_SIGNALS),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINATION_SIGNALS),
        after_in_child=stand_apart,
    )
    return told


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent)
    main()
