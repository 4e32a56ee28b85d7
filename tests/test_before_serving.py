"""Whether anything is to be done before the shop serves, which a start asks the database without making an app."""

import os
import subprocess
import sys
import threading

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from app import create_app
from app.preparation import prepare
from app.start import MIGRATIONS, CantStart, is_prepared, newest_version, one_at_a_time
from app.utils.engines import that_reads
from app.utils.extensions import db
from config import ROOT, Settings, database_url
from tests import services
from tests.conftest import ENVIRONMENT
from tests.harness.processes import free_port

DEVELOPMENT = ENVIRONMENT | {"APP_ENV": "development"}
NAMED = ENVIRONMENT | {"APP_ENV": "production"}
PRODUCTION = NAMED | {"ADMIN_EMAIL": "", "ADMIN_PASSWORD": ""}


@pytest.fixture
def url(database, worker_id):
    """Of an empty database."""
    name = f"shop_ready_{worker_id}"
    yield services.fresh_database(database, name)
    services.drop_database(database, name)


@pytest.fixture
def prepared(url):
    """The URL of a database that a start in development has prepared."""
    app = create_app(Settings.load(DEVELOPMENT | {"DATABASE_URL": url}))
    prepare(app)
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()
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
    app = create_app(Settings.load(PRODUCTION | {"DATABASE_URL": url}))
    prepare(app)
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()
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


def test_who_fills_the_database_is_waited_for(prepared):
    """A copy or a demo into it, which hold the lock of a start."""
    seen = []
    asking = threading.Thread(target=lambda: seen.append(ready(prepared)))
    engine = that_reads(database_url(prepared))
    with engine.connect() as connection, one_at_a_time(connection):
        asking.start()
        asking.join(0.5)
        assert (asking.is_alive(), seen) == (True, [])
    asking.join(10)
    engine.dispose()
    assert seen == [True]


@pytest.mark.parametrize(
    ("url", "named"),
    [
        (
            "postgresql://u:hunter2@127.0.0.1:1/shop",
            r"postgresql\+psycopg://u:\*\*\*@127.0.0.1:1/shop can't be used: .*refused",
        ),
        ("mysql://u:hunter2@127.0.0.1:1,127.0.0.1:2/shop", "127.0.0.1:1,127.0.0.1:2/shop can't be used: .*refused"),
        ("mysql://u:hunter2@127.0.0.1:1/shop?ssl_ca=/no/such.pem", "127.0.0.1:1/shop can't be used: No such file"),
    ],
)
def test_one_that_cannot_be_asked_is_named_at_once(url, named):
    with pytest.raises(CantStart, match=f"^DATABASE_URL: .*{named}") as said:
        ready(url)
    assert "hunter2" not in str(said.value)


def test_a_file_that_cannot_be_written_is_told_by_who_prepares(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    app = create_app(Settings.load(DEVELOPMENT | {"DATABASE_URL": url}))
    prepare(app)
    assert ready(url)
    monkeypatch.setattr(os, "access", lambda path, how: how != os.W_OK)
    assert not ready(url), "root may write all"
    monkeypatch.undo()
    assert not ready(f"sqlite:///{tmp_path}/{'x' * 300}/shop.db")


def test_to_ask_makes_no_file(tmp_path):
    assert not ready(f"sqlite:///{tmp_path / 'shop.db'}")
    assert list(tmp_path.iterdir()) == []


def test_the_newest_version_is_that_of_the_last_migration():
    assert newest_version() == ScriptDirectory(str(MIGRATIONS)).get_current_head()


def test_a_start_with_nothing_to_do_makes_no_app(tmp_path):
    """It would take longer than all else of a start."""
    environment = NAMED | {"DATABASE_URL": f"sqlite:///{tmp_path / 'shop.db'}", "PORT": str(free_port())}
    start = "import sys, app.start; app.start.main(); print(*sorted({'flask', 'alembic', 'sqlalchemy'} & set(sys.modules)))"
    found = [
        subprocess.run([sys.executable, "-c", start], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert [each.stdout.splitlines()[-1] for each in found] == ["alembic flask sqlalchemy", "sqlalchemy"]
