"""Concurrent requests for one email address: only one account gets it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select

from app.models import customers, mechanics
from tests.support.environment import PASSWORD

CALLS = 4


def at_once(*calls):
    """Run all calls at once. Return their responses."""
    start = Barrier(len(calls))

    def call(act):
        start.wait(10)
        return act()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


@pytest.fixture
def account_count(engine):
    """Return a function that counts the accounts with an email."""

    def count(table, email):
        with engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(table).where(table.c.email == email)).scalar_one()

    return count


def test_concurrent_registrations_of_one_email_create_one_account(anyone, account_count):
    ann = {"name": "Ann", "password": PASSWORD}
    emails = ["ann@example.com", "ANN@example.com", "Ann@Example.com", "ann@EXAMPLE.com"]
    responses = at_once(*(lambda email=email: anyone.post("/customers", ann | {"email": email}) for email in emails))
    assert sorted(response.status_code for response in responses) == [201, 409, 409, 409]
    assert account_count(customers, "ann@example.com") == 1


def test_concurrent_changes_to_one_email_update_one_account(make, admin, account_count):
    accounts = [make.mechanic() for _ in range(CALLS)]
    body = {"email": "max@example.com"}
    responses = at_once(*(lambda account=account: admin.put(f"/mechanics/{account.id}", body) for account in accounts))
    assert sorted(response.status_code for response in responses) == [200, 409, 409, 409]
    assert account_count(mechanics, "max@example.com") == 1
    for account, response in zip(accounts, responses, strict=True):
        email = admin.get(f"/mechanics/{account.id}").json["email"]
        assert email == ("max@example.com" if response.status_code == 200 else account.record["email"])
