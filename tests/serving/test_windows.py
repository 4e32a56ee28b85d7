"""Systems without ``fcntl``, ``resource`` and ``fork``: the factory works, and ``run.py`` names a server.

The tests take away what Windows lacks."""

import os
import subprocess
import sys

import pytest

from tests.support.start import SECRET, copy_of_the_shop

WITHOUT = """
import os, signal, sys
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
for module, names in {os: "fork register_at_fork sched_getaffinity setpgid memfd_create O_NOFOLLOW", signal: "SIGHUP"}.items():
    for name in names.split():
        delattr(module, name)
"""
CLIENT = """
from app import create_app
from app.models import db
app = create_app("TestingConfig")
with app.app_context():
    db.drop_all()
    db.create_all()
"""
PREPARED = """
import run
app = run.create_app()
"""
REGISTER = """
response = app.test_client().post("/customers", json={"name": "Bea", "email": "bea@example.com", "password": "12345678"})
print(response.status_code, app.test_client().get("/inventory").status_code)
"""


@pytest.fixture
def python(tmp_path):
    """Run code in a fresh clone, on a system without fcntl and the like."""
    folder = copy_of_the_shop(tmp_path)

    def run(code):
        return subprocess.run(
            [sys.executable, "-c", WITHOUT + code],
            cwd=folder,
            env={"PATH": os.environ["PATH"], **SECRET},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.mark.parametrize("code", [CLIENT, PREPARED])
def test_app_and_client_work(python, code):
    result = python(code + REGISTER)
    assert result.stdout.splitlines()[-1:] == ["201 401"], result.stderr
    assert "Traceback" not in result.stderr


def test_run_names_another_server(python):
    result = python("import run; run.main()")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("run.py needs Linux or macOS. Here, use: waitress-serve ")
    assert len(result.stderr.splitlines()) == 1


def test_waitress_serves(python):
    code = """
import threading, time, urllib.request
from waitress import create_server
import run
server = create_server(run.create_app(), port=0)
threading.Thread(target=server.run, daemon=True).start()
print(urllib.request.urlopen(f"http://127.0.0.1:{server.effective_port}/health/ready").status)
"""
    result = python(code)
    assert result.stdout.splitlines()[-1:] == ["200"], result.stderr
