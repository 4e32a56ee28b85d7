"""Whether anything is to be done before the shop serves, which a start asks the database without making an app."""

import subprocess
import sys

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from app import create_app
from app.preparation import prepare
from app.start import MIGRATIONS, is_prepared, newest_version
from app.utils.extensions import db
from config import ROOT, Settings, database_url
from tests import services
from tests.conftest import ENVIRONMENT

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


@pytest.mark.parametrize("url", ["postgresql://u:p@127.0.0.1:1/shop", "mysql://u:p@127.0.0.1:1,127.0.0.1:2/shop"])
def test_one_that_cannot_be_asked_is_to_be_prepared_which_says_why(url):
    assert not ready(url)


def test_to_ask_makes_no_file(tmp_path):
    assert not ready(f"sqlite:///{tmp_path / 'shop.db'}")
    assert list(tmp_path.iterdir()) == []


def test_the_newest_version_is_that_of_the_last_migration():
    assert newest_version() == ScriptDirectory(str(MIGRATIONS)).get_current_head()


def test_to_ask_needs_no_app():
    """It would take longer than all else of a start."""
    asked = "import sys, app.start; print(*sorted({'flask', 'marshmallow', 'alembic', 'sqlalchemy'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["sqlalchemy"]
