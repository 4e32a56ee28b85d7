"""The shop under test: one app for each database, emptied before each test, and people who call it.

Tests drive HTTP as a client would, and look afterwards at what is left behind. After each test the invariants of
the stock must hold. No test holds an app context around a call: it would share the request's session.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, insert, select
from werkzeug.test import TestResponse

from app import commands, create_app
from app.extensions import cache, db, limiter
from app.models import customers, inventory, mechanics, stock_movements, ticket_parts
from app.startup.prepare import prepare
from app.utils.auth.passwords import hash_password
from app.utils.auth.tokens import make_token
from config import Settings
from tests.support import services
from tests.support.endpoints import ROLES
from tests.support.invariants import faults

PASSWORD = "correct horse battery"
PASSWORD_HASH = hash_password(PASSWORD)
LONG_AGO = datetime(2020, 1, 1)
TABLES = tuple(reversed(db.metadata.sorted_tables))
"""Every table of the models, referring tables first, so that their rows can be deleted in this order."""
ENVIRONMENT = {
    "APP_ENV": "testing",
    "SECRET_KEY": "a secret of more than thirty-two bytes",
    "SECRET_KEY_FALLBACKS": "an older secret of more than thirty-two bytes",
    "ADMIN_EMAIL": "first@example.com",
    "ADMIN_PASSWORD": PASSWORD,
    # Off, but for the tests of limits: `app.config` is read at each request.
    **dict.fromkeys(("LIMIT_TICKET_MECHANICS", "LIMIT_TICKET_INVENTORY", "LIMIT_TICKET_DELETE"), ""),
    **dict.fromkeys(("LIMIT_REGISTER", "LIMIT_LOGIN", "LIMIT_DEFAULT"), ""),
}


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
    """The kind of database that this test runs on."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="session")
def shared_app(database: str, worker_id: str) -> Iterator[Flask]:
    """The app on a database of its own, made once for each worker."""
    name = f"shop_test_{worker_id}_{os.getpid()}"  # Another run may be under way on the same server.
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
    """The app with an empty shop: no record, no limit that was hit, nothing cached."""
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
    assert faults(engine) == []


@pytest.fixture
def another_app(tmp_path):
    """Make an app with other settings, on no database that is used: ``another_app(CORS_ORIGINS="*")``.

    The limiter is one for the whole process and serves the last app that was made; afterwards it serves the shared
    one again."""
    kept = dict(vars(limiter))
    address = {"DATABASE_URL": f"sqlite:///{tmp_path}/another.db"}
    yield lambda **settings: create_app(Settings.load(ENVIRONMENT | address | settings))
    vars(limiter).update(kept)


@pytest.fixture
def engine(app: Flask) -> Engine:
    """The writing engine, to look at what is left behind."""
    with app.app_context():
        return db.engine


# ---------------------------------------------------------------- people
class Person:
    """Someone who calls the shop, with their token where they have one."""

    def __init__(self, app: Flask, token: str | None = None, record: dict[str, Any] | None = None) -> None:
        self.app = app
        self.token = token
        self.record = record or {}

    @property
    def id(self) -> int:
        return int(self.record["id"])

    def open(self, method: str, path: str, **kwargs: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        client: FlaskClient = self.app.test_client()
        return client.open(path, method=method, headers=headers | kwargs.pop("headers", {}), **kwargs)

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("GET", path, **kwargs)

    def post(self, path: str, json: Any = None, **kwargs: Any) -> TestResponse:
        return self.open("POST", path, **({"json": json} if json is not None else {}), **kwargs)

    def put(self, path: str, json: Any = None, **kwargs: Any) -> TestResponse:
        return self.open("PUT", path, **({"json": json} if json is not None else {}), **kwargs)

    def delete(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("DELETE", path, **kwargs)


class Maker:
    """Makes what a test needs: records through HTTP as an admin would, accounts with a ready hash (it is slow)."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.numbers = count(1)
        self.boss = self.account(mechanics, role="admin", salary_cents=0)

    def account(self, table: Any, **given: Any) -> Person:
        number = next(self.numbers)
        values = {"name": f"Person {number}", "email": f"person{number}@example.com", "phone": f"555-{number:04}"}
        values |= {"password_hash": PASSWORD_HASH} | given
        with self.app.app_context():
            with db.engine.begin() as connection:
                key = connection.execute(insert(table).values(values)).inserted_primary_key[0]
            kind = "customer" if table is customers else "mechanic"
            token = make_token(kind, key, 1)["token"]
        return Person(self.app, token, values | {"id": key})

    def customer(self, **given: Any) -> Person:
        return self.account(customers, **given)

    def mechanic(self, **given: Any) -> Person:
        return self.account(mechanics, **({"salary_cents": 4_000_000} | given))

    def admin(self, **given: Any) -> Person:
        return self.mechanic(role="admin", **given)

    def part(self, **given: Any) -> SimpleNamespace:
        """A part; 10 in stock at 9.99 unless said otherwise."""
        number = next(self.numbers)
        return self.made("/inventory", {"name": f"Part {number}", "price": 9.99, "quantity": 10} | given)

    def ticket(self, **given: Any) -> SimpleNamespace:
        """A ticket of a new customer, without mechanics and parts unless said otherwise."""
        number = next(self.numbers)
        body = {"service_date": "2026-11-24", "description": f"Visit {number}", "vin": f"VIN{number}"} | given
        if "customer_id" not in body:
            body["customer_id"] = self.customer().id
        return self.made("/tickets", body)

    def made(self, path: str, body: dict[str, Any]) -> SimpleNamespace:
        answer = self.boss.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return SimpleNamespace(**answer.json)  # type: ignore[arg-type]


@pytest.fixture
def anyone(app: Flask) -> Person:
    """Someone who is not signed in."""
    return Person(app)


@pytest.fixture
def make(app: Flask) -> Maker:
    return Maker(app)


@pytest.fixture
def admin(make: Maker) -> Person:
    return make.boss


@pytest.fixture
def staff(make: Maker) -> Person:
    """A mechanic who is no admin."""
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


# ---------------------------------------------------------------- what is left behind
class Left:
    """What stands in the tables."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table, to compare before and after."""
        with self.engine.connect() as connection:
            return {table.name: sorted(map(tuple, connection.execute(select(table))), key=repr) for table in TABLES}

    def row(self, table: Any, record_id: int) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(select(table).where(table.c.id == record_id)).one()

    def stock_of(self, part: Any) -> int:
        return int(self.row(inventory, part.id).quantity)

    def movements_of(self, part: Any) -> list[tuple[str, int]]:
        """The ledger of a part, oldest first: (reason, change)."""
        ledger = select(stock_movements).where(stock_movements.c.inventory_id == part.id).order_by(stock_movements.c.id)
        with self.engine.connect() as connection:
            return [(row.reason, row.change) for row in connection.execute(ledger)]

    def lines_of(self, ticket: Any) -> dict[int, int]:
        """The parts on a ticket: part id → count."""
        with self.engine.connect() as connection:
            lines = connection.execute(select(ticket_parts).where(ticket_parts.c.ticket_id == ticket.id))
            return {line.inventory_id: line.quantity for line in lines}


@pytest.fixture
def left(engine: Engine) -> Left:
    return Left(engine)


@pytest.fixture
def unchanged(left: Left) -> Any:
    """A context in which no table may change: ``with unchanged(): …``."""

    @contextmanager
    def context() -> Iterator[None]:
        before = left.everything()
        yield
        assert left.everything() == before

    return context


@pytest.fixture
def backdate(engine: Engine) -> Any:
    """Set a record's times to long ago, so that a change of them shows: ``backdate(inventory, part)``."""

    def set_back(table: Any, record: Any) -> None:
        times = {"created_at": LONG_AGO, "updated_at": LONG_AGO}
        with engine.begin() as connection:
            connection.execute(table.update().where(table.c.id == record.id).values(times))

    return set_back


@pytest.fixture
def statements(app: Flask) -> Iterator[list[str]]:
    """The SQL statements that ran; clear it before what you count."""
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
