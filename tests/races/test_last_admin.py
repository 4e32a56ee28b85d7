"""The last admin can be neither deleted nor demoted, even by two requests at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select

from app.blueprints.mechanic import service
from app.models import mechanics
from app.utils.db.statements import fetch_all

TIMEOUT = 10
DEMOTED = {"role": "mechanic"}


def demote(caller, other):
    return caller.put(f"/mechanics/{other.id}", DEMOTED)


def delete(caller, other):
    return caller.delete(f"/mechanics/{other.id}")


@pytest.fixture
def admins_left(engine):
    def count():
        admins = select(func.count()).select_from(mechanics).where(service.NOT_DELETED, mechanics.c.role == "admin")
        with engine.connect() as connection:
            return connection.execute(admins).scalar_one()

    return count


@pytest.fixture
def both(monkeypatch):
    """Run two calls at once. Both pass the check of the role before either counts the other admins."""

    def run(*calls):
        barrier, real = Barrier(2), service.require_other_admin
        pending = [True, True]

        def wait_then_check(mechanic_id):
            if pending:  # A retried transaction does not wait.
                pending.pop()
                barrier.wait(TIMEOUT)
            real(mechanic_id)

        monkeypatch.setattr(service, "require_other_admin", wait_then_check)
        with ThreadPoolExecutor(2) as pool:
            responses = [future.result() for future in [pool.submit(*call) for call in calls]]
        monkeypatch.setattr(service, "require_other_admin", real)
        return responses

    return run


@pytest.mark.parametrize("first", [demote, delete])
@pytest.mark.parametrize("second", [demote, delete])
@pytest.mark.parametrize("target", ["each other", "themselves"])
def test_only_one_of_the_last_two_admins_is_removed(admin, make, both, admins_left, first, second, target):
    other = make.admin()
    first_target, second_target = (other, admin) if target == "each other" else (admin, other)
    responses = both((first, admin, first_target), (second, other, second_target))
    refused = [response for response in responses if response.status_code == 409]
    assert len(refused) == 1, [response.status_code for response in responses]
    assert refused[0].json["detail"] == "The last admin can be neither deleted nor demoted."
    assert min(response.status_code for response in responses) in (200, 204)
    assert admins_left() == 1


def test_two_of_three_admins_are_removed_at_once(admin, make, both, admins_left):
    second, third = make.admin(), make.admin()
    responses = both((demote, admin, second), (delete, admin, third))
    assert sorted(response.status_code for response in responses) == [200, 204]
    assert admins_left() == 1


def test_missing_lock_on_admins_is_detected(database, admin, make, monkeypatch, admins_left):
    """Control: without the row lock, both admins are removed and none is left.

    Does not apply to SQLite, whose transactions never overlap.
    """
    if database == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    barrier, other = Barrier(2), make.admin()
    unlocked = select(mechanics.c.id).where(service.NOT_DELETED, mechanics.c.role == "admin")

    def require_other_admin(mechanic_id):
        admins = [row.id for row in fetch_all(unlocked)]
        barrier.wait(TIMEOUT)
        if admins == [mechanic_id]:
            raise service.LastAdmin

    monkeypatch.setattr(service, "require_other_admin", require_other_admin)
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(demote, admin, other), pool.submit(demote, other, admin)]:
            future.result()
    assert admins_left() == 0
