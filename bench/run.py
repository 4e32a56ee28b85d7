"""Measure the shop beside its peers (``make bench``) or beside another commit of itself (``make bench-compare``).

The peers, their data and the load program are in ``bench/peers``. Its ``setup.sh`` starts a private PostgreSQL, or uses the
server of DATABASE_URL. This program creates the same shop with ``flask demo`` on that server, serves the shop with production
settings, and starts the load program. The rate limits are counted but too high to be reached. Run A has one worker for each
server; run B has two, and the shop's workers share a Redis.
"""

import argparse
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text

from bench.harness import Redis, Shop
from config import ROOT, database_url

PEERS = ROOT / "bench" / "peers"
NAMES = ("fastapi", "drf", "litestar", "flask_idiomatic", "floor")
SEED = "shop_bench_seed"
RUNS = {1: "A: one worker each", 2: "B: two workers each; ours with Redis"}


@dataclass
class Side:
    """One version of the code that is served: its name in the tables, its folder, and its Python."""

    name: str
    root: Path
    python: str
    seed: str = SEED

    @property
    def database(self) -> str:
        return f"shop_bench_{self.name}"


@dataclass
class Bench:
    """The PostgreSQL server of all databases, the secret of the tokens, and the size of the shop."""

    server: str
    secret: str
    tickets: int

    def url(self, database: str) -> str:
        return f"{self.server.rpartition('/')[0]}/{database}"

    def sql(self, *statements: str) -> None:
        engine = create_engine(database_url(self.server), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def drop(self, database: str) -> None:
        self.sql(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def shop(self, side: Side, database: str, redis: str = "", workers: int = 1) -> Shop:
        """Return the shop with production settings on a database, not yet started."""
        settings = {"SECRET_KEY": self.secret, "TOKEN_MINUTES": "1440", "LOG_LEVEL": "INFO"}
        shop = Shop(self.url(database), redis=redis, workers=workers, **settings)
        shop.program.command = [side.python, str(side.root / "run.py")]
        return shop

    def seed(self, side: Side) -> None:
        """Create the database of a side and fill it with ``flask demo``."""
        self.drop(side.seed)
        self.sql(f"CREATE DATABASE {side.seed}")
        shop = self.shop(side, side.seed)
        command = [side.python, "-m", "flask", "--app", "run", "demo", "--tickets", str(self.tickets)]
        try:
            subprocess.run(command, cwd=side.root, env=shop.program.env, check=True)
        finally:
            shop.remove()

    @contextmanager
    def serving(self, side: Side, workers: int, redis: str) -> Iterator[str]:
        """Serve a side on a fresh copy of its data, and yield its NAME=SPEC for the load program."""
        with ExitStack() as cleanup:
            self.drop(side.database)
            self.sql(f"CREATE DATABASE {side.database} TEMPLATE {side.seed}")
            cleanup.callback(self.drop, side.database)
            shop = self.shop(side, side.database, redis, workers)
            cleanup.callback(shop.remove)
            try:
                shop.start()
            except (RuntimeError, TimeoutError) as error:
                sys.exit(f"{side.name} does not start: {str(error).strip().splitlines()[-1]}")
            pid = shop.program.process.pid if shop.program.process else 0
            settings = {"PID": pid, "TOKEN": shop.admin_token(), "WORKERS": workers, "IDEMPOTENCY": 1}
            pairs = ",".join(f"{name}={value}" for name, value in settings.items())
            yield f"{side.name}=url:http://127.0.0.1:{shop.port},{pairs}"

    def load(self, sides: list[Side], others: list[str], workers: int, *options: str) -> int:
        """Serve all sides, run the load program on them and on the peers, and return its exit status."""
        with ExitStack() as cleanup:
            redis = None
            if workers > 1:
                redis = Redis()
                cleanup.callback(redis.remove)
                redis.start()
            specs = []
            for number, side in enumerate(sides):
                url = redis.socket_url(number) if redis else ""
                specs.append(cleanup.enter_context(self.serving(side, workers, url)))
            command = [sys.executable, str(PEERS / "bench.py"), *options, *others, *specs]
            environment = os.environ | {"WORKERS": str(workers), "DATABASE_URL": self.server}
            return subprocess.run(command, env=environment, check=False).returncode


def set_up(tickets: int) -> Bench:
    """Run the set-up of the peers, and return the bench on the PostgreSQL server that the set-up chose."""
    environment = os.environ | {"PYTHON": sys.executable}
    if subprocess.run(["sh", str(PEERS / "setup.sh")], env=environment, check=False).returncode:
        sys.exit("The peers could not be set up.")
    state = Path(os.environ.get("PEERS_DIR") or Path(os.environ.get("TMPDIR") or "/tmp", "peers"))
    return Bench((state / "database_url").read_text().strip(), secrets.token_urlsafe(48), tickets)


def git(*arguments: str, ok: tuple[int, ...] = (0,)) -> int:
    ran = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    if ran.returncode not in ok:
        sys.exit(f"git {arguments[0]}: {ran.stderr.strip()}")
    return ran.returncode


@contextmanager
def checkout(commit: str) -> Iterator[Side]:
    """Check a commit out into a temporary folder. If its requirements differ, it gets a virtual environment of its own."""
    with tempfile.TemporaryDirectory(prefix="shop-bench-") as folder, ExitStack() as cleanup:
        root = Path(folder, "base")
        git("worktree", "add", "--detach", str(root), commit)
        cleanup.callback(git, "worktree", "remove", "--force", str(root))
        side = Side("base", root, sys.executable)
        if (root / "requirements.txt").read_text() != (ROOT / "requirements.txt").read_text():
            side.python = f"{folder}/venv/bin/python"
            subprocess.run([sys.executable, "-m", "venv", f"{folder}/venv"], check=True)
            subprocess.run([side.python, "-m", "pip", "install", "-qq", "-r", str(root / "requirements.txt")], check=True)
        if git("diff", "--quiet", commit, "--", "app/migrations", ok=(0, 1)):
            side.seed = f"{SEED}_base"  # The tables differ: the commit needs a seeded database of its own.
        yield side


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__.splitlines()[0])
    parser.add_argument("--compare", metavar="COMMIT", help="measure beside this commit instead of the peers")
    parser.add_argument("--workers", default="1,2", help="worker processes of each server; one run for each count (1,2)")
    parser.add_argument("--tickets", type=int, default=50_000, help="tickets of the shop; the peers have 50000")
    parser.add_argument("--rounds", default="3", help="rounds in which all servers take turns (3)")
    parser.add_argument("--seconds", default="4", help="seconds of load for each server and round (4)")
    parser.add_argument("--only", help="endpoints, separated by commas")
    parser.add_argument("--json", help="append the raw results to this file")
    options = parser.parse_args()
    options.workers = [int(count) for count in options.workers.split(",")]
    return options


def runnable(workers: list[int]) -> list[int]:
    """Return the worker counts that can be measured: more than one worker needs Redis."""
    if shutil.which("redis-server"):
        return workers
    left_out = [str(count) for count in workers if count > 1]
    if left_out:
        print(f"redis-server is not installed: no run with {' or '.join(left_out)} workers.", file=sys.stderr, flush=True)
    return [count for count in workers if count == 1]


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # An exit runs the cleanup.
    options = parse()
    given = ["--rounds", options.rounds, "--seconds", options.seconds]
    for name in ("only", "json"):
        given += [f"--{name}", getattr(options, name)] if getattr(options, name) else []
    bench = set_up(options.tickets)
    with ExitStack() as cleanup:
        ours = Side("ours", ROOT, sys.executable)
        sides, others = [ours], list(NAMES)
        if options.compare:
            sides, others = [cleanup.enter_context(checkout(options.compare)), ours], []
            given += ["--base", "base"]
        for side in {side.seed: side for side in sides}.values():
            cleanup.callback(bench.drop, side.seed)
            bench.seed(side)
        failed = 0
        if not options.compare:
            print("\nComparing the responses of all servers.", flush=True)
            failed = bench.load(sides, others, 1, "--check")
        for workers in runnable(options.workers) if not failed else ():
            print(f"\n{RUNS.get(workers, f'{workers} workers each')}", flush=True)
            failed |= bench.load(sides, others, workers, *given)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
