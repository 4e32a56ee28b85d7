"""The response cache of the inventory while Redis fails: never stale, never an error, and computed once."""

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
from tests.support.simultaneous import at_once


class MemoryRedis:
    """A Redis client with one value. The commands in ``failing`` fail after ``delay`` seconds."""

    def __init__(self):
        self.value, self.failing, self.calls, self.delay, self.error = None, set(), [], 0.0, RedisError

    def record_call(self, name):
        self.calls.append(name)
        if name in self.failing:
            time.sleep(self.delay)
            raise self.error("Redis is gone.")

    def get(self, _key):
        self.record_call("get")
        return self.value

    def set(self, _key, value, *, nx=False):
        self.record_call("set")
        self.value = self.value if nx and self.value else value


@pytest.fixture
def redis_stub():
    return MemoryRedis()


@pytest.fixture
def inventory_cache(app, monkeypatch, redis_stub):
    """An inventory cache of its own, with a Redis that fails on demand."""
    until(lambda: all(thread.name != "cache" for thread in threading.enumerate()), 5, "the end of another test's retries")
    redis = RedisClient("redis://127.0.0.1:1/0")
    redis.client = redis_stub
    made = InventoryCache(redis)
    monkeypatch.setattr(app, "inventory_cache", made)
    yield made
    until(lambda: not made.pending_invalidations, 5, "the end of the retries")


def quantity(person):
    (part,) = person.get("/inventory").json
    return part["quantity"]


@pytest.mark.databases("sqlite")
def test_failed_invalidation_is_retried(staff, make, inventory_cache, redis_stub):
    """The cache fails during a write alone. Meanwhile this process reads from the database; a tenth of a second after the
    cache is back, it serves current responses from the cache again."""
    part = make.part(quantity=5)
    assert quantity(staff) == 5
    redis_stub.failing = {"set"}
    assert staff.put(f"/inventory/{part.id}", json={"quantity": 4}).status_code == 200
    assert inventory_cache.pending_invalidations == 1
    assert quantity(staff) == 4
    redis_stub.failing = set()
    assert until(lambda: not inventory_cache.pending_invalidations, 5, "the invalidation") < 1
    inventory_cache.version.redis.open_until = 0.0
    assert [quantity(staff) for _ in range(3)] == [4] * 3


@pytest.mark.databases("sqlite")
def test_invalidation_that_fails_during_a_retry_is_retried_too(staff, make, inventory_cache, monkeypatch):
    """The retrying thread has just replaced the version when the invalidation of the next write fails: the thread must
    replace the version once more, or other processes would never learn of that write."""
    make.part(quantity=5)
    real, retries, redis_is_down = inventory_cache.version.replace, [], threading.Event()
    redis_is_down.set()

    def replace():
        if threading.current_thread().name != "cache":
            if redis_is_down.is_set():
                raise RedisUnavailable
        else:
            retries.append(1)
            if len(retries) == 1:
                real()
                fail_meanwhile()
                return
        real()

    def fail_meanwhile():
        """Fail the invalidation of another thread right after the version was replaced."""
        other = threading.Thread(target=invalidate_in_another_thread)
        other.start()
        other.join()

    def invalidate_in_another_thread():
        with staff.app.app_context():
            inventory_cache.invalidate()

    monkeypatch.setattr(inventory_cache.version, "replace", replace)
    invalidate_in_another_thread()
    until(lambda: not inventory_cache.pending_invalidations, 5, "the invalidation")
    assert len(retries) == 2


@pytest.mark.databases("sqlite")
def test_failing_cache_does_not_change_a_response(customer, make, redis_stub, inventory_cache):
    """The response is that of the database, including the ETag, and the next reads skip the cache."""
    make.part(quantity=5)
    expected = customer.get("/inventory")
    with customer.app.app_context():
        cache.clear()
    redis_stub.failing = {"get"}
    response = customer.get("/inventory")
    assert (response.status_code, response.data) == (200, expected.data)
    assert response.headers["ETag"] == expected.headers["ETag"]
    calls = len(redis_stub.calls)
    assert customer.get("/inventory").data == expected.data
    assert len(redis_stub.calls) == calls, "the circuit breaker is closed"


@pytest.mark.databases("sqlite")
def test_frozen_cache_delays_only_one_request(customer, make, inventory_cache, redis_stub):
    """A call times out after 0.2 s, and no further call is made for a second."""
    make.part()
    redis_stub.calls.clear()
    redis_stub.failing, redis_stub.delay, redis_stub.error = {"get", "set"}, 0.2, RedisTimeout
    for _ in range(10):
        assert customer.get("/inventory").status_code == 200
    assert len(redis_stub.calls) == 1


@pytest.mark.databases("sqlite")
def test_cache_is_used_again_after_the_circuit_breaker_closes(customer, make, redis_stub, inventory_cache, statements):
    make.part()
    redis_stub.failing = {"get"}
    customer.get("/inventory")
    redis_stub.failing = set()
    inventory_cache.version.redis.open_until = 0.0
    customer.get("/inventory")
    statements.clear()
    assert customer.get("/inventory").status_code == 200
    assert [sql for sql in statements if "inventory" in sql] == [], "the list was not served from the cache"


@pytest.mark.databases("sqlite")
def test_replay_makes_up_for_a_lost_invalidation(staff, make, inventory_cache, monkeypatch):
    """The process ended between the commit and the invalidation, and the client repeats the request at another process."""
    part, key = make.part(quantity=5), {"Idempotency-Key": "once"}
    new = {"name": "Oil", "price": 1}
    monkeypatch.setattr(inventory_cache, "invalidate", lambda: None)
    assert len(staff.get("/inventory").json) == 1
    made = staff.post("/inventory", json=new, headers=key).json["id"]
    assert len(staff.get("/inventory").json) == 1, "the cache was invalidated"
    monkeypatch.undo()
    monkeypatch.setattr(staff.app, "inventory_cache", inventory_cache)
    again = staff.post("/inventory", json=new, headers=key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert [each["id"] for each in staff.get("/inventory").json] == [part.id, made]


def test_expired_list_is_read_once_by_simultaneous_requests(customer, make, statements, monkeypatch):
    """Single-flight: eight simultaneous requests take as many statements as one."""
    for _ in range(3):
        make.part()
    customer.get("/inventory")

    def statements_of(number):
        with customer.app.app_context():
            cache.clear()
        statements.clear()
        responses = at_once(*[lambda: customer.get("/inventory")] * number)
        assert len({response.data for response in responses}) == 1
        return len([sql for sql in statements if "inventory" in sql])

    statements_of_one = statements_of(1)
    assert statements_of_one >= 1
    assert statements_of(8) == statements_of_one


@pytest.mark.databases("sqlite")
def test_without_single_flight_each_request_reads_the_list(customer, make, statements, monkeypatch):
    """The control of the test above: each request has a lock of its own."""
    make.part()
    monkeypatch.setattr(InventoryCache, "key_lock", lambda *_: threading.Lock())
    real = module.store

    def store_slowly(*args):
        time.sleep(0.1)
        return real(*args)

    monkeypatch.setattr(module, "store", store_slowly)
    customer.get("/inventory")
    with customer.app.app_context():
        cache.clear()
    statements.clear()
    at_once(*[lambda: customer.get("/inventory")] * 4)
    assert len([sql for sql in statements if "FROM inventory" in sql]) > 2
