"""The configurations and commands of docs/operations.md, with paths and ports replaced for a test."""

import re

from config import ROOT

TEXT = (ROOT / "docs" / "operations.md").read_text("utf-8")
BLOCK = re.compile(r"^(?:##+ (?P<heading>[^\n]+)|```(?P<language>\w+)\n(?P<text>.*?)^```)$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str, str]]:
    """Return every code block as (heading, language, text)."""
    result, heading = [], ""
    for match in BLOCK.finditer(TEXT):
        heading = match["heading"] or heading
        if match["language"]:
            result.append((heading, match["language"], match["text"]))
    return result


def block(heading: str, language: str) -> str:
    """Return the only code block of a language under a heading."""
    [text] = [text for title, kind, text in blocks() if (title, kind) == (heading, language)]
    return text


def substitute(text: str, replacements: dict[str, str]) -> str:
    """Replace substrings of a text. Raise AssertionError if one does not occur."""
    for old, new in replacements.items():
        assert old in text, old
        text = text.replace(old, new)
    return text
