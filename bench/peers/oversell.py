"""python3 oversell.py BASE_URL TOKEN [ORDERS [QUANTITY]]: order a scarce part from many clients at once.

Each order takes one unit. Exactly QUANTITY (100) of ORDERS (300) orders succeed; the others are 409, no response is a 5xx, and the
stock ends at zero. Every order also takes a plentiful part, and half of the orders name that part first: a server that locks parts in
the order of the request deadlocks.
"""
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from client import Client

SCARCE, PLENTIFUL = 1999, 2000


def main() -> None:
    client = Client(sys.argv[1].rstrip("/"), sys.argv[2])
    orders, quantity = (int(given or default) for given, default in zip([*sys.argv[3:5], None, None], (300, 100)))

    def left() -> int:
        return client.call("GET", f"/inventory/{SCARCE}").body["quantity"]

    def order(parts: list[dict]):
        ticket = {"customer_id": 5, "service_date": "2023-06-01", "description": "Oversell", "vin": "1HGCM82633A004352", "parts": parts}
        return client.call("POST", "/tickets", ticket)

    def order_one(number: int) -> int:
        parts = [{"inventory_id": SCARCE, "quantity": 1}, {"inventory_id": PLENTIFUL, "quantity": 1}]
        return order(parts[:: -1 if number % 2 else 1]).status

    surplus = left() - quantity
    hoarder = order([{"inventory_id": SCARCE, "quantity": surplus}])
    if hoarder.status != 201 or left() != quantity:
        sys.exit(f"part {SCARCE} could not be brought down to {quantity}: {hoarder.status} {hoarder.body}")
    with ThreadPoolExecutor(32) as pool:
        statuses = Counter(pool.map(order_one, range(orders)))
    remaining = left()
    client.call("PUT", f"/tickets/{hoarder.body['id']}/inventory", {"remove_parts": [{"inventory_id": SCARCE, "quantity": surplus}]})
    fine = statuses == Counter({201: quantity, 409: orders - quantity}) and remaining == 0
    print(f"{'fine' if fine else 'WRONG'}: {dict(statuses)}, {remaining} left")
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
