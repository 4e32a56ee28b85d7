"""The checks before a start: whether the database needs preparation, found out without creating the app."""

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
from tests.support import services
from tests.support.environment import ENVIRONMENT

DEVELOPMENT = ENVIRONMENT | {"APP_ENV": "development"}
NAMED = ENVIRONMENT | {"APP_ENV": "production"}
PRODUCTION = NAMED | {"ADMIN_EMAIL": "", "ADMIN_PASSWORD": ""}

KILL_CONNECTION = {
    "postgresql": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})"),
    "mariadb": ("SELECT connection_id()", "KILL {}"),
}
"""Kind of database → statements that return the id of a connection, and end it from another."""


@pytest.fixture
def url(database, worker_id):
    """The URL of an empty database."""
    name = f"shop_ready_{worker_id}"
    yield services.fresh_database(database, name)
    services.drop_database(database, name)


def prepare_database(url, environment=DEVELOPMENT):
    """Prepare a database as a start does. Return the lock timeout of its read engine on PostgreSQL."""
    app = create_app(Settings.load(environment | {"DATABASE_URL": url}))
    prepare(app)
    with app.app_context():
        with db.engines["reads"].connect() as connection:
            lock_timeout = connection.execute(text("SHOW lock_timeout")).scalar() if "postgresql" in url else None
        for engine in db.engines.values():
            engine.dispose()
    return lock_timeout


@pytest.fixture
def prepared(url):
    """The URL of a database that a start in development has prepared."""
    prepare_database(url)
    return url


def ready(url, environment=DEVELOPMENT):
    return is_prepared(Settings.load(environment | {"DATABASE_URL": url}))


def run(url, sql):
    engine = create_engine(database_url(url))
    with engine.begin() as connection:
        connection.execute(text(sql))
    engine.dispose()


def test_empty_database_needs_preparation(url):
    assert [ready(url, each) for each in (DEVELOPMENT, PRODUCTION)] == [False, False]
    prepare_database(url, PRODUCTION)
    assert ready(url, PRODUCTION), "production without ADMIN_EMAIL needs no admin"
    assert [ready(url, each) for each in (DEVELOPMENT, NAMED)] == [False, False], "the first admin is missing"


def test_other_schema_revision_needs_preparation(prepared):
    assert ready(prepared)
    for other in ("0001", "9999_later"):
        run(prepared, f"UPDATE alembic_version SET version_num = '{other}'")
        assert not ready(prepared)
    run(prepared, "DELETE FROM alembic_version")
    assert not ready(prepared), "no revision, as after an interrupted migration"


@pytest.mark.parametrize("change", ["role = 'mechanic'", "deleted_at = '2026-01-01 00:00:00'"])
def test_former_admin_does_not_count(prepared, change):
    assert [ready(prepared, each) for each in (DEVELOPMENT, NAMED, PRODUCTION)] == [True, True, True]
    run(prepared, f"UPDATE mechanics SET {change}")
    assert [ready(prepared, each) for each in (DEVELOPMENT, NAMED, PRODUCTION)] == [False, False, True]


@pytest.fixture
def connection(prepared):
    """A connection to the prepared database, of the engine that a start uses."""
    engine = create_read_engine(database_url(prepared))
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def test_check_waits_for_the_startup_lock(prepared, connection):
    """A copy or a demo holds the startup lock while it fills the database."""
    seen = []
    thread = threading.Thread(target=lambda: seen.append(ready(prepared)))
    with startup_lock(connection):
        thread.start()
        thread.join(0.5)
        assert (thread.is_alive(), seen) == (True, [])
    thread.join(10)
    assert seen == [True]


def test_startup_lock_timeout_is_reported(prepared, connection, monkeypatch):
    monkeypatch.setattr(locks, "STARTUP_LOCK_SECONDS", 1)
    with startup_lock(connection), pytest.raises(CantStart, match=r"^DATABASE_URL: another process has"):
        ready(prepared)
    assert ready(prepared), "the lock was not released"


@pytest.mark.databases("postgresql", "mariadb")
def test_startup_lock_of_another_database_does_not_block(prepared, connection, database, worker_id):
    name = f"shop_other_{worker_id}"
    other = services.fresh_database(database, name)
    with startup_lock(connection):
        assert not ready(other), "an empty database needs preparation"
    services.drop_database(database, name)


@pytest.mark.databases("postgresql", "mariadb")
def test_connection_lost_under_the_startup_lock_is_reported(prepared, connection, database):
    """The error names the database, not the failed release of the lock."""
    connection_id, kill = KILL_CONNECTION[database]
    number = connection.execute(text(connection_id)).scalar()

    def lose():
        with translate_errors(database_url(prepared)), startup_lock(connection):
            run(prepared, kill.format(number))
            revision_of(connection)

    with pytest.raises(CantStart, match=r"^DATABASE_URL: .* can't be used: "):
        lose()


@pytest.mark.databases("postgresql")
def test_lock_timeout_of_the_start_is_not_used_by_requests(url):
    assert prepare_database(url) == "5s"


@pytest.mark.parametrize(
    ("url", "error"),
    [
        (
            "postgresql://u:hunter2@127.0.0.1:1/shop",
            r"postgresql\+psycopg://u:\*\*\*@127.0.0.1:1/shop can't be used: .*refused",
        ),
        ("mysql://u:hunter2@127.0.0.1:1,127.0.0.1:2/shop", "127.0.0.1:1,127.0.0.1:2/shop can't be used: .*refused"),
        ("mysql://u:hunter2@127.0.0.1:1/shop?ssl_ca=/no/such.pem", "127.0.0.1:1/shop can't be used: No such file"),
    ],
)
def test_unreachable_database_is_reported_without_the_password(url, error):
    with pytest.raises(CantStart, match=f"^DATABASE_URL: .*{error}") as caught:
        ready(url)
    assert "hunter2" not in str(caught.value)


@pytest.fixture
def encoded(database, worker_id):
    """Create a PostgreSQL database with an encoding, and return its URL."""
    name = f"shop_encoded_{worker_id}"

    def create(encoding):
        services.drop_database(database, name)
        services.run(database, f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
        return database_url(services.url_of(database)).set(database=name).render_as_string(hide_password=False)

    yield create
    services.drop_database(database, name)


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP", "WIN1252"])
@pytest.mark.parametrize("start", [ready, prepare_database])
def test_database_without_unicode_is_refused(encoded, encoding, start):
    with pytest.raises(CantStart, match=rf"^DATABASE_URL: .*/shop_encoded_\w+ has the encoding {encoding}, .*ENCODING 'UTF8'"):
        start(encoded(encoding))


@pytest.mark.databases("postgresql")
def test_database_with_unicode_is_prepared(encoded):
    url = encoded("UTF8")
    prepare_database(url)
    assert ready(url)


@pytest.mark.databases("mariadb")
def test_tables_hold_every_letter_in_a_database_of_latin1(database, worker_id):
    name = f"shop_encoded_{worker_id}"
    url = services.fresh_database(database, name)
    services.run(database, f"ALTER DATABASE {name} CHARACTER SET latin1")
    prepare_database(url)
    run(url, "UPDATE mechanics SET name = 'Łódź 🚗'")
    with create_engine(database_url(url)).connect() as connection:
        assert connection.execute(text("SELECT name FROM mechanics")).scalar() == "Łódź 🚗"
        connection.engine.dispose()
    services.drop_database(database, name)


def test_read_only_file_needs_preparation(tmp_path, monkeypatch):
    """prepare() then reports the error in one line."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    prepare_database(url)
    assert ready(url)
    monkeypatch.setattr(os, "access", lambda path, how: how != os.W_OK)  # Root may write every file.
    assert not ready(url)
    monkeypatch.undo()
    too_long = DEVELOPMENT | {"DATABASE_URL": f"sqlite:///{tmp_path}/{'x' * 300}/shop.db"}
    assert not is_prepared(Settings.load(too_long))
    with pytest.raises(CantStart, match=r"^DATABASE_URL: .*shop\.db can't be written: File name too long$"):
        prepare(create_app(Settings.load(too_long)))


def test_check_creates_no_file(tmp_path):
    assert not ready(f"sqlite:///{tmp_path / 'shop.db'}")
    assert list(tmp_path.iterdir()) == []


def test_newest_revision_is_the_last_migration():
    assert newest_revision() == ScriptDirectory(str(MIGRATIONS)).get_current_head()


def test_checks_import_neither_flask_nor_alembic():
    """Importing Flask, the blueprints and Alembic would double the time of a start."""
    code = "import sys, app.startup.checks; print({'flask', 'alembic', 'marshmallow'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
