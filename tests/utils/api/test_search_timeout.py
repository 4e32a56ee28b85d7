"""The timeout of a search: a search scans its whole list, and must not occupy a thread for long."""

import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.extensions import db
from app.utils.api import pagination
from app.utils.auth.tokens import make_token
from app.utils.db.timeouts import StatementTimeout, statement_timeout
from tests.support.clients import Person
from tests.support.demo_shop import demo_shop

pytestmark = pytest.mark.slow
NO_MATCH = "/tickets?q=nothing+like+it"
TICKETS = 10_000
"""Enough that no database scans them in a millisecond, or their cross product in any time."""
LONG = text("SELECT count(*) FROM service_tickets a, service_tickets b, service_tickets c WHERE a.id + b.id + c.id = 0")
SEARCH = text("SELECT count(*) FROM service_tickets WHERE lower(description) LIKE '%nothing like it%'")
ALL = text("SELECT count(*) FROM service_tickets")


@pytest.fixture(scope="module")
def shop(database, worker_id):
    with demo_shop(database, f"shop_searching_{worker_id}", TICKETS) as app:
        yield app


@pytest.fixture
def staff(shop):
    with shop.app_context():
        return Person(shop, make_token("mechanic", 1, 1))


@pytest.mark.parametrize("path", [NO_MATCH, f"{NO_MATCH}&after=9799"])
def test_slow_search_is_422(staff, monkeypatch, path):
    """The timeout of a millisecond applies to searches only, and not to the next statement on the same connection."""
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


def test_search_narrowed_by_filters_succeeds(staff, monkeypatch):
    """The advice of the 422."""
    monkeypatch.setattr(pagination, "SEARCH_SECONDS", 0.05)
    found = staff.get("/tickets?q=visit+1234&vin=VIN00000000001234")
    assert [ticket["id"] for ticket in found.json] == [1234]


def test_slow_statement_is_cancelled_and_the_connection_stays_usable(shop):
    with shop.app_context(), db.engines["reads"].connect() as connection:
        began = time.monotonic()
        with pytest.raises(StatementTimeout), statement_timeout(connection, 0.3):
            connection.execute(LONG)
        assert 0.2 < time.monotonic() - began < 5
        with statement_timeout(connection, 5):
            assert connection.execute(ALL).scalar() == TICKETS
        with pytest.raises(StatementTimeout), statement_timeout(connection, 0.001):
            connection.execute(SEARCH)
        assert connection.execute(SEARCH).scalar() == 0, "the timeout was not reset"


def test_other_error_is_raised_unchanged(shop):
    with shop.app_context(), db.engines["reads"].connect() as connection:
        with pytest.raises(DBAPIError), statement_timeout(connection, 1):
            connection.execute(text("SELECT nothing FROM nowhere"))
        assert connection.execute(ALL).scalar() == TICKETS


@pytest.mark.databases("mariadb")
def test_timeout_of_the_account_is_restored(shop):
    """An account may have a timeout that differs from the server's."""
    with shop.app_context(), db.engines["reads"].connect() as connection:
        connection.exec_driver_sql("SET SESSION max_statement_time = 7")
        with statement_timeout(connection, 0.5):
            assert connection.exec_driver_sql("SELECT @@max_statement_time").scalar() == 0.5
        assert connection.exec_driver_sql("SELECT @@max_statement_time").scalar() == 7
        connection.invalidate()
