"""Start with a missing or unsuitable database or Redis: one line names the setting."""

import pytest
from sqlalchemy import create_engine, text

from app import create_app
from app.models import Model
from app.startup.prepare import prepare
from app.utils.db.startup_lock import CantStart
from config import Settings, database_url
from tests.support import services
from tests.support.environment import ENVIRONMENT
from tests.support.needs import needs
from tests.support.processes import free_port
from tests.support.servers import Redis
from tests.support.start import SECRET, copy_of_the_shop, refused_start

UNREACHABLE = "127.0.0.1:1"


@pytest.fixture
def folder(tmp_path):
    return copy_of_the_shop(tmp_path)


@pytest.mark.parametrize(
    ("name", "url", "shown", "reason"),
    [
        (
            "DATABASE_URL",
            f"postgresql://u:hunter2@{UNREACHABLE}/shop",
            f"postgresql+psycopg://u:***@{UNREACHABLE}/shop",
            "refused",
        ),
        ("DATABASE_URL", f"mysql://u:hunter2@{UNREACHABLE}/shop", f"mysql+pymysql://u:***@{UNREACHABLE}/shop", "refused"),
        (
            "DATABASE_URL",
            f"postgresql://u:hunter2@{UNREACHABLE},127.0.0.1:2/shop",
            f"postgresql+psycopg://u:***@{UNREACHABLE},127.0.0.1:2/shop",
            "refused",
        ),
        (
            "DATABASE_URL",
            f"mysql://u:hunter2@{UNREACHABLE},127.0.0.1:2/shop",
            f"mysql+pymysql://u:***@{UNREACHABLE},127.0.0.1:2/shop",
            "refused",
        ),
        ("REDIS_URL", f"redis://{UNREACHABLE}/0", f"redis://{UNREACHABLE}/0", "refused"),
        ("REDIS_URL", f"redis://:hunter2@{UNREACHABLE}/0", f"redis://{UNREACHABLE}/0", "refused"),
        ("REDIS_URL", f"rediss://u:hunter2@{UNREACHABLE}/3?password=hunter2", f"rediss://{UNREACHABLE}/3", "refused"),
        ("REDIS_URL", "unix:///no/such/socket?password=hunter2", "unix:///no/such/socket", "No such file"),
        ("REDIS_URL", f"redis://{UNREACHABLE}/0?magic=hunter2", f"redis://{UNREACHABLE}/0", "options"),
    ],
)
def test_unreachable_url_stops_the_start_and_is_shown_without_password(folder, name, url, shown, reason):
    printed, line = refused_start(folder, **SECRET, **{name: url})
    assert line.startswith(f"{name}: {shown} can't be used: ")
    assert reason in line
    assert "hunter2" not in line
    assert printed == ""
    assert not (folder / "instance" / "shop.db").exists(), "a database was created"


@needs("redis-server")
def test_refused_redis_password_stops_the_start_and_is_not_shown(folder):
    server = Redis()
    server.program.command += ["--requirepass", "the right one"]
    server.pings = lambda: True
    try:
        server.start()
        url = f"redis://:hunter2@127.0.0.1:{server.port}/0"
        _, line = refused_start(folder, **SECRET, REDIS_URL=url)
    finally:
        server.remove()
    assert line.startswith(f"REDIS_URL: redis://127.0.0.1:{server.port}/0 can't be used: ")
    assert "hunter2" not in line


def test_silent_redis_stops_the_start_after_a_timeout(folder):
    """The server accepts connections and never answers."""
    import socket

    with socket.create_server(("127.0.0.1", free_port())) as server:
        _, line = refused_start(folder, **SECRET, REDIS_URL=f"redis://127.0.0.1:{server.getsockname()[1]}/0")
    assert line.startswith("REDIS_URL: ")
    assert "imeout" in line


@pytest.fixture
def prepared(database):
    """Prepare a database. Return its settings and an engine."""
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
        for engine in db.engines.values():
            engine.dispose()


def rows_of(engine):
    with engine.connect() as connection:
        tables = [*Model.metadata.sorted_tables, text("SELECT version_num FROM alembic_version")]
        selects = [table.select() if hasattr(table, "select") else table for table in tables]
        return [sorted(map(tuple, connection.execute(select)), key=repr) for select in selects]


def test_database_of_a_later_version_is_refused_unchanged(prepared):
    settings, engine = prepared
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999_later'"))
    before = rows_of(engine)
    app = create_app(settings)
    with pytest.raises(
        CantStart, match=r"^DATABASE_URL: .*shop_ahead.* holds tables of another version .*9999_later"
    ) as refusal:
        prepare(app)
    close(app)
    assert "\n" not in str(refusal.value)
    assert rows_of(engine) == before
