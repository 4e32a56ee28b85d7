"""A pytest plugin for proofs: tests of races, kills and faults, in a short form or, with ``--full``, in full.

``make guarantees`` runs all proofs in full, one after the other, and writes their counts into docs/guarantees.md. A proof
reports its counts with ``proof.report(orders=2000, oversold=0)``.
"""

import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
PAGE = Path(__file__).parents[2] / "docs" / "guarantees.md"
REPORTS: list[tuple[str, str, float, dict[str, Any]]] = []
INTRODUCTION = """\
# Guarantees and their proofs

`make guarantees` generates this page. It runs the tests in `tests/races` and `tests/faults` in full, against real
servers. After each test, the invariants in `tests/support/invariants.py` must hold:

- The quantity of a part equals the sum of its movements and the balance of the last one.
- Each part on a ticket equals the net of its movements for that ticket.
- No quantity is negative.

Each check also runs against a sabotaged build as a control, and must fail there.
"""


class Proof:
    """A running proof: its sizes, and the counts that it reports."""

    def __init__(self, name: str, promise: str, *, full: bool) -> None:
        self.name, self.promise, self.full = name, promise, full
        self.figures: dict[str, Any] = {}

    def size(self, short: T, full: T) -> T:
        """Return ``full`` with ``--full``, else ``short``."""
        return full if self.full else short

    def report(self, **figures: Any) -> None:
        self.figures |= figures


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the proofs in full")
    parser.addoption("--write-guarantees", action="store_true", help="write their counts into docs/guarantees.md")


@pytest.fixture
def proof(request: pytest.FixtureRequest) -> Iterator[Proof]:
    """Record the counts of a proof and its time, for docs/guarantees.md."""
    function: Callable[..., Any] = request.function
    full = bool(request.config.getoption("--full"))
    promise = " ".join((function.__doc__ or function.__name__).split())
    running, started = Proof(request.node.name, promise, full=full), time.monotonic()
    yield running
    REPORTS.append((running.name, running.promise, time.monotonic() - started, running.figures))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if session.config.getoption("--write-guarantees") and REPORTS and exitstatus == 0:
        PAGE.write_text(page())


def first_line(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().split("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return "not installed"


def page() -> str:
    """Return docs/guarantees.md with the counts of this run."""
    versions = {
        "Python": platform.python_version(),
        **{name: version(name) for name in ("Flask", "SQLAlchemy", "granian", "psycopg", "PyMySQL", "redis")},
        "PostgreSQL": first_line("psql", "--version"),
        "MariaDB": first_line("mariadbd", "--version"),
        "PgBouncer": first_line("/usr/sbin/pgbouncer", "--version"),
        "Redis": first_line("redis-server", "--version"),
    }
    lines = [
        INTRODUCTION,
        f"Run on {datetime.now(UTC):%Y-%m-%d} at commit {first_line('git', 'rev-parse', '--short', 'HEAD')}, with:\n",
    ]
    lines += [f"- {name}: {number}" for name, number in versions.items()]
    lines += ["", "| proof | promise | seconds | result |", "| --- | --- | --- | --- |"]
    for name, promise, seconds, figures in REPORTS:
        result = ", ".join(f"{label.replace('_', ' ')} {value}" for label, value in figures.items())
        lines.append(f"| `{name}` | {promise} | {seconds:.0f} | {result} |")
    return "\n".join(lines) + "\n"
