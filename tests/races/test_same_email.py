"""An email is one account's, however many ask for it at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select

from app.models import customers, mechanics
from tests.conftest import PASSWORD

CALLS = 4


def at_once(*calls):
    """Run calls at once; their answers."""
    start = Barrier(len(calls))

    def call(act):
        start.wait(10)
        return act()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


@pytest.fixture
def holders(engine):
    """How many accounts have an email."""

    def count(table, email):
        with engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(table).where(table.c.email == email)).scalar_one()

    return count


def test_of_many_who_register_one_email_one_is_taken_on(anyone, holders):
    ann = {"name": "Ann", "password": PASSWORD}
    emails = ["ann@example.com", "ANN@example.com", "Ann@Example.com", "ann@EXAMPLE.com"]
    answers = at_once(*(lambda email=email: anyone.post("/customers", ann | {"email": email}) for email in emails))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert holders(customers, "ann@example.com") == 1


def test_of_two_who_change_to_one_email_one_gets_it(make, admin, holders):
    people = [make.mechanic() for _ in range(CALLS)]
    body = {"email": "max@example.com"}
    answers = at_once(*(lambda each=each: admin.put(f"/mechanics/{each.id}", body) for each in people))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert holders(mechanics, "max@example.com") == 1
    for person, answer in zip(people, answers, strict=True):
        held = admin.get(f"/mechanics/{person.id}").json["email"]
        assert held == ("max@example.com" if answer.status_code == 200 else person.record["email"])
