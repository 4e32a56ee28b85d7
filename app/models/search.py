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


def characters(ranges: str) -> str:
    """Return the characters of ranges of code points like ``200B-200F 2800``."""
    bounds = (part.partition("-") for part in ranges.split())
    return "".join(chr(code) for first, _, last in bounds for code in range(int(first, 16), int(last or first, 16) + 1))


INVISIBLE = characters(
    "AD 34F 61C 115F-1160 17B4-17B5 180B-180F 200B-200F 202A-202E 2060-206F 2800 3164 FE00-FE0F FEFF FFA0 FFF0-FFFB "
    "13430-13440 1BCA0-1BCA3 1D159 1D173-1D17A E0001 E0020-E007F E0100-E01EF"
)
"""The characters without a shape of their own (Unicode: Default_Ignorable_Code_Point), among them the joiners, the Hangul
fillers and the selectors of variants, and other empty ones, such as the Braille cell without dots."""
NOT_SEARCHED = re.compile(f"[{INVISIBLE}]")
DIGITS_FOLLOW = "\t"  # Stands before the digits of a phone. No text holds a tab.


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
