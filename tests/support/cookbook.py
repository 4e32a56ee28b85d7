"""Reads docs/cookbook.md and plays it; ``make docs`` writes the answers into it anew."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from config import ROOT
from tests.support.start import ADMIN, Start, copy_of_the_shop

COOKBOOK = ROOT / "docs" / "cookbook.md"
BLOCK = re.compile(r"^```sh\n(?P<command>.*?)^```\n(?:\n```text\n(?P<answer>.*?)^```\n)?", re.MULTILINE | re.DOTALL)
END = "— end of this answer —"
VARYING = [
    (r"eyJ[\w.…-]+", "a token"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "a time"),
    (r'"[0-9a-f]{24}"', "an ETag"),
    (r"(?i)(?<=retry-after: )\d+", "seconds"),
]
"""What no two shops answer alike. Ids are alike, since a fresh shop counts from one."""


def blocks(text: str) -> list[re.Match[str]]:
    """The commands with their answers, where one is shown; the first is the shop's start, in a terminal of its own."""
    return list(BLOCK.finditer(text))[1:]


def play(text: str, shop: Start) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run all commands of a text word for word in one shell; how it ended, and what each printed."""
    script = "".join(f"{block['command']}echo '{END}'\n" for block in blocks(text))
    here = script.replace("http://localhost:5000", f"http://localhost:{shop.port}")
    assert here != script
    with tempfile.TemporaryDirectory() as folder:
        command = ["bash", "-euo", "pipefail", "-c", here]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    return ran, ran.stdout.split(f"{END}\n")[:-1]


def steady(answer: str) -> str:
    """An answer without what no two shops answer alike."""
    for pattern, name in VARYING:
        answer = re.sub(pattern, f"({name})", answer)
    return answer


def main() -> None:
    text = COOKBOOK.read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder, Start(copy_of_the_shop(Path(folder)), **ADMIN) as shop:
        ran, answers = play(text, shop)
    if ran.returncode:
        sys.exit(ran.stdout + ran.stderr)
    for block, answer in reversed(list(zip(blocks(text), answers, strict=True))):
        shown = re.sub(r"(eyJ[\w-]+)\.[\w.-]+", r"\1.…", answer)
        written = f"```sh\n{block['command']}```\n" + (f"\n```text\n{shown}```\n" if shown else "")
        text = text[: block.start()] + written + text[block.end() :]
    COOKBOOK.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
