"""A shop and the example built for it, each at an address of its own, as scripts of node are told of them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from config import ROOT
from tests.support.start import ADMIN, Start, copy_of_the_shop

HERE, EXAMPLE = ROOT / "tests" / "browser", ROOT / "examples" / "frontend"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or ""
THERE = bool(CHROMIUM) and (HERE / "node_modules").exists() and (EXAMPLE / "node_modules").exists()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing of each request."""


def build(folder: Path, shop: str) -> None:
    """Build the example for a shop."""
    command = ["npx", "--no-install", "vite", "build", "--outDir", str(folder), "--emptyOutDir", "--logLevel", "error"]
    subprocess.run(command, cwd=EXAMPLE, env=os.environ | {"VITE_SHOP": shop}, check=True, timeout=60)


@contextmanager
def both_pages(folder: Path, **settings: str) -> Iterator[dict[str, str]]:
    """Serve both until the end; what a script finds in its environment."""
    (folder / "shop").mkdir()
    with Start(copy_of_the_shop(folder / "shop"), **ADMIN, **settings) as shop:
        address = f"http://127.0.0.1:{shop.port}"
        build(folder / "page", address)
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder / "page"))) as page:
            Thread(target=page.serve_forever, daemon=True).start()
            yield os.environ | ADMIN | {"SHOP": address, "PAGE": f"http://127.0.0.1:{page.server_port}/", "CHROMIUM": CHROMIUM}
            page.shutdown()
