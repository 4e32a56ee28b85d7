"""Both pages in a real browser: each story is told by a script of node that sees what a person sees."""

import os
import re
import shutil
import subprocess
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import create_engine

from config import ROOT
from tests.invariants import faults
from tests.real import ADMIN, Start, copy_of_the_shop
from tests.services import REQUIRED

HERE, EXAMPLE = Path(__file__).parent, ROOT / "examples" / "frontend"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or ""
THERE = CHROMIUM and (HERE / "node_modules").exists() and (EXAMPLE / "node_modules").exists()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not THERE and not REQUIRED,
        reason="chromium or its driver is not there: npm ci --prefix tests/browser, npm ci --prefix examples/frontend",
    ),
]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing of each request."""


@pytest.fixture
def told(tmp_path):
    """Tell the stories of a file, in a shop of its own: ``told("customer", LIMIT_LOGIN="")``."""

    def tell(name, **settings):
        (tmp_path / "shop").mkdir()
        with Start(copy_of_the_shop(tmp_path / "shop"), **ADMIN, **settings) as shop:
            built, address = tmp_path / "page", f"http://127.0.0.1:{shop.port}"
            subprocess.run(
                ["npx", "--no-install", "vite", "build", "--outDir", str(built), "--emptyOutDir", "--logLevel", "error"],
                cwd=EXAMPLE,
                env=os.environ | {"VITE_SHOP": address},
                check=True,
                timeout=60,
            )
            with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(built))) as page:
                Thread(target=page.serve_forever, daemon=True).start()
                given = {"SHOP": address, "PAGE": f"http://127.0.0.1:{page.server_port}/", "CHROMIUM": CHROMIUM}
                ran = subprocess.run(
                    ["node", "--test", str(HERE / f"{name}.mjs")],
                    env=os.environ | ADMIN | given,
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=240,
                )
                page.shutdown()
            assert ran.returncode == 0, ran.stdout
        [database] = (tmp_path / "shop" / "instance").glob("*.db")
        engine = create_engine(f"sqlite:///{database}")
        assert faults(engine) == []
        engine.dispose()

    return tell


ALL_DAY = {"LIMIT_LOGIN": "", "LIMIT_REGISTER": ""}


@pytest.mark.parametrize("story", ["controls", "customer", "docs", "mechanic", "trouble", "keyboard"])
def test_the_example(told, story):
    told(story, **ALL_DAY)


def test_the_example_says_what_a_limit_is(told):
    told("limits", LIMIT_TICKET_INVENTORY="1 per day", LIMIT_LOGIN="4 per minute")


def test_the_stories_see_only_what_a_person_sees():
    """Roles, labels and text; what looks behind them is the desk's alone."""
    stories = [path for path in HERE.glob("*.mjs") if path.name != "desk.mjs"]
    assert len(stories) >= 5
    behind = re.compile(r"evaluate|locator\(|\$\(|querySelector|TestId|content\(\)|force:")
    assert [path.name for path in stories if behind.search(path.read_text("utf-8"))] == []
    assert behind.search('page.locator(".wrong")')
