"""WSGI servers as on PythonAnywhere, Render and Heroku, over a database that nobody has prepared."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from app import create_app
from app.extensions import db
from config import Settings
from tests.support import services
from tests.support.environment import ENVIRONMENT
from tests.support.operations.document import block, substitute
from tests.support.start import ADMIN, SECRET, TIMEOUT, Start, copy_of_the_shop, free_port

HEADING = "On a WSGI host"
PROGRAMS = Path(sys.executable).parent
FILE = block(HEADING, "python")


def gunicorn(port, factory="run:create_app()"):
    words = shlex.split(block(HEADING, "procfile").removeprefix("web: ").replace("$PORT", str(port)))
    return [str(PROGRAMS / words[0]), *words[1:-1], factory]


def waitress(port, factory="run:create_app"):
    words = shlex.split(substitute(block(HEADING, "sh"), {"5000": str(port)}))
    return [str(PROGRAMS / words[0]), *words[1:-1], factory]


def flask(port, app="run"):
    return [sys.executable, "-m", "flask", "--app", app, "run", "--port", str(port)]


def wsgi_file(port):
    return [str(PROGRAMS / "gunicorn"), "--bind", f"127.0.0.1:{port}", "wsgi_file:application"]


@pytest.fixture
def folder(tmp_path):
    folder = copy_of_the_shop(tmp_path)
    (folder / "wsgi_file.py").write_text(substitute(FILE, {"/home/ann/shop": str(folder)}))
    return folder


@pytest.mark.parametrize("command", [gunicorn, waitress, flask, wsgi_file])
def test_server_prepares_an_empty_database(folder, command):
    for _ in range(2):
        port = free_port()
        with Start(folder, command(port), PORT=port, **SECRET, **ADMIN) as shop:
            token = shop.log_in()
            status, found = shop.call("GET", "/mechanics", token=token)
            assert (status, [each["email"] for each in found]) == (200, ["ann@example.com"])


def test_several_workers_prepare_a_database_once(folder):
    port = free_port()
    command = [*gunicorn(port)[:-1], "--workers", "3", "run:create_app()"]
    with Start(folder, command, PORT=port, **SECRET, **ADMIN) as shop:
        assert len(shop.call("GET", "/mechanics", token=shop.log_in())[1]) == 1
        shop.process.terminate()
        printed, _ = shop.process.communicate(timeout=TIMEOUT)
    assert printed.count("The first admin is") == 1


@pytest.mark.parametrize("command", [gunicorn, waitress, flask, wsgi_file])
@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"APP_ENV": "production"}, "DATABASE_URL: must be set where APP_ENV is production"),
        ({"DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/shop"}, "DATABASE_URL: postgresql+psycopg://u:***@127.0.0.1:1"),
        ({"REDIS_URL": "redis://:hunter2@127.0.0.1:1"}, "REDIS_URL: redis://127.0.0.1:1 can't be used"),
    ],
)
def test_shop_that_cannot_start_ends_the_server_with_one_line(folder, command, settings, line):
    start = Start(folder, command(free_port()), **SECRET | settings, WEB_CONCURRENCY="1")
    printed, errors = start.process.communicate(timeout=30)
    assert start.process.returncode != 0
    assert [each for each in errors.splitlines() if each.startswith(line)], errors
    assert "Traceback" not in errors + printed
    assert "hunter2" not in errors + printed


@pytest.mark.parametrize(("command", "factory"), [(gunicorn, "app:create_app()"), (waitress, "app:create_app"), (flask, "app")])
def test_app_over_an_empty_database_fails_with_a_hint(folder, command, factory):
    port = free_port()
    start = Start(folder, command(port, factory), PORT=port, **SECRET)
    with pytest.raises(AssertionError):
        start.wait_until_it_serves()
    assert start.call("GET", "/health/ready")[0] == 503
    assert start.call("POST", "/customers/login", {"email": "a@example.com", "password": "12345678"})[0] == 503
    start.process.terminate()
    _, errors = start.process.communicate(timeout=TIMEOUT)
    assert "If this shop has never started: serve with `python run.py`" in errors


def test_missing_table_is_reported_as_an_unprepared_database(database, worker_id, caplog):
    name = f"shop_bare_{worker_id}"
    app = create_app(Settings.load(ENVIRONMENT | {"DATABASE_URL": services.fresh_database(database, name)}))
    response = app.test_client().post("/customers/login", json={"email": "a@example.com", "password": "12345678"})
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()
    services.drop_database(database, name)
    assert (response.status_code, response.json["title"]) == (503, "Service Unavailable")
    assert "serve with `python run.py`" in caplog.text


@pytest.mark.parametrize("words", [["check"], ["routes"], ["--help"]])
def test_command_prepares_nothing(folder, words):
    result = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "run", *words],
        cwd=folder, env=SECRET, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in result.stderr
    assert not (folder / "instance" / "shop.db").exists()
