"""Measure how response times depend on the size of a shop (``make bench-sizes``).

The same requests go to shops with 1,000, 50,000 and 500,000 tickets on the PostgreSQL server of DATABASE_URL. ``flask demo``
fills each shop, and each is served with production settings. One client sends each request to all shops in turn, so that
changes in the speed of the machine affect all shops alike. The result is the ratio of the medians of the largest and the
smallest shop.
"""

import argparse
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from app import create_app
from app.utils.auth.tokens import make_token
from bench.harness import Client, Shop
from bench.run import Bench, Side
from config import ROOT, Settings

SIZES = (1_000, 50_000, 500_000)
SECRET = "a secret of more than thirty-two bytes"


@dataclass
class Sized:
    """A running shop of one size."""

    tickets: int
    staff: Client
    customer: Client
    newest: int
    oldest: int

    @property
    def customers(self) -> int:
        return max(10, self.tickets // 5)


def order(shop: Sized, dice: random.Random) -> dict[str, object]:
    lines = [{"inventory_id": part, "quantity": 1} for part in dice.sample(range(1, 20), 3)]
    ticket = {"customer_id": dice.randrange(1, 10), "service_date": "2026-11-24", "description": "Brakes", "vin": "V1"}
    return ticket | {"mechanic_ids": [1, 2], "parts": lines}


Ask = Callable[[Sized, random.Random], object]
REQUESTS: dict[str, Ask] = {
    "`GET /tickets?after=`, first page": lambda shop, _: shop.staff.call("GET", f"/tickets?after={shop.newest}"),
    "`GET /tickets?after=`, last page": lambda shop, _: shop.staff.call("GET", f"/tickets?after={shop.oldest}"),
    "`GET /tickets/<id>`": lambda shop, dice: shop.staff.call("GET", f"/tickets/{dice.randrange(1, shop.tickets)}"),
    "`POST /tickets`": lambda shop, dice: shop.staff.call("POST", "/tickets", order(shop, dice), f"{dice.random()}"),
    "`GET /tickets/my-tickets`, a customer": lambda shop, _: shop.customer.call("GET", "/tickets/my-tickets"),
    "`GET /tickets/my-tickets`, a mechanic": lambda shop, _: shop.staff.call("GET", "/tickets/my-tickets"),
    "`?customer_id=`": lambda shop, dice: shop.staff.call("GET", f"/tickets?customer_id={dice.randrange(1, shop.customers)}"),
    "`?mechanic_id=`": lambda shop, dice: shop.staff.call("GET", f"/tickets?mechanic_id={dice.randrange(1, 5)}"),
    "`?vin=`": lambda shop, dice: shop.staff.call("GET", f"/tickets?vin=VIN{dice.randrange(1, shop.tickets):014}"),
    "`?q=`, one ticket has it": lambda shop, dice: shop.staff.call(
        "GET", f"/tickets?q=visit+{dice.randrange(1, shop.tickets)}"
    ),
    "`?q=`, every ticket has it": lambda shop, _: shop.staff.call("GET", "/tickets?q=change"),
    "`?page=`, the last": lambda shop, _: shop.staff.call("GET", f"/tickets?page={shop.tickets // 20}"),
}


def create(bench: Bench, tickets: int, cleanup: ExitStack) -> Side:
    """Create and fill the database of a shop with this number of tickets."""
    bench.tickets = tickets
    side = Side(f"size_{tickets}", ROOT, sys.executable, f"shop_bench_size_{tickets}")
    cleanup.callback(bench.drop, side.seed)
    bench.seed(side)
    return side


def serve(bench: Bench, side: Side, tickets: int, cleanup: ExitStack) -> Sized:
    """Start a shop, and look up the newest and the oldest ticket that the requests start from."""
    shop: Shop = bench.shop(side, side.seed)
    cleanup.callback(shop.remove)
    shop.start()
    with create_app(Settings.load(shop.program.env)).app_context():
        customer = make_token("customer", 5, 1)
    staff = shop.client(shop.admin_token())
    newest = staff.call("GET", "/tickets?per_page=1").body[0]["id"]
    oldest = staff.call("GET", f"/tickets?page={tickets // 20 - 1}").body[-1]["id"]
    return Sized(tickets, staff, shop.client(customer), newest, oldest)


def medians(shops: list[Sized], ask: Ask, times: int) -> Iterator[float]:
    """Return the median time of a request for each shop, in milliseconds."""
    taken: list[list[float]] = [[] for _ in shops]
    for number in range(times):
        for shop, seconds in zip(shops, taken, strict=True):
            dice, began = random.Random(number * 1_000_003 + shop.tickets), time.perf_counter()
            answer = ask(shop, dice)
            seconds.append(time.perf_counter() - began)
            assert getattr(answer, "status", 0) in (200, 201), answer
    return (1000 * statistics.median(seconds) for seconds in taken)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sizes", description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=200, help="how often each request is sent (200)")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="the numbers of tickets, separated by commas")
    options = parser.parse_args()
    if not os.environ.get("DATABASE_URL"):
        sys.exit("DATABASE_URL is not set: name a database of the PostgreSQL server to measure on.")
    sizes = [int(size) for size in options.sizes.split(",")]
    with ExitStack() as cleanup:
        bench = Bench(os.environ["DATABASE_URL"], SECRET, 0)
        sides = [create(bench, tickets, cleanup) for tickets in sizes]
        shops = [serve(bench, side, tickets, cleanup) for side, tickets in zip(sides, sizes, strict=True)]
        print("\n| milliseconds |", " | ".join(f"{size:,}" for size in sizes), "| last / first |")
        print("| --- |", " | ".join("---" for _ in sizes), "| --- |")
        for name, ask in REQUESTS.items():
            found = list(medians(shops, ask, options.times))
            print(f"| {name} |", " | ".join(f"{each:.2f}" for each in found), f"| {found[-1] / found[0]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
