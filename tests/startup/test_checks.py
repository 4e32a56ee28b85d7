"""Whether anything is to be done before the shop serves, which a start asks the database without making an app."""

import os
import subprocess
import sys
import threading

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from app import create_app
from app.extensions import db
from app.startup.checks import MIGRATIONS, is_prepared, newest_revision, revision_of
from app.startup.prepare import prepare
from app.utils.db import startup_lock as locks
from app.utils.db.engines import create_read_engine
from app.utils.db.startup_lock import CantStart, startup_lock, translate_errors
from config import ROOT, Settings, database_url
from tests.conftest import ENVIRONMENT
from tests.support import services

DEVELOPMENT = ENVIRONMENT | {"APP_ENV": "development"}
NAMED = ENVIRONMENT | {"APP_ENV": "production"}
PRODUCTION = NAMED | {"ADMIN_EMAIL": "", "ADMIN_PASSWORD": ""}

ENDING = {
    "postgresql": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})"),
    "mariadb": ("SELECT connection_id()", "KILL {}"),
}
"""How a connection is told by its number, and another ends it."""


@pytest.fixture
def url(database, worker_id):
    """Of an empty database."""
    name = f"shop_ready_{worker_id}"
    yield services.fresh_database(database, name)
    services.drop_database(database, name)


def make_ready(url, environment=DEVELOPMENT):
    """Prepare a database as a start does; how long its reads would wait for a lock, on PostgreSQL."""
    app = create_app(Settings.load(environment | {"DATABASE_URL": url}))
    prepare(app)
    with app.app_context():
        with db.engines["reads"].connect() as used:
            patience = used.execute(text("SHOW lock_timeout")).scalar() if "postgresql" in url else None
        for engine in db.engines.values():
            engine.dispose()
    return patience


@pytest.fixture
def prepared(url):
    """The URL of a database that a start in development has prepared."""
    make_ready(url)
    return url


def ready(url, environment=DEVELOPMENT):
    return is_prepared(Settings.load(environment | {"DATABASE_URL": url}))


def run(url, sql):
    engine = create_engine(database_url(url))
    with engine.begin() as connection:
        connection.execute(text(sql))
    engine.dispose()


def test_an_empty_database_is_to_be_prepared_and_a_prepared_one_is_not(url):
    assert [ready(url, each) for each in (DEVELOPMENT, PRODUCTION)] == [False, False]
    make_ready(url, PRODUCTION)
    assert ready(url, PRODUCTION), "production without an admin makes none"
    assert [ready(url, each) for each in (DEVELOPMENT, NAMED)] == [False, False], "who wants an admin has none yet"


def test_tables_of_another_version_are_to_be_prepared(prepared):
    assert ready(prepared)
    for other in ("0001", "9999_later"):
        run(prepared, f"UPDATE alembic_version SET version_num = '{other}'")
        assert not ready(prepared)
    run(prepared, "DELETE FROM alembic_version")
    assert not ready(prepared), "as a migration leaves it that ended in its middle"


@pytest.mark.parametrize("change", ["role = 'mechanic'", "deleted_at = '2026-01-01 00:00:00'"])
def test_an_admin_who_is_none_any_more_does_not_count(prepared, change):
    assert [ready(prepared, each) for each in (DEVELOPMENT, NAMED, PRODUCTION)] == [True, True, True]
    run(prepared, f"UPDATE mechanics SET {change}")
    assert [ready(prepared, each) for each in (DEVELOPMENT, NAMED, PRODUCTION)] == [False, False, True]


@pytest.fixture
def connection(prepared):
    """One to the prepared database, of the engine that a start asks with."""
    engine = create_read_engine(database_url(prepared))
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def test_who_fills_the_database_is_waited_for(prepared, connection):
    """A copy or a demo into it, which hold the lock of a start."""
    seen = []
    asking = threading.Thread(target=lambda: seen.append(ready(prepared)))
    with startup_lock(connection):
        asking.start()
        asking.join(0.5)
        assert (asking.is_alive(), seen) == (True, [])
    asking.join(10)
    assert seen == [True]


def test_who_fills_it_for_too_long_is_named(prepared, connection, monkeypatch):
    monkeypatch.setattr(locks, "LOCK_SECONDS", 1)
    with startup_lock(connection), pytest.raises(CantStart, match=r"^DATABASE_URL: another process has"):
        ready(prepared)
    assert ready(prepared), "the lock is free again"


@pytest.mark.databases("postgresql", "mariadb")
def test_another_database_of_the_server_is_not_waited_for(prepared, connection, database, worker_id):
    name = f"shop_other_{worker_id}"
    other = services.fresh_database(database, name)
    with startup_lock(connection):
        assert not ready(other), "it is empty"
    services.drop_database(database, name)


@pytest.mark.databases("postgresql", "mariadb")
def test_a_connection_that_is_lost_under_the_lock_is_told_as_such(prepared, connection, database):
    """And not what its end makes of it."""
    mine, ending = ENDING[database]
    number = connection.execute(text(mine)).scalar()

    def lose():
        with translate_errors(database_url(prepared)), startup_lock(connection):
            run(prepared, ending.format(number))
            revision_of(connection)

    with pytest.raises(CantStart, match=r"^DATABASE_URL: .* can't be used: "):
        lose()


@pytest.mark.databases("postgresql")
def test_the_patience_with_the_lock_is_not_for_requests(url):
    assert make_ready(url) == "5s"


@pytest.mark.parametrize(
    ("url", "named"),
    [
        (
            "postgresql://u:hunter2@127.0.0.1:1/shop",
            r"postgresql\+psycopg://u:\*\*\*@127.0.0.1:1/shop can't be used: .*refused",
        ),
        ("mysql://u:hunter2@127.0.0.1:1,127.0.0.1:2/shop", "127.0.0.1:1,127.0.0.1:2/shop can't be used: .*refused"),
        ("mysql://u:hunter2@127.0.0.1:1/shop?ssl_ca=/no/such.pem", "127.0.0.1:1/shop can't be used: No such file"),
        (
            "mysql://u:hunter2@127.0.0.1:1/shop?connect_timeout=soon",
            "127.0.0.1:1/shop can't be used: the driver does not accept",
        ),
        ("mysql://u:hunter2@127.0.0.1:1,127.0.0.1:x/shop", "can't be used: the driver does not accept its options"),
    ],
)
def test_one_that_cannot_be_asked_is_named(url, named):
    with pytest.raises(CantStart, match=f"^DATABASE_URL: .*{named}") as said:
        ready(url)
    assert "hunter2" not in str(said.value)


def test_a_file_that_cannot_be_written_is_left_to_who_prepares(tmp_path, monkeypatch):
    """Who says in one line what is wrong with it."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    make_ready(url)
    assert ready(url)
    monkeypatch.setattr(os, "access", lambda path, how: how != os.W_OK)  # Root may write whatever the file says.
    assert not ready(url)
    monkeypatch.undo()
    nowhere = DEVELOPMENT | {"DATABASE_URL": f"sqlite:///{tmp_path}/{'x' * 300}/shop.db"}
    assert not is_prepared(Settings.load(nowhere))
    with pytest.raises(CantStart, match=r"^DATABASE_URL: .*shop\.db can't be written: File name too long$"):
        prepare(create_app(Settings.load(nowhere)))


def test_to_ask_makes_no_file(tmp_path):
    assert not ready(f"sqlite:///{tmp_path / 'shop.db'}")
    assert list(tmp_path.iterdir()) == []


def test_the_newest_version_is_that_of_the_last_migration():
    assert newest_revision() == ScriptDirectory(str(MIGRATIONS)).get_current_head()


def test_the_checks_import_no_app():
    """Importing Flask, the blueprints and Alembic would double the time of a start."""
    code = "import sys, app.startup.checks; print({'flask', 'alembic', 'marshmallow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
