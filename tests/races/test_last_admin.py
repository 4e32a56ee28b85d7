"""The last admin can be neither deleted nor demoted, not even where two admins try at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select

from app.blueprints.mechanic import routes
from app.models import mechanics
from app.utils.db.statements import fetch_all

SECONDS = 10
DEMOTED = {"role": "mechanic"}


def demote(caller, other):
    return caller.put(f"/mechanics/{other.id}", DEMOTED)


def delete(caller, other):
    return caller.delete(f"/mechanics/{other.id}")


@pytest.fixture
def admins_left(engine):
    def count():
        admins = select(func.count()).select_from(mechanics).where(routes.NOT_DELETED, mechanics.c.role == "admin")
        with engine.connect() as connection:
            return connection.execute(admins).scalar_one()

    return count


@pytest.fixture
def both(monkeypatch):
    """Run two calls at once. Both have passed the check of their role before either looks for other admins."""

    def run(*calls):
        meeting, real = Barrier(2), routes.require_other_admin
        waiting = [True, True]

        def meet_first(mechanic_id):
            if waiting:  # A transaction that is tried again meets nobody.
                waiting.pop()
                meeting.wait(SECONDS)
            real(mechanic_id)

        monkeypatch.setattr(routes, "require_other_admin", meet_first)
        with ThreadPoolExecutor(2) as pool:
            answers = [each.result() for each in [pool.submit(*call) for call in calls]]
        monkeypatch.setattr(routes, "require_other_admin", real)
        return answers

    return run


@pytest.mark.parametrize("first", [demote, delete])
@pytest.mark.parametrize("second", [demote, delete])
@pytest.mark.parametrize("whom", ["each other", "themselves"])
def test_of_the_last_two_admins_only_one_goes(admin, make, both, admins_left, first, second, whom):
    other = make.admin()
    one, two = (other, admin) if whom == "each other" else (admin, other)
    answers = both((first, admin, one), (second, other, two))
    refused = [answer for answer in answers if answer.status_code == 409]
    assert len(refused) == 1, [answer.status_code for answer in answers]
    assert refused[0].json["detail"] == "The last admin can be neither deleted nor demoted."
    assert min(answer.status_code for answer in answers) in (200, 204)
    assert admins_left() == 1


def test_of_three_admins_two_go_at_once(admin, make, both, admins_left):
    second, third = make.admin(), make.admin()
    answers = both((demote, admin, second), (delete, admin, third))
    assert sorted(answer.status_code for answer in answers) == [200, 204]
    assert admins_left() == 1


def test_both_go_where_the_admins_are_not_locked(database, admin, make, monkeypatch, admins_left):
    """The control: without the lock, what the test above counts would be none. SQLite locks all of itself, so that two
    transactions never read side by side there."""
    if database == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    meeting, other = Barrier(2), make.admin()
    unlocked = select(mechanics.c.id).where(routes.NOT_DELETED, mechanics.c.role == "admin")

    def require_other_admin(mechanic_id):
        admins = [row.id for row in fetch_all(unlocked)]
        meeting.wait(SECONDS)
        if admins == [mechanic_id]:
            raise routes.LastAdmin

    monkeypatch.setattr(routes, "require_other_admin", require_other_admin)
    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(demote, admin, other), pool.submit(demote, other, admin)]:
            each.result()
    assert admins_left() == 0
