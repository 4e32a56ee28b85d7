"""``python run.py`` as a real process on a real port: start, signals, refused starts."""

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

from app.utils.db.presence import WARNING
from config import database_url
from tests.support import services
from tests.support.start import ADMIN, SECRET, Start, children, copy_of_the_shop, free_port, refused_start, runs

pytestmark = pytest.mark.slow


FILES = ["secret_key", "shop.db", "shop.db.lock", "shop.db.serving"]


@pytest.fixture
def folder(tmp_path):
    """A fresh clone without settings."""
    (tmp_path / "shop").mkdir()
    return copy_of_the_shop(tmp_path / "shop")


def test_first_start_creates_the_instance_and_second_keeps_it(folder):
    with Start(folder) as first:
        status, customer = first.call("POST", "/customers", {"name": "Bea", "email": "bea@example.com", "password": "12345678"})
        assert (status, customer["id"]) == (201, 1)
        code, _, printed, errors, left = first.end()
    assert (code, errors, left) == (0, "", [])
    [password] = re.findall(
        r"^The first admin is admin@example\.com, password (\S+) \(shown this once\)\.$", printed, re.MULTILINE
    )
    url = f"http://localhost:{first.port}"
    for line in (f"serves at {url}", f"docs      {url}/docs", f"try next  curl {url}/health/ready"):
        assert line in printed
    assert sorted(path.name for path in (folder / "instance").iterdir()) == FILES
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


def test_first_admin_comes_from_the_settings(folder):
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
def test_signal_stops_the_server_in_two_seconds(folder, sign):
    """Also while a client keeps a connection open."""
    with Start(folder, **SECRET, **ADMIN) as shop:
        connection = shop.connect()
        assert shop.call("GET", "/health/live", connection=connection)[0] == 200
        code, seconds, _, errors, left = shop.end(sign)
        connection.close()
    assert (code, errors, left) == (0, "", [])
    assert seconds < 2


@pytest.mark.parametrize("moment", [0.05, 0.1, 0.15, 0.2, 0.5, 1.2])
def test_ctrl_c_stops_a_start_at_any_moment(folder, moment):
    """During preparation, the start of a worker, or serving. A terminal sends SIGINT to the whole process group."""
    start = Start(folder, **SECRET, **ADMIN)
    while not children(start.process.pid) and start.process.poll() is None:  # Python itself is starting.
        time.sleep(0.005)
    time.sleep(moment)
    processes = children(start.process.pid)
    sent = time.monotonic()
    os.killpg(start.process.pid, signal.SIGINT)
    _, errors = start.process.communicate(timeout=20)
    assert time.monotonic() - sent < 9  # After 10 seconds, granian would kill a worker that does not end.
    assert (start.process.returncode, errors) == (0, "")
    assert [pid for pid in processes if runs(pid)] == []


def test_worker_ends_if_its_parent_is_killed(folder):
    with Start(folder, **SECRET, **ADMIN) as shop:
        workers = children(shop.process.pid)
        assert len(workers) == 1
        shop.process.kill()
        deadline = time.monotonic() + 5
        while any(map(runs, workers)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not any(map(runs, workers))


def test_killed_worker_is_replaced(folder):
    with Start(folder, **SECRET, **ADMIN) as shop:
        [worker] = children(shop.process.pid)
        subprocess.run(["kill", "-KILL", str(worker)], check=True)
        deadline = time.monotonic() + 20
        while children(shop.process.pid) in ([], [worker]) and time.monotonic() < deadline:
            time.sleep(0.02)
        shop.wait_until_it_serves()
        shop.log_in()
        assert shop.end()[4] == []


# ---------------------------------------------------------------- refused starts
def test_port_in_use_is_refused_before_anything_is_created(folder):
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
        ({"DATABASE_URL": "postgresql://u:hunter2@127.0.0.1/shop?magic=hunter2"}, "DATABASE_URL: has an option"),
        ({"DATABASE_URL": "mysql://u:hunter2@127.0.0.1/shop?magic=hunter2"}, "DATABASE_URL: has an option"),
        ({"DATABASE_URL": "sqlite:////proc/nowhere/shop.db"}, "DATABASE_URL: /proc/nowhere/shop.db can't be written"),
        ({"DATABASE_URL": "sqlite:////proc/shop.db"}, "DATABASE_URL: sqlite:////proc/shop.db can't be used"),
        ({"DATABASE_URL": "sqlite:////dev/null/shop.db"}, "DATABASE_URL: /dev/null/shop.db can't be written"),
    ],
)
def test_refused_start_prints_one_line_without_a_password(folder, settings, begins):
    printed, line = refused_start(folder, **(SECRET | settings))
    assert line.startswith(begins)
    assert "hunter2" not in line
    assert printed == ""


def test_instance_folder_that_cannot_be_created_is_refused(folder):
    (folder / "instance").touch()
    assert refused_start(folder)[1].startswith("SECRET_KEY: ")
    assert re.match(r"DATABASE_URL: .*instance/shop\.db can't be written", refused_start(folder, **SECRET)[1])


@pytest.mark.parametrize("spoiled", ["text", "cut", "folder", "future"])
def test_foreign_database_file_is_refused_and_unchanged(folder, spoiled):
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
def test_refusal_of_a_database_server_hides_the_password(folder, kind, wrong):
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
def test_concurrent_starts_migrate_once_and_both_serve(folder, kind):
    name = f"shop_start_{free_port()}"
    url = services.fresh_database(kind, name)
    settings = SECRET | {"DATABASE_URL": url}
    one, other = Start(folder, **settings), Start(folder, **settings)
    with one, other:
        printed = [shop.end()[2:5] for shop in (one, other)]
    assert any(WARNING in errors for _, errors, _ in printed), "two processes without Redis are not noticed"
    assert all(WARNING in line for _, errors, _ in printed for line in errors.splitlines())
    assert [left for _, _, left in printed] == [[], []]
    assert sorted(news.count("The first admin is") for news, _, _ in printed) == [0, 1], "one made the admin, once"
    engine = create_engine(database_url(url))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM mechanics")).scalar() == 1
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
    engine.dispose()
    services.drop_database(kind, name)


def test_flask_db_upgrade_migrates_the_tables(folder):
    settings = SECRET | {"DATABASE_URL": f"sqlite:///{folder}/by_hand.db"}
    upgrade = [sys.executable, "-m", "flask", "--app", "run", "db", "upgrade"]
    for _ in range(2):
        start = Start(folder, upgrade, **settings)
        _, errors = start.process.communicate(timeout=60)
        assert (start.process.returncode, errors) == (0, "")
    with Start(folder, **settings) as shop:
        assert "The first admin is" in shop.end()[2]


@pytest.mark.parametrize("name", ["feature%2Fx", "50%", "%(here)s", "what?#now", "a b", "100%25 naïve"])
def test_name_of_the_folder_may_hold_any_letter(tmp_path, name):
    (tmp_path / name).mkdir()
    folder = copy_of_the_shop(tmp_path / name)
    with Start(folder, **SECRET, **ADMIN) as shop:
        shop.log_in()
        assert shop.end()[0] == 0
    assert {path.name for path in folder.glob("instance/*")} >= {"shop.db"}
    current = [sys.executable, "-m", "flask", "--app", str(folder / "run"), "db", "current"]
    found = Start(tmp_path, current, **SECRET).process.communicate(timeout=60)
    assert (len(found[0].splitlines()), "(head)" in found[0], found[1]) == (1, True, "")
    with Start(folder, APP_ENV="testing", TMPDIR=folder, **SECRET, **ADMIN) as shop:
        shop.log_in()
    assert {path.name for path in tmp_path.iterdir()} == {name}


def test_start_from_another_folder_reads_the_env_file_beside_run_py(folder, tmp_path):
    port = free_port()
    (folder / ".env").write_text(f"PORT={port}\nADMIN_EMAIL=ann@example.com\nADMIN_PASSWORD='correct horse battery'\n")
    start = Start(tmp_path, [sys.executable, str(folder / "run.py")], PORT=None)
    start.port = port
    with start as shop:
        shop.log_in()
        assert shop.end()[0] == 0
    assert (folder / "instance" / "shop.db").exists()
