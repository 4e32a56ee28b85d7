"""Serve a shop and the front-end example on two ports, for the browser tests in Node."""

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

SCRIPTS, EXAMPLE = ROOT / "tests" / "browser", ROOT / "examples" / "frontend"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or ""
INSTALLED = bool(CHROMIUM) and (SCRIPTS / "node_modules").exists() and (EXAMPLE / "node_modules").exists()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Log no request."""


def build(folder: Path, shop: str) -> None:
    """Build the example for the URL of a shop."""
    command = ["npx", "--no-install", "vite", "build", "--outDir", str(folder), "--emptyOutDir", "--logLevel", "error"]
    subprocess.run(command, cwd=EXAMPLE, env=os.environ | {"VITE_SHOP": shop}, check=True, timeout=60)


@contextmanager
def both_pages(folder: Path, **settings: str) -> Iterator[dict[str, str]]:
    """Serve both, and yield the environment for a script."""
    (folder / "shop").mkdir()
    with Start(copy_of_the_shop(folder / "shop"), **ADMIN, **settings) as shop:
        address = f"http://127.0.0.1:{shop.port}"
        build(folder / "page", address)
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder / "page"))) as page:
            Thread(target=page.serve_forever, daemon=True).start()
            yield os.environ | ADMIN | {"SHOP": address, "PAGE": f"http://127.0.0.1:{page.server_port}/", "CHROMIUM": CHROMIUM}
            page.shutdown()
