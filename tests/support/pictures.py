"""Take the pictures of docs/images: ``make docs``, if Chromium is installed."""

import subprocess
import tempfile
from pathlib import Path

from config import ROOT
from tests.support.pages import INSTALLED, SCRIPTS, both_pages

FOLDER = ROOT / "docs" / "images"


def main() -> None:
    if not INSTALLED:
        print("Chromium or its driver is not installed: docs/images stays unchanged.")
        return
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, both_pages(Path(folder)) as environment:
        subprocess.run(["node", "--test", str(SCRIPTS / "pictures.mjs")], env=environment | {"FOLDER": str(FOLDER)}, check=True)


if __name__ == "__main__":
    main()
