"""Bad values for each kind of field, for each query parameter, and for an id in a path.

A string ``raw:…`` is written to JSON without its quotes, for numbers that Python cannot hold or would write otherwise:
``1.0``, ``1e400``.
"""

import json
import re
from typing import Any

LARGE = 10**20
UNUSED_ID = 2_147_483_647
"""The largest id that fits the column; no record has it."""
NO_INTEGERS = ["1", "", "raw:1.0", "raw:1.5", "raw:1e2", "raw:-0.0", True, False, None, [], {}, [1], {"id": 1}]
TOO_LARGE = [LARGE, -LARGE, f"raw:{'9' * 400}", "raw:1e400", "raw:-1e400", "raw:1e99999"]
NO_TEXT = [5, "raw:1.5", True, False, [], {}, ["text"], {"text": "text"}, LARGE]
CONTROL_CHARACTERS = [f"te{character}xt" for character in "\0\x01\x07\t\x0b\x0c\x1b\x7f\x85\ud800\udfff\udc41"] + [
    "\ud83d",
    "\0",
    "te\ud800xt\udc00",
]
LINE_BREAKS = ["te\nxt", "te\rxt", "te\u2028xt", "te\u2029xt"]


def encode(value: Any) -> bytes:
    """Return the JSON of a value. A lone surrogate is written as its escape, as a client would send it."""
    return re.sub(r'"raw:([^"]*)"', r"\1", json.dumps(value)).encode()


def bad_text(high: int, *, low: int = 1, breaks: bool = False, null: bool = False) -> list[Any]:
    """Return bad values of a text of ``low`` to ``high`` characters, with line breaks or null if those are allowed."""
    empty = ["", " ", "\u3000 \u00a0", "\u200b", "\u3164", "\u2800 \u115f\u00ad"] if low else []
    return [
        *NO_TEXT,
        *CONTROL_CHARACTERS,
        *["te\u202ext", "\u202dtext", "text\u202e", "te\u2067xt"],
        *empty,
        "x" * (high + 1),
        "🔧" * (high + 1),
        *([] if breaks else LINE_BREAKS),
        *([] if null else [None]),
    ]


def nullable(values: list[Any]) -> list[Any]:
    """Return the bad values of a field that may be null."""
    return [value for value in values if value is not None]


def bad_integers(low: int, high: int) -> list[Any]:
    """Return bad values of an integer from ``low`` to ``high``."""
    return [*NO_INTEGERS, *TOO_LARGE, low - 1, high + 1, -1, "raw:-1"]


BAD_EMAIL = [
    *bad_text(255),
    *["nobody", "@example.com", "ann@", "ann@example", "ann@@example.com", "a nn@example.com", "ann@exa mple.com"],
    *["ann@.com", "ann@example..com", ".ann@example.com", "ann.@example.com", "änn@example.com", "ann@exämple.com"],
    *["Ann <ann@example.com>", "ann@example.com, bob@example.com", "ann@example.com\r\nBcc: bob@example.com"],
    *[
        f"{'a' * 244}@example.com",
        f"{'a' * 65}@example.com",
        "\u0430nn@example.com",
        "ann@-example.com",
        "ann@example.com.",
        "ann@127.0.0.1",
        "'ann'@ex_ample.com",
    ],
]
BAD_PHONE = [*bad_text(20, null=True), "12", "1" * 21, "call me", "٥٥٥٠١٠٠", "555-01x0#", "５５５０１００", "555;0100"]
BAD_PASSWORD = [
    *NO_TEXT,
    "",
    "seven77",
    "e\u0301" * 7,
    "x" * 129,
    "correct\0horse",
    "correct\nhorse",
    "correct\ud800horse",
    None,
]
BAD_VIN = [*bad_text(50), "VIN 1", "VIN_1", "VIN.1", "ＶＩＮ１", "VIN١", "ß", "é", "%", "'; DROP TABLE customers; --"]
BAD_MONEY = [
    *["9.99", "", True, False, None, [], {}, [1], {"amount": 1}, *TOO_LARGE],
    *[
        "raw:-0.01",
        -1,
        100_000_000,
        "raw:99999999.991",
        "raw:100000000.00",
        "raw:0.001",
        "raw:12.345",
        "raw:1e-3",
        "raw:1e-400",
    ],
    *["raw:1.00000000000000000000000000000000001", "raw:-1e-400", "raw:99999999.9900000000000000000000000000000001"],
]
BAD_DATE = [
    *[*NO_TEXT, None, "", " ", "today", "2026-13-01", "2026-02-30", "2026-00-10", "2026-01-00", "0000-01-01", "20261124"],
    *["2026-1-1", "26-01-01", "2026/11/24", "24.11.2026", "2026-11-24T08:00:00Z", "2026-W48-2", "٢٠٢٦-١١-٢٤", "+2026-11-24"],
    *["-2026-11-24", "10000-01-01", "2026-11-24\0", "2026-11-24\n", "2026‐11‐24", "\ud800"],
]
BAD_ROLE = [*bad_text(10), "boss", "customer", "ADMIN", "admin,mechanic"]
BAD_ID = [*bad_integers(1, UNUSED_ID), UNUSED_ID]
BAD_QUANTITY = bad_integers(1, UNUSED_ID)
BAD_STOCK = bad_integers(0, UNUSED_ID)
BAD_IDS = [
    *[5, "1", "", True, None, {}, {"0": 1}, "raw:1.0", LARGE, list(range(1, 52)), list(range(1, 10_001)), [1] * 51],
    *[[bad] for bad in BAD_ID],
]
BAD_LINE = [
    *[{"inventory_id": bad} for bad in BAD_ID],
    *[{"inventory_id": 1, "quantity": bad} for bad in BAD_QUANTITY if bad is not None],  # Null removes a whole line.
    *[
        {},
        {"quantity": 1},
        {"id": 1},
        {"inventory_id": 1, "unit_price": 5},
        {"inventory_id": 1, "\ud800": 5},
        [],
        [1],
        "1",
        None,
        True,
    ],
    *["raw:1.0", {"inventory_id": 1, "": 1}, {"inventory_id": 1, "quantity": 1, "name": "Pad"}],
]
NO_LINES = [
    5,
    "1",
    "",
    True,
    None,
    {},
    {"inventory_id": 1},
    "raw:1.0",
    [{"inventory_id": 1}] * 101,
    [{"inventory_id": 1}] * 10_000,
]
BAD_LINES_TO_ADD = [*NO_LINES, *[[bad] for bad in BAD_LINE], [1], [{"inventory_id": 1, "quantity": None}]]
BAD_LINES_TO_REMOVE = [*NO_LINES, *[[bad] for bad in BAD_LINE], [UNUSED_ID], [0], [-1], [LARGE]]

BAD_FLAG = ["true", "", "yes", 0, 1, "raw:1.0", None, [], {}, [True]]
BAD_PERCENT = [*NO_TEXT[2:6], "7.5", "", -1, 101, "raw:100.0001", "raw:0.00001", "raw:1e-9", *TOO_LARGE]

BAD_NUMBERS = [
    "x",
    "-1",
    "+1",
    "01",
    "1.0",
    "1e1",
    "1_0",
    "0x1",
    "١",
    "１",
    "1 ",
    "%00",
    "1%00",
    "1;2",
    "null",
    "true",
]
BAD_NUMBERS += [str(LARGE), "9" * 5000, "1'", "[1]", "%ED%A0%80"]
BAD_QUERY_VALUES = {
    "page": ["0", *BAD_NUMBERS],
    "per_page": ["0", "101", "1000", *BAD_NUMBERS],
    "after": ["0", str(UNUSED_ID), str(10**17), *BAD_NUMBERS],
    "q": ["x" * 256, "a%E2%80%AEb", "%00", "a%00b", "a%01b", "a%0Ab", "%7F", "a%E2%80%A8b", "a%C2%85b"],
    "customer_id": ["0", "2147483648", *BAD_NUMBERS],
    "mechanic_id": ["0", "2147483648", *BAD_NUMBERS],
    "vin": ["A" * 51, "A_B", "A%20B", "%00", "%C3%9F", "%25", "%D0%90"],
    "from": ["today", "2026-13-01", "2026-02-30", "20261124", "0000-01-01", "2026-11-24T08:00:00Z", "%D9%A2", "%00"],
}
BAD_QUERY_VALUES["to"] = BAD_QUERY_VALUES["from"]
BAD_PATH_IDS = [
    "0",
    "-1",
    "+1",
    "01",
    "0001",
    "1.0",
    "1e0",
    "1_0",
    "%D9%A1",
    "%EF%BC%91",
    "1%20",
    "%201",
    "1%00",
    "%00",
    "null",
]
BAD_PATH_IDS += ["9999999999", "2147483647", "2147483648", "4294967297", "10000000000", str(2**63), str(LARGE), "9" * 3000]
BAD_PATH_IDS += ["x", "1;1", "1,2", "1'--", "%ED%A0%80", "%FF", "%F0%9F%94%A7", "0x1", "*", "%2E%2E"]
