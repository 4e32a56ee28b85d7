"""Measures whether a shop's size shows (``make bench-sizes``): the same requests of shops with 1,000, 50,000 and 500,000
tickets, on the PostgreSQL server of DATABASE_URL.

Each shop is made by ``flask demo``, and served as an operator would. One client asks all of them in turn, so that they
share whatever the machine does; what counts is each median as a ratio to the smallest shop's.
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
from config import ROOT, Settings
from tests.bench.run import Bench, Side
from tests.support.shop import Client, Shop

SIZES = (1_000, 50_000, 500_000)
SECRET = "a secret of more than thirty-two bytes"


@dataclass
class Sized:
    """A shop of a size, while it is served."""

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


def made(bench: Bench, tickets: int, ending: ExitStack) -> Side:
    bench.tickets = tickets
    side = Side(f"size_{tickets}", ROOT, sys.executable, f"shop_bench_size_{tickets}")
    ending.callback(bench.drop, side.seed)
    bench.seed(side)
    return side


def served(bench: Bench, side: Side, tickets: int, ending: ExitStack) -> Sized:
    shop: Shop = bench.shop(side, side.seed)
    ending.callback(shop.remove)
    shop.start()
    with create_app(Settings.load(shop.program.env)).app_context():
        customer = make_token("customer", 5, 1)["token"]
    staff = shop.client(shop.admin_token())
    newest = staff.call("GET", "/tickets?per_page=1").body[0]["id"]
    oldest = staff.call("GET", f"/tickets?page={tickets // 20 - 1}").body[-1]["id"]
    return Sized(tickets, staff, shop.client(customer), newest, oldest)


def medians(shops: list[Sized], ask: Ask, times: int) -> Iterator[float]:
    """The median time of a request of each shop, in milliseconds."""
    taken: list[list[float]] = [[] for _ in shops]
    for number in range(times):
        for shop, seconds in zip(shops, taken, strict=True):
            dice, began = random.Random(number * 1_000_003 + shop.tickets), time.perf_counter()
            answer = ask(shop, dice)
            seconds.append(time.perf_counter() - began)
            assert getattr(answer, "status", 0) in (200, 201), answer
    return (1000 * statistics.median(seconds) for seconds in taken)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sizes", description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=200, help="how often each request is made")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="tickets of each shop")
    options = parser.parse_args()
    if not os.environ.get("DATABASE_URL"):
        sys.exit("DATABASE_URL is not set: it names a database of the PostgreSQL server to measure on.")
    sizes = [int(size) for size in options.sizes.split(",")]
    with ExitStack() as ending:
        bench = Bench(ROOT, os.environ["DATABASE_URL"], SECRET, 0)
        sides = [made(bench, tickets, ending) for tickets in sizes]
        shops = [served(bench, side, tickets, ending) for side, tickets in zip(sides, sizes, strict=True)]
        print("\n| milliseconds |", " | ".join(f"{size:,}" for size in sizes), "| last / first |")
        print("| --- |", " | ".join("---" for _ in sizes), "| --- |")
        for name, ask in REQUESTS.items():
            found = list(medians(shops, ask, options.times))
            print(f"| {name} |", " | ".join(f"{each:.2f}" for each in found), f"| {found[-1] / found[0]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
