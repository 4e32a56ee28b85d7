"""What the shop depends on is not there at its start, or is not what it should be: one line names it."""

import pytest
from sqlalchemy import create_engine, text

from app import create_app
from app.models import Model
from app.startup.prepare import prepare
from app.utils.db.startup_lock import CantStart
from config import Settings, database_url
from tests.conftest import ENVIRONMENT
from tests.support import services
from tests.support.needs import needs
from tests.support.processes import free_port
from tests.support.servers import Redis
from tests.support.start import SECRET, copy_of_the_shop, refused_start

NOWHERE = "127.0.0.1:1"


@pytest.fixture
def folder(tmp_path):
    return copy_of_the_shop(tmp_path)


@pytest.mark.parametrize(
    ("name", "url", "shown", "reason"),
    [
        ("DATABASE_URL", f"postgresql://u:hunter2@{NOWHERE}/shop", f"postgresql+psycopg://u:***@{NOWHERE}/shop", "refused"),
        ("DATABASE_URL", f"mysql://u:hunter2@{NOWHERE}/shop", f"mysql+pymysql://u:***@{NOWHERE}/shop", "refused"),
        (
            "DATABASE_URL",
            f"postgresql://u:hunter2@{NOWHERE},127.0.0.1:2/shop",
            f"postgresql+psycopg://u:***@{NOWHERE},127.0.0.1:2/shop",
            "refused",
        ),
        (
            "DATABASE_URL",
            f"mysql://u:hunter2@{NOWHERE},127.0.0.1:2/shop",
            f"mysql+pymysql://u:***@{NOWHERE},127.0.0.1:2/shop",
            "refused",
        ),
        ("REDIS_URL", f"redis://{NOWHERE}/0", f"redis://{NOWHERE}/0", "refused"),
        ("REDIS_URL", f"redis://:hunter2@{NOWHERE}/0", f"redis://{NOWHERE}/0", "refused"),
        ("REDIS_URL", f"rediss://u:hunter2@{NOWHERE}/3?password=hunter2", f"rediss://{NOWHERE}/3", "refused"),
        ("REDIS_URL", "unix:///no/such/socket?password=hunter2", "unix:///no/such/socket", "No such file"),
        ("REDIS_URL", f"redis://{NOWHERE}/0?magic=hunter2", f"redis://{NOWHERE}/0", "options"),
    ],
)
def test_what_cannot_be_reached_at_the_start_is_named_without_its_password(folder, name, url, shown, reason):
    """Settings: a bad value stops the start with a clear line that names it."""
    printed, line = refused_start(folder, **SECRET, **{name: url})
    assert line.startswith(f"{name}: {shown} can't be used: ")
    assert reason in line
    assert "hunter2" not in line
    assert printed == ""
    assert not (folder / "instance" / "shop.db").exists(), "nothing was begun"


@needs("redis-server")
def test_a_redis_that_wants_another_password_is_named_without_the_given_one(folder):
    server = Redis()
    server.program.command += ["--requirepass", "the right one"]
    server.pings = lambda: True
    try:
        server.start()
        given = f"redis://:hunter2@127.0.0.1:{server.port}/0"
        _, line = refused_start(folder, **SECRET, REDIS_URL=given)
    finally:
        server.remove()
    assert line.startswith(f"REDIS_URL: redis://127.0.0.1:{server.port}/0 can't be used: ")
    assert "hunter2" not in line


def test_a_frozen_redis_does_not_hold_up_the_start(folder):
    """It accepts connections and never answers: the start gives up after seconds."""
    import socket

    with socket.create_server(("127.0.0.1", free_port())) as silent:
        _, line = refused_start(folder, **SECRET, REDIS_URL=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
    assert line.startswith("REDIS_URL: ")
    assert "imeout" in line


@pytest.fixture
def prepared(database):
    """The settings of a shop on a database that it has prepared, and an engine to look at it."""
    name = "shop_ahead"
    url = services.fresh_database(database, name)
    settings = Settings.load(ENVIRONMENT | {"DATABASE_URL": url})
    engine = create_engine(database_url(url))
    try:
        app = create_app(settings)
        prepare(app)
        close(app)
        yield settings, engine
    finally:
        engine.dispose()
        services.drop_database(database, name)


def close(app):
    from app.extensions import db

    with app.app_context():
        for each in db.engines.values():
            each.dispose()


def content(engine):
    with engine.connect() as connection:
        tables = [*Model.metadata.sorted_tables, text("SELECT version_num FROM alembic_version")]
        selects = [table.select() if hasattr(table, "select") else table for table in tables]
        return [sorted(map(tuple, connection.execute(select)), key=repr) for select in selects]


def test_a_database_ahead_of_the_code_is_refused_and_left_as_it_is(prepared):
    """Its migrations are of a later version: one line says so, and nothing in it has changed."""
    settings, engine = prepared
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999_later'"))
    before = content(engine)
    app = create_app(settings)
    with pytest.raises(CantStart, match=r"^DATABASE_URL: .*shop_ahead.* holds tables of another version .*9999_later") as said:
        prepare(app)
    close(app)
    assert "\n" not in str(said.value)
    assert content(engine) == before
