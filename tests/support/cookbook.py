"""Run the commands of docs/cookbook.md. ``make docs`` runs this module to write the responses into the page."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from config import ROOT
from tests.support.start import ADMIN, Start, copy_of_the_shop

COOKBOOK = ROOT / "docs" / "cookbook.md"
BLOCK = re.compile(r"^```sh\n(?P<command>.*?)^```\n(?:\n```text\n(?P<response>.*?)^```\n)?", re.MULTILINE | re.DOTALL)
END = "— end of this response —"
VARYING = [
    (r"eyJ[\w.…-]+", "a token"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "a time"),
    (r'"[0-9a-f]{24}"', "an ETag"),
    (r"(?i)(?<=retry-after: )\d+", "seconds"),
]
"""Patterns of values that differ in every run. Ids are equal, since a fresh shop counts from one."""


def blocks(text: str) -> list[re.Match[str]]:
    """Return the commands with their printed responses, without the first one, which starts the shop."""
    return list(BLOCK.finditer(text))[1:]


def play(text: str, shop: Start) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run all commands of the page in one shell. Return the finished process and the output of each command."""
    script = "".join(f"{block['command']}echo '{END}'\n" for block in blocks(text))
    local = script.replace("http://localhost:5000", f"http://localhost:{shop.port}")
    assert local != script
    with tempfile.TemporaryDirectory() as folder:
        command = ["bash", "-euo", "pipefail", "-c", local]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    return result, result.stdout.split(f"{END}\n")[:-1]


def mask(response: str) -> str:
    """Replace the values that differ in every run."""
    for pattern, name in VARYING:
        response = re.sub(pattern, f"({name})", response)
    return response


def main() -> None:
    text = COOKBOOK.read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder, Start(copy_of_the_shop(Path(folder)), **ADMIN) as shop:
        result, responses = play(text, shop)
    if result.returncode:
        sys.exit(result.stdout + result.stderr)
    for block, response in reversed(list(zip(blocks(text), responses, strict=True))):
        printed = re.sub(r"(eyJ[\w-]+)\.[\w.-]+", r"\1.…", response)
        written = f"```sh\n{block['command']}```\n" + (f"\n```text\n{printed}```\n" if printed else "")
        text = text[: block.start()] + written + text[block.end() :]
    COOKBOOK.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
