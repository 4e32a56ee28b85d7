"""The cached inventory where its cache fails at a chosen moment: never stale, never an error, and computed once."""

import threading
import time

import pytest
from redis import RedisError
from redis import TimeoutError as RedisTimeout

from app.blueprints.inventory import cache as module
from app.blueprints.inventory.cache import InventoryCache
from app.extensions import cache
from app.utils.redis import RedisClient, RedisUnavailable
from tests.support.processes import until
from tests.support.together import at_once


class MemoryRedis:
    """A client that keeps one value, and fails in the commands that are in ``failing``, after ``waits`` seconds."""

    def __init__(self):
        self.value, self.failing, self.calls, self.waits, self.error = None, set(), [], 0.0, RedisError

    def called(self, name):
        self.calls.append(name)
        if name in self.failing:
            time.sleep(self.waits)
            raise self.error("Redis is gone.")

    def get(self, _key):
        self.called("get")
        return self.value

    def set(self, _key, value, *, nx=False):
        self.called("set")
        self.value = self.value if nx and self.value else value


@pytest.fixture
def fault():
    return MemoryRedis()


@pytest.fixture
def catalog(app, monkeypatch, fault):
    """An inventory cache of its own, over a Redis that fails when it is told to."""
    until(lambda: all(thread.name != "cache" for thread in threading.enumerate()), 5, "the end of another test's retries")
    redis = RedisClient("redis://127.0.0.1:1/0")
    redis.client = fault
    made = InventoryCache(redis)
    monkeypatch.setattr(app, "inventory_cache", made)
    yield made
    until(lambda: not made.pending_invalidations, 5, "the end of the retries")


def quantity(person):
    (part,) = person.get("/inventory").json
    return part["quantity"]


@pytest.mark.databases("sqlite")
def test_a_write_that_the_cache_did_not_hear_of_is_told_as_soon_as_it_can_be(staff, make, catalog, fault):
    """The cache fails during a write alone. Meanwhile this process reads from the database, and a tenth of a second after
    the cache is back it serves from it again, and nothing from before."""
    part = make.part(quantity=5)
    assert quantity(staff) == 5
    fault.failing = {"set"}
    assert staff.put(f"/inventory/{part.id}", json={"quantity": 4}).status_code == 200
    assert catalog.pending_invalidations == 1
    assert quantity(staff) == 4
    fault.failing = set()
    assert until(lambda: not catalog.pending_invalidations, 5, "the telling") < 1
    catalog.version.redis.breaker.open_until = 0.0
    assert [quantity(staff) for _ in range(3)] == [4] * 3


@pytest.mark.databases("sqlite")
def test_a_write_that_fails_while_another_is_told_is_told_too(staff, make, catalog, monkeypatch):
    """The thread has just set a version when the next write can't: it must set one more, or that write stays unknown."""
    make.part(quantity=5)
    real, told, gone = catalog.version.replace, [], threading.Event()
    gone.set()

    def replace():
        if threading.current_thread().name != "cache":
            if gone.is_set():
                raise RedisUnavailable
        else:
            told.append(1)
            if len(told) == 1:
                real()
                meanwhile()
                return
        real()

    def meanwhile():
        """A write of another thread fails to tell the cache, right after the version was set."""
        other = threading.Thread(target=fail_again)
        other.start()
        other.join()

    def fail_again():
        with staff.app.app_context():
            catalog.invalidate()

    monkeypatch.setattr(catalog.version, "replace", replace)
    fail_again()
    until(lambda: not catalog.pending_invalidations, 5, "the telling")
    assert len(told) == 2


@pytest.mark.databases("sqlite")
def test_a_cache_that_fails_in_a_read_changes_no_answer(customer, make, fault, catalog):
    """The answer is the database's, ETag and all, and the next are read from there without asking the cache."""
    make.part(quantity=5)
    expected = customer.get("/inventory")
    with customer.app.app_context():
        cache.clear()
    fault.failing = {"get"}
    answer = customer.get("/inventory")
    assert (answer.status_code, answer.data) == (200, expected.data)
    assert answer.headers["ETag"] == expected.headers["ETag"]
    asked = len(fault.calls)
    assert customer.get("/inventory").data == expected.data
    assert len(fault.calls) == asked, "it rests"


@pytest.mark.databases("sqlite")
def test_a_frozen_cache_costs_one_wait_and_not_one_each_request(customer, make, catalog, fault):
    """«None waits more than a second»: each call gives up after 0.2 s, and for a second afterwards none is made."""
    make.part()
    fault.calls.clear()
    fault.failing, fault.waits, fault.error = {"get", "set"}, 0.2, RedisTimeout
    for _ in range(10):
        assert customer.get("/inventory").status_code == 200
    assert len(fault.calls) == 1


@pytest.mark.databases("sqlite")
def test_after_its_rest_the_cache_is_asked_again(customer, make, fault, catalog, statements):
    make.part()
    fault.failing = {"get"}
    customer.get("/inventory")
    fault.failing = set()
    catalog.version.redis.breaker.open_until = 0.0
    customer.get("/inventory")
    statements.clear()
    assert customer.get("/inventory").status_code == 200
    assert [sql for sql in statements if "inventory" in sql] == [], "it is served from the cache"


@pytest.mark.databases("sqlite")
def test_a_write_whose_teller_was_killed_is_told_when_it_is_answered_again(staff, make, catalog, monkeypatch):
    """Its process ended between the commit and the version, and the client repeats the request at another one."""
    part, key = make.part(quantity=5), {"Idempotency-Key": "once"}
    new = {"name": "Oil", "price": 1}
    monkeypatch.setattr(catalog, "invalidate", lambda: None)
    assert len(staff.get("/inventory").json) == 1
    made = staff.post("/inventory", json=new, headers=key).json["id"]
    assert len(staff.get("/inventory").json) == 1, "nobody has been told"
    monkeypatch.undo()
    monkeypatch.setattr(staff.app, "inventory_cache", catalog)
    again = staff.post("/inventory", json=new, headers=key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert [each["id"] for each in staff.get("/inventory").json] == [part.id, made]


def test_an_expired_list_is_read_once_and_not_by_all_who_wait(customer, make, statements, monkeypatch):
    """Eight ask at once for a list that is not there: the database is asked as often as for one of them."""
    for _ in range(3):
        make.part()
    customer.get("/inventory")

    def read_by(number):
        with customer.app.app_context():
            cache.clear()
        statements.clear()
        answers = at_once(*[lambda: customer.get("/inventory")] * number)
        assert len({answer.data for answer in answers}) == 1
        return len([sql for sql in statements if "inventory" in sql])

    one = read_by(1)
    assert one >= 1
    assert read_by(8) == one


@pytest.mark.databases("sqlite")
def test_reading_by_all_who_wait_would_be_found_out(customer, make, statements, monkeypatch):
    """Sabotaged: each has a lock of its own."""
    make.part()
    monkeypatch.setattr(InventoryCache, "key_lock", lambda *_: threading.Lock())
    real = module.store

    def slowly(*args):
        time.sleep(0.1)
        return real(*args)

    monkeypatch.setattr(module, "store", slowly)
    customer.get("/inventory")
    with customer.app.app_context():
        cache.clear()
    statements.clear()
    at_once(*[lambda: customer.get("/inventory")] * 4)
    assert len([sql for sql in statements if "FROM inventory" in sql]) > 2
