"""A search reads every record of its list: it has an end, so that a few of them don't hold all threads of a process."""

import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import create_app
from app.demo import Demo, fill, finish
from app.start import prepare
from app.utils import pagination
from app.utils.auth import make_token
from app.utils.bounded import ENDED, TooLong, at_most
from app.utils.database import CONFLICTS
from app.utils.engines import code_of
from app.utils.extensions import db
from config import Settings
from tests import services
from tests.conftest import ENVIRONMENT, Person
from tests.utils.failing import conflict

pytestmark = pytest.mark.slow
NOWHERE = "/tickets?q=nothing+like+it"
MANY = 10_000
"""So many tickets that no database looks into each in a millisecond, and into each of each in any time."""
LONG = text("SELECT count(*) FROM service_tickets a, service_tickets b, service_tickets c WHERE a.id + b.id + c.id = 0")
SEARCH = text("SELECT count(*) FROM service_tickets WHERE lower(description) LIKE '%nothing like it%'")
ALL = text("SELECT count(*) FROM service_tickets")


@pytest.fixture(scope="module")
def shop(database, worker_id):
    name = f"shop_searching_{worker_id}"
    app = create_app(Settings.load(ENVIRONMENT | {"DATABASE_URL": services.fresh_database(database, name)}))
    prepare(app)
    with app.app_context():
        with db.engine.begin() as connection:
            fill(connection, Demo(MANY))
        with db.engines["reads"].connect() as connection:
            finish(connection)
        engines = list(db.engines.values())
    yield app
    for engine in engines:
        engine.dispose()
    services.drop_database(database, name)


@pytest.fixture
def staff(shop):
    with shop.app_context():
        return Person(shop, make_token("mechanic", 1, 1)["token"])


@pytest.mark.parametrize("path", [NOWHERE, f"{NOWHERE}&after=9799"])
def test_a_search_that_would_take_too_long_is_refused(staff, monkeypatch, path):
    """In a millisecond no database looks into so many records. What is not searched has all the time that it needs, and so
    has the next search, on whatever connection."""
    monkeypatch.setattr(pagination, "SEARCH_SECONDS", 0.001)
    refused = staff.get(path)
    assert refused.status_code == 422
    assert list(refused.json["errors"]) == ["q"]
    assert "narrow the list" in refused.json["errors"]["q"][0]
    assert len(staff.get("/tickets?per_page=100").json) == 100
    monkeypatch.undo()
    for _ in range(4):
        found = staff.get(path)
        assert (found.status_code, found.json) == (200, [])


def test_a_search_narrowed_by_other_filters_is_answered(staff, monkeypatch):
    """As the refusal advises."""
    monkeypatch.setattr(pagination, "SEARCH_SECONDS", 0.05)
    found = staff.get("/tickets?q=visit+1234&vin=VIN00000000001234")
    assert [ticket["id"] for ticket in found.json] == [1234]


def test_a_statement_is_ended_in_time_and_the_connection_serves_on(shop):
    with shop.app_context(), db.engines["reads"].connect() as connection:
        began = time.monotonic()
        with pytest.raises(TooLong), at_most(connection, 0.3):
            connection.execute(LONG)
        assert 0.2 < time.monotonic() - began < 5
        with at_most(connection, 5):
            assert connection.execute(ALL).scalar() == MANY
        with pytest.raises(TooLong), at_most(connection, 0.001):
            connection.execute(SEARCH)
        assert connection.execute(SEARCH).scalar() == 0, "the bound was not taken off"


def test_another_error_stays_what_it_is(shop):
    with shop.app_context(), db.engines["reads"].connect() as connection:
        with pytest.raises(DBAPIError), at_most(connection, 1):
            connection.execute(text("SELECT nothing FROM nowhere"))
        assert connection.execute(ALL).scalar() == MANY


@pytest.mark.databases("mariadb")
def test_what_a_connection_was_given_before_is_given_back(shop):
    """An account may have a limit of its own, which is not the server's."""
    with shop.app_context(), db.engines["reads"].connect() as connection:
        connection.exec_driver_sql("SET SESSION max_statement_time = 7")
        with at_most(connection, 0.5):
            assert connection.exec_driver_sql("SELECT @@max_statement_time").scalar() == 0.5
        assert connection.exec_driver_sql("SELECT @@max_statement_time").scalar() == 7
        connection.invalidate()


def test_an_error_of_one_database_is_no_other_s():
    """SQLite counts its errors from 1, and so does MySQL those of its files: 5 is no memory, and 9 a file that breaks off."""
    for number in (5, 6, 9):
        assert code_of(conflict("mariadb", number)) == number
        assert number not in CONFLICTS | ENDED
    assert code_of(conflict("sqlite", 5)) in CONFLICTS
