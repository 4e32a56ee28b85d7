"""A search reads every record of its list, and has an end: none holds a thread for as long as that takes."""

import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.extensions import db
from app.utils.api import pagination
from app.utils.auth.tokens import make_token
from app.utils.db.timeouts import StatementTimeout, statement_timeout
from tests.conftest import Person
from tests.support.demo_shop import demo_shop

pytestmark = pytest.mark.slow
NOWHERE = "/tickets?q=nothing+like+it"
MANY = 10_000
"""So many tickets that no database looks into each in a millisecond, and into each of each in any time."""
LONG = text("SELECT count(*) FROM service_tickets a, service_tickets b, service_tickets c WHERE a.id + b.id + c.id = 0")
SEARCH = text("SELECT count(*) FROM service_tickets WHERE lower(description) LIKE '%nothing like it%'")
ALL = text("SELECT count(*) FROM service_tickets")


@pytest.fixture(scope="module")
def shop(database, worker_id):
    with demo_shop(database, f"shop_searching_{worker_id}", MANY) as app:
        yield app


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
        with pytest.raises(StatementTimeout), statement_timeout(connection, 0.3):
            connection.execute(LONG)
        assert 0.2 < time.monotonic() - began < 5
        with statement_timeout(connection, 5):
            assert connection.execute(ALL).scalar() == MANY
        with pytest.raises(StatementTimeout), statement_timeout(connection, 0.001):
            connection.execute(SEARCH)
        assert connection.execute(SEARCH).scalar() == 0, "the bound was not taken off"


def test_another_error_stays_what_it_is(shop):
    with shop.app_context(), db.engines["reads"].connect() as connection:
        with pytest.raises(DBAPIError), statement_timeout(connection, 1):
            connection.execute(text("SELECT nothing FROM nowhere"))
        assert connection.execute(ALL).scalar() == MANY


@pytest.mark.databases("mariadb")
def test_what_a_connection_was_given_before_is_given_back(shop):
    """An account may have a limit of its own, which is not the server's."""
    with shop.app_context(), db.engines["reads"].connect() as connection:
        connection.exec_driver_sql("SET SESSION max_statement_time = 7")
        with statement_timeout(connection, 0.5):
            assert connection.exec_driver_sql("SELECT @@max_statement_time").scalar() == 0.5
        assert connection.exec_driver_sql("SELECT @@max_statement_time").scalar() == 7
        connection.invalidate()
