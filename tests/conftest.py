"""Fixtures of all tests: one app for each database, emptied before each test, and clients of each role.

Tests send requests as a client does, and then check the tables. After each test the invariants of the stock must hold.
No test keeps an app context open around a request: the request would share its state.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, event

from app import commands, create_app
from app.extensions import cache, db, limiter
from app.startup.prepare import prepare
from config import Settings
from tests.support import services
from tests.support.clients import Maker, Person
from tests.support.endpoints import ROLES
from tests.support.environment import ENVIRONMENT
from tests.support.invariants import broken_invariants
from tests.support.tables import TABLES, Left

LONG_AGO = datetime(2020, 1, 1)


# ---------------------------------------------------------------- databases
def pytest_report_header() -> str:
    absent = services.missing()
    if absent and services.REQUIRED:
        pytest.exit(f"REQUIRE_SERVICES=1, but not reachable: {', '.join(absent)}", returncode=1)
    return f"databases: {', '.join(services.databases())}" + (f" (not reachable: {', '.join(absent)})" if absent else "")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" in metafunc.fixturenames:
        only = metafunc.definition.get_closest_marker("databases")
        kinds = [kind for kind in services.databases() if only is None or kind in only.args]
        metafunc.parametrize("database", kinds, scope="session", indirect=True)


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> str:
    """The kind of database of this test."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="session")
def shared_app(database: str, worker_id: str) -> Iterator[Flask]:
    """The app on its own database, created once for each pytest worker."""
    name = f"shop_test_{worker_id}_{os.getpid()}"  # Another run may use the same server.
    url = services.fresh_database(database, name)
    app = create_app(Settings.load(ENVIRONMENT | {"DATABASE_URL": url}))
    commands.init_app(app)
    prepare(app)
    yield app
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()
    services.drop_database(database, name)


@pytest.fixture
def app(shared_app: Flask) -> Iterator[Flask]:
    """The app with empty tables, rate limits and caches."""
    with shared_app.app_context():
        with db.engine.begin() as connection:
            for table in TABLES:
                connection.execute(table.delete())
        limiter.reset()
        shared_app.windows.memory.clear()
        cache.clear()
        shared_app.list_counts.clear()
        shared_app.token_cache.entries.clear()
    yield shared_app
    with shared_app.app_context():
        engine = db.engine
    assert broken_invariants(engine) == []


@pytest.fixture
def another_app(tmp_path):
    """Create an app with other settings: ``another_app(CORS_ORIGINS="*")``. Its database is never used.

    The limiter is shared by the process and belongs to the last app; afterwards it belongs to the shared app again.
    """
    kept = dict(vars(limiter))
    address = {"DATABASE_URL": f"sqlite:///{tmp_path}/another.db"}
    yield lambda **settings: create_app(Settings.load(ENVIRONMENT | address | settings))
    vars(limiter).update(kept)


@pytest.fixture
def engine(app: Flask) -> Engine:
    """The write engine, to check the tables after a request."""
    with app.app_context():
        return db.engine


# ---------------------------------------------------------------- clients
@pytest.fixture
def anyone(app: Flask) -> Person:
    """A client without a token."""
    return Person(app)


@pytest.fixture
def make(app: Flask) -> Maker:
    return Maker(app)


@pytest.fixture
def admin(make: Maker) -> Person:
    return make.creator


@pytest.fixture
def staff(make: Maker) -> Person:
    """A mechanic without the role of an admin."""
    return make.mechanic()


@pytest.fixture
def customer(make: Maker) -> Person:
    return make.customer()


@pytest.fixture
def people(anyone: Person, customer: Person, staff: Person, admin: Person) -> dict[str, Person]:
    """A client of each role."""
    return dict(zip(ROLES, (anyone, customer, staff, admin), strict=True))


@pytest.fixture
def ids(make: Maker) -> dict[str, Any]:
    """The id of a record of each kind, by the names in the paths of the endpoint table."""
    mechanic, part = make.mechanic(), make.part()
    ticket = make.ticket(mechanic_ids=[mechanic.id])
    return {
        "customer_id": ticket.customer_id,
        "mechanic_id": mechanic.id,
        "ticket_id": ticket.id,
        "part_id": part.id,
        "path": "swagger-ui.css",
    }


# ---------------------------------------------------------------- tables
@pytest.fixture
def left(engine: Engine) -> Left:
    return Left(engine)


@pytest.fixture
def unchanged(left: Left) -> Any:
    """A context manager that fails if a table changes: ``with unchanged(): …``."""

    @contextmanager
    def context() -> Iterator[None]:
        before = left.everything()
        yield
        assert left.everything() == before

    return context


@pytest.fixture
def backdate(engine: Engine) -> Any:
    """Set the times of a record to 2020, so that a change of them is visible: ``backdate(inventory, part)``."""

    def set_back(table: Any, record: Any) -> None:
        times = {"created_at": LONG_AGO, "updated_at": LONG_AGO}
        with engine.begin() as connection:
            connection.execute(table.update().where(table.c.id == record.id).values(times))

    return set_back


@pytest.fixture
def statements(app: Flask) -> Iterator[list[str]]:
    """The SQL statements that ran. Clear the list before the request to count."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        seen.append(sql)

    with app.app_context():
        engines = list(db.engines.values())
    for each in engines:
        event.listen(each, "before_cursor_execute", note)
    yield seen
    for each in engines:
        event.remove(each, "before_cursor_execute", note)
