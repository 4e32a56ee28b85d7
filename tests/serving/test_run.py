"""The start, as real processes on real ports: python run.py."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time

import pytest
from sqlalchemy import create_engine, text

from config import database_url
from tests.support import services
from tests.support.start import ADMIN, SECRET, Start, children, copy_of_the_shop, free_port, refused_start, runs

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path):
    """A fresh clone, on a machine without settings."""
    (tmp_path / "shop").mkdir()
    return copy_of_the_shop(tmp_path / "shop")


def test_the_first_start_makes_everything_and_the_second_finds_it_as_it_was(folder):
    with Start(folder) as first:
        status, answer = first.call("POST", "/customers", {"name": "Bea", "email": "bea@example.com", "password": "12345678"})
        assert (status, answer["id"]) == (201, 1)
        code, _, printed, errors, left = first.end()
    assert (code, errors, left) == (0, "", [])
    [password] = re.findall(
        r"^The first admin is admin@example\.com, password (\S+) \(shown this once\)\.$", printed, re.MULTILINE
    )
    url = f"http://localhost:{first.port}"
    for line in (f"serves at {url}", f"docs      {url}/docs", f"try next  curl {url}/health/ready"):
        assert line in printed
    assert sorted(path.name for path in (folder / "instance").iterdir()) == ["secret_key", "shop.db", "shop.db.lock"]
    secret = (folder / "instance" / "secret_key").read_text()

    with Start(folder) as second:
        token = second.log_in("admin@example.com", password)
        status, found = second.call("GET", "/customers", token=token)
        assert (status, [each["name"] for each in found]) == (200, ["Bea"])
        assert len(second.call("GET", "/mechanics", token=token)[1]) == 1
        code, _, printed, errors, left = second.end()
    assert (code, errors, left) == (0, "", [])
    assert "admin" not in printed
    assert password not in printed
    assert (folder / "instance" / "secret_key").read_text() == secret


def test_the_first_admin_is_the_one_of_the_settings_and_their_password_is_not_printed(folder):
    with Start(folder, **SECRET, **ADMIN) as shop:
        shop.log_in()
        code, _, printed, errors, _ = shop.end()
    assert (code, errors) == (0, "")
    assert "The first admin is ann@example.com, with the password of ADMIN_PASSWORD." in printed
    assert ADMIN["ADMIN_PASSWORD"] not in printed


def test_production_without_an_admin_starts_and_prints_no_password(folder):
    url = f"sqlite:///{folder}/production.db"
    with Start(folder, APP_ENV="production", DATABASE_URL=url, **SECRET) as shop:
        code, _, printed, errors, left = shop.end()
    assert (code, errors, left) == (0, "", [])
    assert "admin" not in printed
    assert "password" not in printed
    with sqlite3.connect(folder / "production.db") as connection:
        assert connection.execute("SELECT count(*) FROM mechanics").fetchall() == [(0,)]
    connection.close()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_at_once_and_cleanly(folder, sign):
    """Also with a connection that a client keeps open."""
    with Start(folder, **SECRET, **ADMIN) as shop:
        kept = shop.connect()
        assert shop.call("GET", "/health/live", connection=kept)[0] == 200
        code, seconds, _, errors, left = shop.end(sign)
        kept.close()
    assert (code, errors, left) == (0, "", [])
    assert seconds < 2


@pytest.mark.parametrize("moment", [0.05, 0.1, 0.15, 0.2, 0.5, 1.2])
def test_ctrl_c_ends_a_start_at_any_moment(folder, moment):
    """While it prepares, spawns a worker or serves; a terminal sends it to the whole group of the start."""
    start = Start(folder, **SECRET, **ADMIN)
    while not children(start.process.pid) and start.process.poll() is None:  # Python itself begins.
        time.sleep(0.005)
    time.sleep(moment)
    below = children(start.process.pid)
    sent = time.monotonic()
    os.killpg(start.process.pid, signal.SIGINT)
    _, errors = start.process.communicate(timeout=20)
    assert time.monotonic() - sent < 2
    assert (start.process.returncode, errors) == (0, "")
    assert [pid for pid in below if runs(pid)] == []


def test_no_worker_outlives_a_start_that_is_killed(folder):
    with Start(folder, **SECRET, **ADMIN) as shop:
        workers = children(shop.process.pid)
        assert len(workers) == 1
        shop.process.kill()
        deadline = time.monotonic() + 5
        while any(map(runs, workers)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not any(map(runs, workers))


def test_a_worker_that_dies_is_replaced(folder):
    with Start(folder, **SECRET, **ADMIN) as shop:
        [worker] = children(shop.process.pid)
        subprocess.run(["kill", "-KILL", str(worker)], check=True)
        deadline = time.monotonic() + 20
        while children(shop.process.pid) in ([], [worker]) and time.monotonic() < deadline:
            time.sleep(0.02)
        shop.wait_until_it_serves()
        shop.log_in()
        assert shop.end()[4] == []


# ---------------------------------------------------------------- what keeps it from starting
def test_a_port_in_use_is_named_and_nothing_is_made(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        printed, line = refused_start(folder, PORT=port, **SECRET)
    assert (printed, line) == ("", f"HOST, PORT: 127.0.0.1:{port} can't be listened on: Address already in use")
    assert not (folder / "instance").exists()


@pytest.mark.parametrize(
    ("settings", "begins"),
    [
        ({"PORT": "hunter2"}, "PORT: must be"),
        ({"PORT": 5998, "METRICS_PORT": 5998}, "METRICS_PORT: must be another than PORT"),
        ({"HOST": "no.such.host.example"}, "HOST: no.such.host.example is no address"),
        ({"HOST": "192.0.2.1"}, "HOST, PORT: 192.0.2.1:"),
        ({"APP_ENV": "production"}, "DATABASE_URL: must be set"),
        ({"ADMIN_EMAIL": "ann@example.com", "ADMIN_PASSWORD": "hunter2"}, "ADMIN_PASSWORD: must have 8"),
        ({"DATABASE_URL": "oracle://u:hunter2@db/shop"}, "DATABASE_URL: names 'oracle'"),
        (
            {"DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/shop"},
            "DATABASE_URL: postgresql+psycopg://u:***@127.0.0.1:1/shop can't",
        ),
        (
            {"DATABASE_URL": "mysql://u:hunter2@127.0.0.1:1/shop"},
            "DATABASE_URL: mysql+pymysql://u:***@127.0.0.1:1/shop can't be",
        ),
        (
            {"DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/shop?password=hunter2"},
            "DATABASE_URL: postgresql+psycopg://u:***@127",
        ),
        (
            {"DATABASE_URL": "postgresql://u:hunter2@127.0.0.1/shop?magic=hunter2"},
            "DATABASE_URL: postgresql+psycopg://u:***@127",
        ),
        ({"DATABASE_URL": "mysql://u:hunter2@127.0.0.1/shop?magic=hunter2"}, "DATABASE_URL: has an option"),
        ({"DATABASE_URL": "sqlite:////proc/nowhere/shop.db"}, "DATABASE_URL: /proc/nowhere/shop.db can't be written"),
        ({"DATABASE_URL": "sqlite:////proc/shop.db"}, "DATABASE_URL: sqlite:////proc/shop.db can't be used"),
        ({"DATABASE_URL": "sqlite:////dev/null/shop.db"}, "DATABASE_URL: /dev/null/shop.db can't be written"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line_without_a_password(folder, settings, begins):
    printed, line = refused_start(folder, **(SECRET | settings))
    assert line.startswith(begins)
    assert "hunter2" not in line
    assert printed == ""


def test_an_instance_folder_that_cannot_be_made_is_named(folder):
    (folder / "instance").touch()
    assert refused_start(folder)[1].startswith("SECRET_KEY: ")
    assert re.match(r"DATABASE_URL: .*instance/shop\.db can't be written", refused_start(folder, **SECRET)[1])


@pytest.mark.parametrize("spoiled", ["text", "cut", "folder", "future"])
def test_a_file_that_is_no_database_of_this_shop_is_named_and_left_alone(folder, spoiled):
    path = folder / "shop.db"
    if spoiled == "text":
        path.write_text("This was never a database, however long the text in it goes on.")
    elif spoiled == "folder":
        path.mkdir()
    else:
        with Start(folder, DATABASE_URL=f"sqlite:///{path}", **SECRET, **ADMIN) as shop:
            shop.end()
        if spoiled == "cut":
            path.write_bytes(path.read_bytes()[:20_000])
        else:
            connection = sqlite3.connect(path)
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
            connection.commit()
            connection.close()
    before = path.read_bytes() if path.is_file() else None
    _, line = refused_start(folder, DATABASE_URL=f"sqlite:///{path}", **SECRET)
    assert line.startswith("DATABASE_URL: ")
    assert str(path) in line
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.mark.parametrize("kind", [kind for kind in services.databases() if kind != "sqlite"])
@pytest.mark.parametrize("wrong", ["database", "user"])
def test_a_server_that_refuses_is_named_without_the_password(folder, kind, wrong):
    url = database_url(services.url_of(kind)).set(
        **({"database": "no_such_shop"} if wrong == "database" else {"username": "nobody_here"})
    )
    if wrong == "user":
        url = url.set(password="hunter2")
    scheme = "postgresql" if kind == "postgresql" else "mysql"
    given = url.set(drivername=scheme, query={}).render_as_string(hide_password=False)
    _, line = refused_start(folder, DATABASE_URL=given, **SECRET)
    assert line.startswith("DATABASE_URL: ")
    assert ("no_such_shop" if wrong == "database" else "nobody_here") in line
    assert "hunter2" not in line


# ---------------------------------------------------------------- together
@pytest.mark.parametrize("kind", services.databases())
def test_of_two_starts_at_once_one_migrates_and_both_serve(folder, kind):
    name = f"shop_start_{free_port()}"
    url = services.fresh_database(kind, name)
    settings = SECRET | {"DATABASE_URL": url}
    one, other = Start(folder, **settings), Start(folder, **settings)
    with one, other:
        printed = [shop.end()[2:5] for shop in (one, other)]
    assert [errors for _, errors, _ in printed] == ["", ""]
    assert [left for _, _, left in printed] == [[], []]
    assert sorted(news.count("The first admin is") for news, _, _ in printed) == [0, 1], "one made the admin, once"
    engine = create_engine(database_url(url))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM mechanics")).scalar() == 1
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
    engine.dispose()
    services.drop_database(kind, name)


def test_flask_db_upgrade_brings_the_tables_up_to_date(folder):
    settings = SECRET | {"DATABASE_URL": f"sqlite:///{folder}/by_hand.db"}
    upgrade = [sys.executable, "-m", "flask", "--app", "run", "db", "upgrade"]
    for _ in range(2):
        start = Start(folder, upgrade, **settings)
        _, errors = start.process.communicate(timeout=60)
        assert (start.process.returncode, errors) == (0, "")
    with Start(folder, **settings) as shop:
        assert "The first admin is" in shop.end()[2]


def test_it_starts_from_any_folder_and_reads_env_beside_it(folder, tmp_path):
    port = free_port()
    (folder / ".env").write_text(f"PORT={port}\nADMIN_EMAIL=ann@example.com\nADMIN_PASSWORD='correct horse battery'\n")
    start = Start(tmp_path, [sys.executable, str(folder / "run.py")], PORT=None)
    start.port = port
    with start as shop:
        shop.log_in()
        assert shop.end()[0] == 0
    assert (folder / "instance" / "shop.db").exists()
