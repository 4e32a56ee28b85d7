"""Load servers in turn and print how they compare: python3 bench.py [options] [NAME=SPEC ...]

SPEC is the folder of a peer, or url:http://127.0.0.1:5000 for a running app, and settings after commas:
  fastapi=fastapi,WORKERS=2                  settings of a peer are its environment
  mine=url:http://127.0.0.1:5000,PID=123,TOKEN=eyJ...[,WORKERS=2][,IDEMPOTENCY=1][,DATABASE_PG_PID=456]
Without a SPEC, all peers are loaded. ../README.md explains the figures.
"""
import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from check import check
from client import Client
from make_token import make_token

HERE = Path(__file__).resolve().parent
STATE = Path(os.environ.get("PEERS_DIR") or Path(tempfile.gettempdir(), "peers"))
PEERS = ["fastapi", "drf", "litestar", "flask_idiomatic", "floor"]
ENDPOINTS = ["inventory_list", "inventory_get", "ticket_get", "tickets_page", "tickets_keyset", "ticket_post", "ticket_put"]
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
# Count the parts whose stock is not the sum of their ledger, and the ticket lines that are not the net of their movements.
LEDGER_FAULTS = """
SELECT (SELECT count(*) FROM inventory WHERE quantity <> (SELECT sum(change) FROM stock_movements WHERE inventory_id = inventory.id))
    + (SELECT count(*) FROM (
        SELECT FROM (SELECT ticket_id, inventory_id, quantity FROM ticket_parts
            UNION ALL SELECT ticket_id, inventory_id, change FROM stock_movements WHERE ticket_id IS NOT NULL) line
        GROUP BY ticket_id, inventory_id HAVING sum(quantity) <> 0) fault)"""


@dataclass
class Server:
    name: str
    client: Client
    pid: int
    pg_pid: int
    workers: int
    settings: dict[str, str]
    process: subprocess.Popen | None = None
    database: str | None = None


# ---------------------------------------------------------------- the database
def admin_url() -> str:
    try:
        return os.environ.get("DATABASE_URL") or (STATE / "database_url").read_text().strip()
    except FileNotFoundError:
        sys.exit("run setup.sh first")


def psql(url: str, *statements: str) -> str:
    commands = [part for statement in ("SET client_min_messages = warning", *statements) for part in ("-c", statement)]
    return subprocess.run(["psql", "-qAt", "-v", "ON_ERROR_STOP=1", url, *commands], check=True, capture_output=True, text=True).stdout.strip()


def postmaster() -> int:
    """Return the process id of the PostgreSQL server, or 0 if it is on another machine or hides the id."""
    try:
        pid = int(psql(admin_url(), "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)"))
        return pid if Path(f"/proc/{pid}/comm").read_text().strip() == "postgres" else 0
    except (subprocess.CalledProcessError, ValueError, OSError):
        return 0


# ---------------------------------------------------------------- processes
def times(pid: int | str) -> tuple[int, float]:
    """Return the parent of a process, and the CPU seconds of the process and of its ended children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[1]), sum(map(int, fields[11:15])) / CLOCK_TICKS


def cpu_seconds(root: int) -> tuple[float, list[int]]:
    """Return the CPU seconds of a process tree, and its process ids."""
    seconds, children = {}, {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            parent, seconds[int(pid)] = times(pid)
            children.setdefault(parent, []).append(int(pid))
        except OSError:
            pass  # The process has ended.
    tree = [root] if root in seconds else []
    for pid in tree:
        tree += children.get(pid, [])
    return sum(seconds[pid] for pid in tree), tree


def pss_megabytes(pids: list[int]) -> float:
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    return sum(int(found[1]) for text in rollups if (found := re.search(r"^Pss:\s+(\d+)", text, re.M))) / 1024


# ---------------------------------------------------------------- servers
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(spec: str, pg_pid: int) -> Server:
    """Return the server of a NAME=SPEC. A peer is started on a fresh copy of the seeded database."""
    name, _, spec = spec.partition("=")
    folder, *pairs = (spec or name).split(",")
    settings = dict(pair.split("=", 1) for pair in pairs)
    workers = int(settings.get("WORKERS") or os.environ.get("WORKERS", "1"))
    if folder.startswith("url:"):
        if not settings.keys() >= {"PID", "TOKEN"} or not Path("/proc", settings["PID"]).exists():
            sys.exit(f"{name}: PID (of a process that runs) and TOKEN are needed")
        client = Client(folder.removeprefix("url:").rstrip("/"), settings["TOKEN"])
        return Server(name, client, int(settings["PID"]), int(settings.get("DATABASE_PG_PID", pg_pid)), int(settings.get("WORKERS", "1")), settings)
    if not re.fullmatch(r"\w+", name) or folder not in PEERS:
        sys.exit(f"{name}={folder}: a name is letters, digits and _, and a folder one of {', '.join(PEERS)}")
    database = f"peers_{name}"
    psql(admin_url(), f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)', f'CREATE DATABASE "{database}" TEMPLATE peers')
    port = free_port()
    environment = os.environ | {"DATABASE_URL": f"{admin_url().rpartition('/')[0]}/{database}", "PORT": str(port), "PEERS_DIR": str(STATE)} | settings
    with open(STATE / "logs" / f"{name}.log", "w") as log:
        process = subprocess.Popen(["sh", HERE / folder / "run.sh"], env=environment, stdout=log, stderr=log, start_new_session=True)
    return Server(name, Client(f"http://127.0.0.1:{port}", make_token()), process.pid, pg_pid, workers, settings, process, database)


def wait_for(server: Server) -> None:
    for _ in range(150):
        if server.process and server.process.poll() is not None:
            break
        try:
            status = server.client.call("GET", "/inventory/1").status
        except OSError:
            time.sleep(0.2)
            continue
        return None if status == 200 else sys.exit(f"{server.name} answers {status} to GET /inventory/1: is it seeded, and its TOKEN good?")
    sys.exit(f"{server.name} did not start" + (f"; see {STATE / 'logs' / server.name}.log" if server.process else ""))


def stop(servers: list[Server]) -> None:
    ours = [server for server in servers if server.process]
    for server in ours:
        if server.process.poll() is None:
            os.killpg(server.process.pid, signal.SIGTERM)
    for server in ours:
        try:
            server.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.process.pid, signal.SIGKILL)
        psql(admin_url(), f'DROP DATABASE IF EXISTS "{server.database}" WITH (FORCE)')


# ---------------------------------------------------------------- load
def wrk(server: Server, endpoint: str, seconds: int, connections: int, seed: int) -> dict:
    environment = os.environ | server.settings | {"TOKEN": server.client.token, "SEED": str(seed)}
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", f"{endpoint}.lua", server.client.url]
    output = subprocess.run(command, cwd=HERE / "wrk", env=environment, capture_output=True, text=True)
    result = re.search(r"^RESULT (.*)$", output.stdout, re.M)
    return json.loads(result[1]) if result else sys.exit(output.stdout + output.stderr)


def measure(server: Server, endpoint: str, seconds: int, connections: int, seed: int) -> dict:
    cpu, pg_cpu = cpu_seconds(server.pid)[0], cpu_seconds(server.pg_pid)[0]
    result = wrk(server, endpoint, seconds, connections, seed)
    per_1000 = 1000 / max(1, result["requests"])
    cpu_after, tree = cpu_seconds(server.pid)
    return result | {
        "rps": result["requests"] / result["duration_us"] * 1e6,
        "cpu": (cpu_after - cpu) * per_1000,
        "pg_cpu": (cpu_seconds(server.pg_pid)[0] - pg_cpu) * per_1000,
        "pss": pss_megabytes(tree) / server.workers,
    }


def load(servers: list[Server], endpoint: str, options: argparse.Namespace) -> dict[str, list[dict]]:
    """Load each server in turn, round by round, so that changes in the speed of the machine affect all servers alike."""
    for server in servers:
        wrk(server, endpoint, 1, options.connections, 0)
    results = {server.name: [] for server in servers}
    for number in range(options.rounds):
        first = number % len(servers)
        for server in servers[first:] + servers[:first]:
            result = measure(server, endpoint, options.seconds, options.connections, number + 1)
            results[server.name].append(result)
            if options.json:
                with open(options.json, "a") as file:
                    print(json.dumps({"endpoint": endpoint, "server": server.name, "round": number, **result}), file=file)
    return results


def ratios(results: dict[str, list[dict]], name: str, base: str) -> list[float]:
    return [own["rps"] / max(other["rps"], 1e-9) for own, other in zip(results[name], results[base])]


def spread(ratios: list[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def report(endpoint: str, results: dict[str, list[dict]], base: str) -> None:
    print(f"\n{endpoint:20}{'req/s':>8}{'x ' + base:>21}{'p50 ms':>8}{'p99 ms':>8}{'cpu/1k':>8}{'pg/1k':>8}{'PSS MB':>8}{'bad':>9}{'socket':>8}")
    for name, rounds in results.items():
        middle = {key: median(result[key] for result in rounds) for key in rounds[0]}
        print(
            f"  {name:18}{middle['rps']:8.0f}{spread(ratios(results, name, base)):>21}{middle['p50_us'] / 1000:8.1f}{middle['p99_us'] / 1000:8.1f}"
            f"{middle['cpu']:8.3f}{middle['pg_cpu']:8.3f}{middle['pss']:8.0f}"
            f"{sum(result['bad'] for result in rounds):9}{sum(result['socket'] for result in rounds):8}",
            flush=True,
        )


def summarise(by_endpoint: dict[str, dict[str, list[dict]]], base: str) -> None:
    """Print the ratios alone, as a Markdown table."""
    names = [name for name in next(iter(by_endpoint.values())) if name != base]
    print(f"\n| × {base} | {' | '.join(names)} |\n| --- |{' --- |' * len(names)}")
    for endpoint, results in by_endpoint.items():
        print(f"| {endpoint} | {' | '.join(spread(ratios(results, name, base)) for name in names)} |")


# ---------------------------------------------------------------- the program
def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("servers", nargs="*", metavar="NAME=SPEC", default=PEERS)
    parser.add_argument("--check", action="store_true", help="compare the responses of the servers instead of loading them")
    parser.add_argument("--only", default=",".join(ENDPOINTS), help="endpoints, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--base", default="fastapi", help="the server that the others are compared with")
    parser.add_argument("--json", help="append the raw results to this file")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if unknown := set(options.only) - set(ENDPOINTS):
        parser.error(f"no such endpoint: {', '.join(unknown)}")
    if options.base not in [spec.partition("=")[0] for spec in options.servers]:
        parser.error(f"the base {options.base} is not among the servers")
    return options


def run(servers: list[Server], options: argparse.Namespace) -> bool:
    """Check or load the servers, and return True if no server failed."""
    if options.check:
        base = next(server for server in servers if server.name == options.base)
        fine = check({server.name: server.client for server in servers}, base.name)
    else:
        by_endpoint = {}
        for endpoint in options.only:
            by_endpoint[endpoint] = load(servers, endpoint, options)
            report(endpoint, by_endpoint[endpoint], options.base)
        summarise(by_endpoint, options.base)
        fine = not any(result["bad"] + result["socket"] for results in by_endpoint.values() for rounds in results.values() for result in rounds)
        if not fine:
            print("\nSome responses were bad: the figures are void.")
    for server in servers:
        if server.database and (faults := int(psql(f"{admin_url().rpartition('/')[0]}/{server.database}", LEDGER_FAULTS))):
            print(f"{server.name}: stock and ledger disagree in {faults} places")
            fine = False
    return fine


def main() -> None:
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # An exit stops the servers.
    pg_pid, servers = postmaster(), []
    try:
        for spec in options.servers:
            servers.append(start(spec, pg_pid))
        for server in servers:
            wait_for(server)
        sys.exit(0 if run(servers, options) else 1)
    finally:
        stop(servers)


if __name__ == "__main__":
    main()
