"""Proofs: tests that race, kill and break, in a short form or, with ``--full``, in the form that is written down.

A pytest plugin. ``make guarantees`` runs all proofs in full, one after the other, and writes docs/guarantees.md with
what was counted. A proof says what it saw with ``proof.saw(orders=2000, oversold=0)``.
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
SEEN: list[tuple[str, str, float, dict[str, Any]]] = []
INTRODUCTION = """\
# What this shop guarantees, and how that was shown

Written by `make guarantees`, which runs the programs of `tests/races` and `tests/faults` in full, each against real
servers. After each of them the invariants of `tests/invariants.py` must hold: a quantity is the sum of its movements
and the last balance, a ticket's line the net of its movements, nothing is negative. Each checker has a control of
its own that runs against a sabotaged build, and must find it out.
"""


class Proof:
    """What a proof may ask and say."""

    def __init__(self, name: str, promise: str, *, full: bool) -> None:
        self.name, self.promise, self.full = name, promise, full
        self.figures: dict[str, Any] = {}

    def size(self, short: T, full: T) -> T:
        """How much of something: in the short form that CI runs, or in full."""
        return full if self.full else short

    def saw(self, **figures: Any) -> None:
        self.figures |= figures


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the proofs in full")
    parser.addoption("--write-guarantees", action="store_true", help="write down in docs/guarantees.md what they saw")


@pytest.fixture
def proof(request: pytest.FixtureRequest) -> Iterator[Proof]:
    """Say what was seen; it is written down where the proof holds and is run in full."""
    function: Callable[..., Any] = request.function
    full = bool(request.config.getoption("--full"))
    promise = " ".join((function.__doc__ or function.__name__).split())
    made, began = Proof(request.node.name, promise, full=full), time.monotonic()
    yield made
    SEEN.append((made.name, made.promise, time.monotonic() - began, made.figures))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if session.config.getoption("--write-guarantees") and SEEN and exitstatus == 0:
        PAGE.write_text(page())


def first_line(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().split("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return "not there"


def page() -> str:
    """The page as this run saw it."""
    versions = {
        "Python": platform.python_version(),
        **{name: version(name) for name in ("Flask", "SQLAlchemy", "granian", "psycopg", "PyMySQL", "redis")},
        "PostgreSQL": first_line("psql", "--version"),
        "MariaDB": first_line("mariadbd", "--version"),
        "Redis": first_line("redis-server", "--version"),
    }
    lines = [
        INTRODUCTION,
        f"Run on {datetime.now(UTC):%Y-%m-%d} at commit {first_line('git', 'rev-parse', '--short', 'HEAD')}, with:\n",
    ]
    lines += [f"- {name}: {found}" for name, found in versions.items()]
    lines += ["", "| proof | what it must show | seconds | what was seen |", "| --- | --- | --- | --- |"]
    for name, promise, seconds, figures in SEEN:
        seen = ", ".join(f"{what.replace('_', ' ')} {count}" for what, count in figures.items())
        lines.append(f"| `{name}` | {promise} | {seconds:.0f} | {seen} |")
    return "\n".join(lines) + "\n"
