"""Skip a test if a program is not installed; with REQUIRE_SERVICES=1, let it fail instead."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.support.servers import postgresql_folder
from tests.support.services import REQUIRED, is_available

SERVERS = {"postgres": "postgresql", "mariadbd": "mariadb", "redis-server": "redis"}


def is_installed(program):
    paths = f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/usr/local/bin:{postgresql_folder()}"
    return Path(program).exists() if program.startswith("/") else shutil.which(program, path=paths) is not None


def is_selected(program):
    """Return False for a server whose service is not part of this run, to keep runs on SQLite short."""
    return program not in SERVERS or is_available(SERVERS[program])


def needs(*programs):
    """Return a skip mark for a test that starts these programs, given by name or path."""
    missing = [program for program in programs if not is_installed(program) or not is_selected(program)]
    return pytest.mark.skipif(bool(missing) and not REQUIRED, reason=f"not installed or not in this run: {', '.join(missing)}")
