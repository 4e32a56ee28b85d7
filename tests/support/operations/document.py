"""docs/operations.md: its configurations and commands, word for word, but for the places of this machine."""

import re

from config import ROOT

TEXT = (ROOT / "docs" / "operations.md").read_text("utf-8")
BLOCK = re.compile(r"^(?:##+ (?P<heading>[^\n]+)|```(?P<language>\w+)\n(?P<text>.*?)^```)$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str, str]]:
    """Every block as (the heading it stands under, its language, its text)."""
    found, heading = [], ""
    for each in BLOCK.finditer(TEXT):
        heading = each["heading"] or heading
        if each["language"]:
            found.append((heading, each["language"], each["text"]))
    return found


def block(heading: str, language: str) -> str:
    """The one block of a language under a heading."""
    [text] = [text for where, kind, text in blocks() if (where, kind) == (heading, language)]
    return text


def placed(text: str, places: dict[str, str]) -> str:
    """A text with places of this machine in it; each must be named there."""
    for written, here in places.items():
        assert written in text, written
        text = text.replace(written, here)
    return text
