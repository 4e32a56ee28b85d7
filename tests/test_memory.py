"""The memory of a running shop: small, and flat over many requests."""

import pytest

from tests.support.start import ADMIN, NO_LIMITS, Start, copy_of_the_shop, memory

REQUESTS = 10_000
MAX_MIB, MAX_GROWTH_MIB = 120, 3


def work(shop, connection, token, part):
    """Yield (status, body) of requests of every kind, good and bad, without end."""

    def call(method, path, body=None):
        return shop.call(method, path, body, token, connection)

    number = 0
    while True:
        number += 1
        new = {"name": f"Customer {number}", "email": f"c{number}@example.com"}
        yield call("POST", "/customers", new | {"password": "short"})
        if number % 50 == 1:  # Hashing a password takes 20 ms.
            _, customer = call("POST", "/customers", new | {"password": "long enough"})
        line = {"inventory_id": part, "quantity": 1}
        ticket = {"customer_id": customer["id"], "service_date": "2026-11-24", "description": "Oil", "vin": f"VIN{number}"}
        status, opened = call("POST", "/tickets", ticket | {"parts": [line]})
        yield status, opened
        path = f"/tickets/{opened['id']}"
        yield call("PUT", f"{path}/inventory", {"add_parts": [line]})
        yield call("PUT", f"{path}/inventory", {"remove_parts": [line | {"quantity": 5}]})
        for list_of in (
            "/inventory",
            "/tickets?per_page=5",
            "/customers?q=Customer",
            f"/inventory/{part}/movements",
            "/openapi.json",
        ):
            yield call("GET", list_of)
        for one in (path, f"/inventory/{part}", "/tickets/999999", "/nowhere", "/tickets?page=x"):
            yield call("GET", one)
        yield call("DELETE", path)


@pytest.mark.slow
def test_memory_stays_flat_over_ten_thousand_requests(tmp_path):
    (tmp_path / "shop").mkdir()
    with Start(copy_of_the_shop(tmp_path / "shop"), **ADMIN, **NO_LIMITS) as shop:
        token = shop.log_in()
        connection = shop.connect()
        part = {"name": "Oil filter", "price": 9.99, "quantity": 100_000}
        status, made = shop.call("POST", "/inventory", part, token)
        assert status == 201
        requests, seen = work(shop, connection, token, made["id"]), []
        for number in range(REQUESTS + 1):
            if number in (0, REQUESTS // 2, REQUESTS):
                seen.append(memory(shop.process.pid))
            status, _ = next(requests)
            assert status < 500
        connection.close()
        assert shop.end()[0] == 0
    everything, (first, half, last) = zip(*seen, strict=True)
    print(f"{max(everything):.1f} MiB; of its own {first:.1f} at first, {half:.1f} at half, {last:.1f} at last")
    assert max(everything) < MAX_MIB
    assert last - half < MAX_GROWTH_MIB
