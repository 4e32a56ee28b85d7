"""The column that ``?q=`` looks in: the searched texts of a record, folded by one function.

The databases disagree about letters beyond ASCII: SQLite's ``lower()`` leaves «Ä» as it is, and so does PostgreSQL's under
``LC_CTYPE=C``. Folded texts are compared character by character, which is the same on all of them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from unicodedata import normalize

from sqlalchemy import Table, Text
from sqlalchemy.orm import MappedColumn, mapped_column

INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""The characters without a shape of their own, as a class of a regular expression (Unicode: Default_Ignorable_Code_Point),
the empty Braille cell, and the marks of annotations."""
NOT_SEARCHED = re.compile(f"[{INVISIBLE}]")
DIGITS_FOLLOW = "\t"
"""Stands before the digits of a phone. No text holds a tab."""


def fold(text: str) -> str:
    """Return a text in the form that a search compares: in composed letters (NFC), without case and invisible characters."""
    return normalize("NFC", normalize("NFD", NOT_SEARCHED.sub("", text)).casefold())


def digits_of(phone: str) -> str:
    return re.sub("[^0-9]", "", phone)


def folded_texts(record: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return the texts of a record in which a search looks, and the digits of the phone."""
    texts = [fold(text) for name in names if (text := record.get(name))]
    if "phone" in names and (phone := record.get("phone")):
        texts.append(DIGITS_FOLLOW + digits_of(phone))
    return "\n".join(texts)


def search_column(*names: str) -> MappedColumn[str | None]:
    """Return the column for a search in the columns ``names``. An INSERT fills it; an erased record has none."""
    return mapped_column(
        Text,
        default=lambda context: folded_texts(context.get_current_parameters(), names),
        info={"names": names},
        sort_order=2,
    )


def search_value(table: Table, record: Mapping[str, Any]) -> dict[str, str]:
    """Return the value of the search column for a record, by its name; nothing if the table has no such column."""
    return {"search": folded_texts(record, table.c.search.info["names"])} if "search" in table.c else {}
