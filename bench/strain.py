"""Measure a shop with 50,000 tickets under conditions that ``make bench`` does not cover (``make bench-strain``).

The conditions are: the start, a long list as CSV, latency below capacity beside FastAPI, idle and slow connections, and the
recovery after an overload. The shop is served with production settings.
"""

import argparse
import asyncio
import http.client
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from bench.harness import Shop, free_port, listens, until
from bench.load import hold, offer
from bench.run import PEERS, Bench, Side, set_up
from config import ROOT

AFTER, PAGE, TICKET = "/tickets?after=30000", "/tickets?page=7&per_page=20", "/tickets/{}"


def capacity(port: int, path: str, token: str, seconds: int = 4) -> float:
    """Return the responses a second that wrk counts with 32 connections that never wait."""
    command = ["wrk", "-t1", "-c32", f"-d{seconds}", "-H", f"Authorization: Bearer {token}", f"http://127.0.0.1:{port}{path}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        sys.exit(said)
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    return float(found[1]) if found else 0.0


def memory(shop: Shop) -> float:
    """Return the megabytes of the processes of a shop (PSS: shared pages are divided among the processes)."""
    pids = [shop.program.process.pid, *shop.workers()] if shop.program.process else []
    rolled = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    return sum(int(found[1]) for text in rolled if (found := re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE))) / 1024


def starts(shop: Shop) -> list[float]:
    """Start the shop five times on an existing database; return the seconds from each command to the first response. The last
    shop keeps running."""
    taken = []
    for _ in range(5):
        shop.stop()
        began = time.perf_counter()
        shop.start()
        taken.append(time.perf_counter() - began)
    return taken


def as_csv(shop: Shop, token: str) -> None:
    """Print the time to the first and to the last byte of all tickets as CSV."""
    connection = http.client.HTTPConnection("127.0.0.1", shop.port, timeout=60)
    began = time.perf_counter()
    connection.request("GET", "/tickets.csv", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    rows = answer.read(1).count(b"\n")
    first = time.perf_counter() - began
    rows += answer.read().count(b"\n") - 1
    connection.close()
    last = time.perf_counter() - began
    print(f"{rows:,} tickets as CSV: first byte after {first:.3f} s, last after {last:.1f} s", flush=True)


def fastapi(bench: Bench, database: str, cleanup: ExitStack) -> tuple[int, str]:
    """Serve the FastAPI peer on a fresh copy of its data, and return its port and a token."""
    bench.drop(database)
    bench.sql(f"CREATE DATABASE {database} TEMPLATE peers")
    cleanup.callback(bench.drop, database)
    port = free_port()
    environment = os.environ | {"DATABASE_URL": bench.url(database), "PORT": str(port)}
    with Path(os.devnull).open("w") as nowhere:
        server = subprocess.Popen(["sh", str(PEERS / "fastapi/run.sh")], env=environment, stdout=nowhere, stderr=nowhere)
    cleanup.callback(server.wait)
    cleanup.callback(server.terminate)
    until(lambda: listens(port), 30, "FastAPI's start")
    token = subprocess.run([sys.executable, str(PEERS / "make_token.py")], capture_output=True, text=True, check=True)
    return port, token.stdout.strip()


def thinking(port: int, token: str, clients: int, milliseconds: float = 0.0, seconds: int = 10) -> dict[str, float]:
    """Run clients that wait between two requests for a ticket. Return the ``rate`` of responses a second, and the ``p50`` and
    ``p99`` of their latency in milliseconds. The load comes from wrk, since a load generator in Python needs a whole core."""
    environment = os.environ | {"TOKEN": token, "THINK": str(milliseconds)}
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}", "--timeout", "10s", "-s", str(ROOT / "bench/thinking.lua")]
    said = subprocess.run([*command, f"http://127.0.0.1:{port}"], env=environment, capture_output=True, text=True, check=True)
    seen: dict[str, float] = json.loads(said.stdout.partition("SEEN ")[2])
    return sys.exit(said.stdout) if seen.pop("bad") else seen


def below_capacity(sides: dict[str, tuple[int, str]], rounds: int) -> None:
    """Print the latency of each server at four fifths of its capacity. 64 clients wait between two requests; together their
    waiting times offer 0.86 of the capacity, since the clients also wait for their responses."""
    clients, offered = 64, 0.86
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    most = {
        name: statistics.median(thinking(*side, 32, seconds=4)["rate"] for _ in range(rounds)) for name, side in sides.items()
    }
    for _ in range(rounds):
        for name, side in sides.items():
            seen[name].append(thinking(*side, clients, 1000 * clients / (offered * most[name])))
    for name, each in seen.items():
        rate, middle, high = (statistics.median(one[key] for one in each) for key in ("rate", "p50", "p99"))
        share = rate / most[name]
        print(f"{name}: {rate:,.0f} a second, {share:.0%} of its capacity; p50 {middle:.1f} ms, p99 {high:.1f} ms", flush=True)


def beside_idle(port: int, token: str, rounds: int) -> None:
    """Print the capacity beside idle and slow connections as a ratio to the capacity without them."""
    ratios = []
    for _ in range(rounds):
        alone = capacity(port, TICKET.format(77), token)
        ratios.append(asyncio.run(hold(port, 1000, 50, lambda: capacity(port, TICKET.format(77), token))) / alone)
    print(f"beside 1,000 idle and 50 slow connections: {statistics.median(ratios):.2f} of the speed", flush=True)


def overload(shop: Shop, token: str, seconds: int) -> None:
    """Offer twice the capacity for ``seconds``, then print the responses, the memory and the capacity again."""
    before, held = statistics.median(capacity(shop.port, AFTER, token) for _ in range(3)), memory(shop)
    seen = asyncio.run(offer(shop.port, itertools.repeat(AFTER), token, 2 * before, seconds, 1024))
    time.sleep(5)
    after = capacity(shop.port, AFTER, token)
    print(f"overload for {seconds} s: {dict(seen.statuses)}, {seen.without_retry_after} of them 503 without Retry-After")
    print(f"memory {held:.0f} MB before, {memory(shop):.0f} MB after; {after / before:.2f} of the speed 5 s later", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.strain", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each measurement (3)")
    parser.add_argument("--overload", type=int, default=600, help="seconds of the overload (600)")
    options = parser.parse_args()
    bench = set_up(50_000)
    os.environ["DATABASE_URL"] = bench.server
    with ExitStack() as cleanup:
        side = Side("strain", ROOT, sys.executable)
        cleanup.callback(bench.drop, side.seed)
        bench.seed(side)
        shop = bench.shop(side, side.seed)
        cleanup.callback(shop.remove)
        print("seconds from the command to the first response:", ", ".join(f"{each:.2f}" for each in starts(shop)), flush=True)
        token = shop.admin_token()
        as_csv(shop, token)
        sides = {"this shop": (shop.port, token), "FastAPI": fastapi(bench, "shop_bench_fastapi", cleanup)}
        below_capacity(sides, options.rounds)
        beside_idle(shop.port, token, options.rounds)
        overload(shop, token, options.overload)


if __name__ == "__main__":
    main()
