"""Measures what a run of ``make bench`` does not (``make bench-strain``): the start, a long list as CSV, latency below
capacity beside FastAPI, idle and slow connections, and what is left after an overload.

A shop of 50,000 tickets is served as an operator would; PEERS names the folder of the peers, as for ``make bench``.
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

from config import ROOT
from tests.bench.load import hold, offer
from tests.bench.run import Bench, Side, set_up
from tests.support.processes import free_port, listens, until
from tests.support.shop import Shop

AFTER, PAGE, TICKET = "/tickets?after=30000", "/tickets?page=7&per_page=20", "/tickets/{}"


def capacity(port: int, path: str, token: str, seconds: int = 4) -> float:
    """Answers a second to 32 clients that never wait, by wrk."""
    command = ["wrk", "-t1", "-c32", f"-d{seconds}", "-H", f"Authorization: Bearer {token}", f"http://127.0.0.1:{port}{path}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        sys.exit(said)
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    return float(found[1]) if found else 0.0


def memory(shop: Shop) -> float:
    """Megabytes of its processes, shared pages divided."""
    pids = [shop.program.process.pid, *shop.workers()] if shop.program.process else []
    rolled = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    return sum(int(found[1]) for text in rolled if (found := re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE))) / 1024


def starts(shop: Shop) -> list[float]:
    """Seconds from the command to the first answer, on a database that is there; the last one is left running."""
    taken = []
    for _ in range(5):
        shop.stop()
        began = time.perf_counter()
        shop.start()
        taken.append(time.perf_counter() - began)
    return taken


def as_csv(shop: Shop, token: str) -> None:
    """How long the tickets as CSV let a client wait, for the first byte and for the last."""
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


def fastapi(bench: Bench, database: str, ending: ExitStack) -> tuple[int, str]:
    """FastAPI on a fresh copy of its own data: its port, and a token."""
    bench.drop(database)
    bench.sql(f"CREATE DATABASE {database} TEMPLATE peers")
    ending.callback(bench.drop, database)
    port = free_port()
    environment = os.environ | {"DATABASE_URL": bench.url(database), "PORT": str(port)}
    with Path(os.devnull).open("w") as nowhere:
        server = subprocess.Popen([str(bench.peers / "fastapi/run.sh")], env=environment, stdout=nowhere, stderr=nowhere)
    ending.callback(server.wait)
    ending.callback(server.terminate)
    until(lambda: listens(port), 30, "FastAPI's start")
    token = subprocess.run([sys.executable, str(bench.peers / "make_token.py")], capture_output=True, text=True, check=True)
    return port, token.stdout.strip()


def thinking(port: int, token: str, clients: int, milliseconds: float = 0.0, seconds: int = 10) -> dict[str, float]:
    """What so many clients see who think for so long between two tickets: ``rate`` a second, ``p50`` and ``p99`` of the
    milliseconds of an answer. It is wrk: a generator in Python would take a core of its own from the servers."""
    environment = os.environ | {"TOKEN": token, "THINK": str(milliseconds)}
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}", "--timeout", "10s", "-s", str(ROOT / "tests/bench/thinking.lua")]
    said = subprocess.run([*command, f"http://127.0.0.1:{port}"], env=environment, capture_output=True, text=True, check=True)
    seen: dict[str, float] = json.loads(said.stdout.partition("SEEN ")[2])
    return sys.exit(said.stdout) if seen.pop("bad") else seen


def below_capacity(sides: dict[str, tuple[int, str]], rounds: int) -> None:
    """The 99th percentile at four fifths of what each can do at most, in turn: of 64 clients who think so long that
    together they ask that often; a little less long, since they wait for their answers, too."""
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
    ratios = []
    for _ in range(rounds):
        alone = capacity(port, TICKET.format(77), token)
        ratios.append(asyncio.run(hold(port, 1000, 50, lambda: capacity(port, TICKET.format(77), token))) / alone)
    print(f"beside 1,000 idle and 50 slow connections: {statistics.median(ratios):.2f} of the speed", flush=True)


def overload(shop: Shop, token: str, seconds: int) -> None:
    """Twice what it can do, for so long; then its speed again."""
    before, held = statistics.median(capacity(shop.port, AFTER, token) for _ in range(3)), memory(shop)
    seen = asyncio.run(offer(shop.port, itertools.repeat(AFTER), token, 2 * before, seconds, 1024))
    time.sleep(5)
    after = capacity(shop.port, AFTER, token)
    print(f"overload for {seconds} s: {dict(seen.statuses)}, {seen.without_retry_after} of them 503 without Retry-After")
    print(f"memory {held:.0f} MB before, {memory(shop):.0f} MB after; {after / before:.2f} of the speed 5 s later", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.strain", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--overload", type=int, default=600, help="seconds of it")
    options = parser.parse_args()
    bench = set_up(50_000)
    os.environ["DATABASE_URL"] = bench.server
    with ExitStack() as ending:
        side = Side("strain", ROOT, sys.executable)
        ending.callback(bench.drop, side.seed)
        bench.seed(side)
        shop = bench.shop(side, side.seed)
        ending.callback(shop.remove)
        print("seconds from the command to the first answer:", ", ".join(f"{each:.2f}" for each in starts(shop)), flush=True)
        token = shop.admin_token()
        as_csv(shop, token)
        sides = {"this shop": (shop.port, token), "FastAPI": fastapi(bench, "shop_bench_fastapi", ending)}
        below_capacity(sides, options.rounds)
        beside_idle(shop.port, token, options.rounds)
        overload(shop, token, options.overload)


if __name__ == "__main__":
    main()
