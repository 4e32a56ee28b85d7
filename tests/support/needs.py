"""What a proof can't do without; where that is not there it is skipped, and with REQUIRE_SERVICES=1 it fails."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.support.servers import postgresql_folder
from tests.support.services import REQUIRED, answers

SERVERS = {"postgres": "postgresql", "mariadbd": "mariadb", "redis-server": "redis"}


def is_there(program):
    places = f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/usr/local/bin:{postgresql_folder()}"
    return Path(program).exists() if program.startswith("/") else shutil.which(program, path=places) is not None


def is_wanted(program):
    """Whether the run is on the service that a program is the server of: without any it is on SQLite alone, and short."""
    return program not in SERVERS or answers(SERVERS[program])


def needs(*programs):
    """A mark for a proof that starts these programs, each a name or a path."""
    absent = [program for program in programs if not is_there(program) or not is_wanted(program)]
    return pytest.mark.skipif(bool(absent) and not REQUIRED, reason=f"not on this machine: {', '.join(absent)}")
