"""Takes the pictures of docs/images anew: ``make docs``, where chromium is there."""

import subprocess
import tempfile
from pathlib import Path

from config import ROOT
from tests.support.pages import HERE, THERE, both_pages

FOLDER = ROOT / "docs" / "images"


def main() -> None:
    if not THERE:
        print("chromium or its driver is not there: docs/images stays as it is.")
        return
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, both_pages(Path(folder)) as given:
        subprocess.run(["node", "--test", str(HERE / "pictures.mjs")], env=given | {"FOLDER": str(FOLDER)}, check=True)


if __name__ == "__main__":
    main()
