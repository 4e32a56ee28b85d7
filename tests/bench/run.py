"""Measures this shop: beside its peers (``make bench``), or beside another commit of itself (``make bench-compare``).

The peers, their data and the program that loads and compares are a folder of their own, which PEERS names; this makes
the same shop by ``flask demo`` on the PostgreSQL that the peers' ``setup.sh`` starts (or on the server of DATABASE_URL),
serves it as an operator would in production, and hands its address over. The limits are so high that none is met, but
are counted. A is one worker each, B two; the shop's two share a Redis.
"""

import argparse
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text

from config import ROOT, database_url
from tests.support.servers import Redis
from tests.support.shop import Shop

PEERS = ("fastapi", "drf", "litestar", "flask_idiomatic", "floor")
SEED = "shop_bench_seed"
NEEDED = """\
PEERS is not set: it names the folder of the peers, with setup.sh and bench.py in it.
  make bench PEERS=path/to/peers"""
RUNS = {1: "A: one worker each", 2: "B: two workers each; ours with Redis"}


@dataclass
class Side:
    """One state of the code that is served: its name in the tables, its folder, and the Python that it runs on."""

    name: str
    root: Path
    python: str
    seed: str = SEED

    @property
    def database(self) -> str:
        return f"shop_bench_{self.name}"


@dataclass
class Bench:
    """Where the peers are, and the server that all databases are on."""

    peers: Path
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
        """The shop with the settings of a production, on a database; not started yet."""
        settings = {"SECRET_KEY": self.secret, "TOKEN_MINUTES": "1440", "LOG_LEVEL": "INFO"}
        shop = Shop(self.url(database), redis=redis, workers=workers, **settings)
        shop.program.command = [side.python, str(side.root / "run.py")]
        return shop

    def seed(self, side: Side) -> None:
        """Make the shop that is measured, by the command that an operator has for it."""
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
        """Serve a fresh copy of the data, and give what tells bench.py of it."""
        with ExitStack() as ending:
            self.drop(side.database)
            self.sql(f"CREATE DATABASE {side.database} TEMPLATE {side.seed}")
            ending.callback(self.drop, side.database)
            shop = self.shop(side, side.database, redis, workers)
            ending.callback(shop.remove)
            try:
                shop.start()
            except (RuntimeError, TimeoutError) as error:
                sys.exit(f"{side.name} does not start: {str(error).strip().splitlines()[-1]}")
            pid = shop.program.process.pid if shop.program.process else 0
            told = {"PID": pid, "TOKEN": shop.admin_token(), "WORKERS": workers, "IDEMPOTENCY": 1}
            settings = ",".join(f"{name}={value}" for name, value in told.items())
            yield f"{side.name}=url:http://127.0.0.1:{shop.port},{settings}"

    def load(self, sides: list[Side], others: list[str], workers: int, *options: str) -> int:
        """Serve each side and run bench.py on all of them; its exit status."""
        with ExitStack() as ending:
            redis = None
            if workers > 1:
                redis = Redis()
                ending.callback(redis.remove)
                redis.start()
            specs = []
            for number, side in enumerate(sides):
                place = redis.socket_url(number) if redis else ""
                specs.append(ending.enter_context(self.serving(side, workers, place)))
            command = [sys.executable, str(self.peers / "bench.py"), *options, *others, *specs]
            environment = os.environ | {"WORKERS": str(workers), "DATABASE_URL": self.server}
            return subprocess.run(command, env=environment, check=False).returncode


def set_up(tickets: int) -> Bench:
    """Run the peers' own set-up, and find the server that it uses."""
    if not os.environ.get("PEERS"):
        sys.exit(NEEDED)
    peers = Path(os.environ["PEERS"]).resolve()
    if not (peers / "setup.sh").exists() or not (peers / "bench.py").exists():
        sys.exit(f"PEERS: {peers} has no setup.sh and bench.py")
    environment = os.environ | {"PYTHON": sys.executable}
    if subprocess.run(["sh", str(peers / "setup.sh")], env=environment, check=False).returncode:
        sys.exit("The peers could not be set up.")
    state = Path(os.environ.get("PEERS_DIR") or Path(os.environ.get("TMPDIR") or "/tmp", "peers"))
    return Bench(peers, (state / "database_url").read_text().strip(), secrets.token_urlsafe(48), tickets)


def git(*arguments: str, ok: tuple[int, ...] = (0,)) -> int:
    ran = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    if ran.returncode not in ok:
        sys.exit(f"git {arguments[0]}: {ran.stderr.strip()}")
    return ran.returncode


@contextmanager
def checkout(commit: str) -> Iterator[Side]:
    """A commit in a folder of its own, with a virtual environment of its own where it needs other libraries."""
    with tempfile.TemporaryDirectory(prefix="shop-bench-") as folder, ExitStack() as ending:
        root = Path(folder, "base")
        git("worktree", "add", "--detach", str(root), commit)
        ending.callback(git, "worktree", "remove", "--force", str(root))
        side = Side("base", root, sys.executable)
        if (root / "requirements.txt").read_text() != (ROOT / "requirements.txt").read_text():
            side.python = f"{folder}/venv/bin/python"
            subprocess.run([sys.executable, "-m", "venv", f"{folder}/venv"], check=True)
            subprocess.run([side.python, "-m", "pip", "install", "-qq", "-r", str(root / "requirements.txt")], check=True)
        if git("diff", "--quiet", commit, "--", "app/migrations", ok=(0, 1)):
            side.seed = f"{SEED}_base"  # Its tables are others: it makes the shop itself.
        yield side


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.run", description=__doc__.splitlines()[0])
    parser.add_argument("--compare", metavar="COMMIT", help="measure beside this commit, instead of the peers")
    parser.add_argument("--workers", default="1,2", help="worker processes of each, a run for each count (1,2)")
    parser.add_argument("--tickets", type=int, default=50_000, help="the peers have 50000")
    parser.add_argument("--rounds", default="3")
    parser.add_argument("--seconds", default="4")
    parser.add_argument("--only", help="endpoints, by commas")
    parser.add_argument("--json", help="append the raw results to this file")
    return parser.parse_args()


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # So that what was started is ended.
    options = parse()
    given = ["--rounds", options.rounds, "--seconds", options.seconds]
    for name in ("only", "json"):
        given += [f"--{name}", getattr(options, name)] if getattr(options, name) else []
    bench = set_up(options.tickets)
    with ExitStack() as ending:
        ours = Side("ours", ROOT, sys.executable)
        sides, others = [ours], list(PEERS)
        if options.compare:
            sides, others = [ending.enter_context(checkout(options.compare)), ours], []
            given += ["--base", "base"]
        for side in {side.seed: side for side in sides}.values():
            ending.callback(bench.drop, side.seed)
            bench.seed(side)
        failed = 0
        if not options.compare:
            print("\nDo all answer alike?", flush=True)
            failed = bench.load(sides, others, 1, "--check")
        for workers in map(int, options.workers.split(",")) if not failed else ():
            print(f"\n{RUNS.get(workers, f'{workers} workers each')}", flush=True)
            failed |= bench.load(sides, others, workers, *given)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
