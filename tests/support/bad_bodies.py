"""A table of every body, query and path that the shop reads, and of every bad body for each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.bad_values import (
    DAY,
    EMAIL,
    ID,
    IDS,
    LINES_OFF,
    LINES_ON,
    MONEY,
    NO_TEXT,
    PASSWORD,
    PHONE,
    ROLE,
    STOCK,
    VIN,
    encode,
    text,
)

SEARCHED = ("page", "per_page", "after", "q")
QUERIES = {
    "/customers": SEARCHED,
    "/mechanics": SEARCHED,
    "/inventory": SEARCHED,
    "/inventory/{part}/movements": ("page", "per_page", "after"),
    "/tickets/my-tickets": ("page", "per_page", "after"),
    "/tickets": (*SEARCHED, "customer_id", "mechanic_id", "vin", "from", "to"),
}
RECORDS = ["/customers/{}", "/mechanics/{}", "/inventory/{}", "/inventory/{}/movements", "/tickets/{}", "/tickets/{}/mechanics"]
RECORDS += ["/tickets/{}/inventory", "/tickets/{}/mechanics/1", "/tickets/{ticket}/mechanics/{}"]


@dataclass(frozen=True)
class Body:
    """A body that the shop reads: where it goes, one that is good, and what each field may not be."""

    method: str
    path: str
    good: dict[str, Any]
    bad: dict[str, list[Any]]
    needed: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ("id", "created_at", "updated_at")
    who: str = "admin"

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Case:
    """A body that must be refused, with one of the statuses; ``field`` is what the answer must name."""

    what: str
    body: bytes
    statuses: tuple[int, ...] = (422,)
    field: str | None = None
    media_type: str = "application/json"


ACCOUNT = {"name": text(255), "email": EMAIL, "phone": PHONE, "password": PASSWORD}
MECHANIC = ACCOUNT | {"phone": [*PHONE, None], "salary": MONEY, "role": ROLE}
PART = {"name": text(255), "price": MONEY, "quantity": STOCK, "sku": text(64, null=True)}
TICKET = {"customer_id": ID, "service_date": DAY, "description": text(2000, breaks=True), "vin": VIN}
LOGIN = {"email": text(255), "password": [*NO_TEXT, "", "x" * 129, "correct\0horse", "correct\ud800", None]}
ANN = {"name": "Ann", "email": "ann@example.com", "phone": "555-0100", "password": "correct horse battery"}
MAX = ANN | {"email": "max@example.com", "salary": 50_000, "role": "mechanic"}
SIGNED = {"email": "ann@example.com", "password": "correct horse battery"}
PAD = {"name": "Pad", "price": 9.99, "quantity": 3, "sku": "BP-1"}
VISIT = {"customer_id": "{customer}", "service_date": "2026-11-24", "description": "Brakes", "vin": "VIN1"}
SHOWN = ("id", "created_at", "updated_at", "mechanics", "parts_total")

BODIES = [
    Body("POST", "/customers", ANN, ACCOUNT, ("name", "email", "password"), who="anyone"),
    Body("PUT", "/customers/{customer}", {}, ACCOUNT),
    Body("POST", "/customers/login", SIGNED, LOGIN, ("email", "password"), who="anyone"),
    Body("POST", "/mechanics", MAX, MECHANIC, ("name", "email", "phone", "salary")),
    Body("PUT", "/mechanics/{mechanic}", {}, MECHANIC),
    Body("POST", "/mechanics/login", SIGNED, LOGIN, ("email", "password"), who="anyone"),
    Body("POST", "/inventory", PAD, PART, ("name", "price")),
    Body("PUT", "/inventory/{part}", {}, PART),
    Body("POST", "/tickets", VISIT, TICKET | {"mechanic_ids": IDS, "parts": LINES_ON}, tuple(TICKET), SHOWN),
    Body("PUT", "/tickets/{ticket}", {}, TICKET, (), (*SHOWN, "parts", "mechanic_ids")),
    Body(
        "PUT",
        "/tickets/{ticket}/mechanics",
        {},
        dict.fromkeys(("mechanic_ids", "add_mechanic_ids"), IDS)
        | {"remove_mechanic_ids": IDS, "mechanic_ids ": [[1]], "mechanics": [[1]]},
        (),
        SHOWN,
    ),
    Body("PUT", "/tickets/{ticket}/inventory", {}, {"add_parts": LINES_ON, "remove_parts": LINES_OFF}, (), (*SHOWN, "parts")),
]
UNKNOWN = [
    "colour",
    "password_hash",
    "version",
    "deleted_at",
    "token_version",
    "__proto__",
    "",
    " name",
    "Name",
    "na\0me",
    "\ud800",
]
UNKNOWN += ["is_admin", "🔧", "x" * 5000, "\ud83d key", "a.b", "$where", "price_cents", "constructor"]
NO_OBJECTS = ["[]", "[{}]", '"text"', "5", "1.0", "true", "null", '"{}"', "-0"]
NO_JSON = [
    "",
    " ",
    "{",
    "}",
    "{]",
    '{"name"',
    '{"name":}',
    '{"name": "Ann"',
    '{"name": "Ann",}',
    "{'name': 'Ann'}",
    "{name: 1}",
    "NaN",
]
NO_JSON += ['{"name": NaN}', '{"price": Infinity}', '{"price": -Infinity}', '{"price": 01}', '{"price": +1}', '{"price": .5}']
NO_JSON += [
    '{"price": 1.}',
    '{"price": 0x10}',
    '{"name": "\\x41"}',
    '{"name": "\\u12"}',
    '{"name": "a\nb"}',
    '{"name": "a\0b"}',
    "{}{}",
]
NO_JSON += ["{} x", "<customer/>", "name=Ann&price=5", '{"a": undefined}', '{"a": /* b */ 1}', '\ufeff{"name": "Ann"}']
NO_JSON += ['{"name": "Ann", "name": "Bob"}', '{"price": 1, "price": 1}', '{"parts": [{"inventory_id": 1, "inventory_id": 2}]}']
NO_JSON += ['{"price": 1e9999999999999999999999}', '{"quantity": ' + "9" * 5000 + "}"]
OTHER_TYPES = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "json"]
OTHER_TYPES += ["application/jsonp", "text/json", "application/merge-patch+json", "*/*", "application/problem+json", ""]


def cases_of(body: Body) -> Iterator[Case]:
    """Every bad body for one that the shop reads. Where a number is too long to read, 400 is as good as 422."""
    for name, values in body.bad.items():
        for value in values:
            statuses = (400, 422) if "raw:" in repr(value) else (422,)
            yield Case(f"{name}={value!r:.60}", encode(body.good | {name: value}), statuses, name)
    for name in body.needed:
        yield Case(f"no {name}", encode({key: value for key, value in body.good.items() if key != name}), (422,), name)
    for name in (*body.read_only, *UNKNOWN):
        yield Case(f"unknown {name!r:.30}", encode(body.good | {name: 1}), (422,), name or "body")
    yield from (Case(f"no object {sent}", sent.encode(), (400,)) for sent in NO_OBJECTS)
    yield from (Case(f"no JSON {sent!r:.40}", sent.encode(), (400,)) for sent in NO_JSON)
    yield from envelopes(encode(body.good))


def envelopes(good: bytes) -> Iterator[Case]:
    """A body that is good, in a form that is not."""
    for media_type in OTHER_TYPES:
        yield Case(f"type {media_type!r}", good, (415,), media_type=media_type)
    for encoding in ("utf-16", "utf-16-le", "utf-32", "utf-8-sig"):
        for charset in ("", "; charset=utf-16"):
            media_type = f"application/json{charset}"
            yield Case(f"in {encoding}{charset}", good.decode().encode(encoding), (400,), media_type=media_type)
    yield Case("latin-1", b'{"name": "J\xf6rg"}', (400,))
    yield Case("a surrogate in UTF-8", b'{"name": "\xed\xa0\x80"}', (400,))
    yield Case("overlong UTF-8", b'{"name": "\xc0\x80"}', (400,))
    yield Case("5,000 arrays", b'{"name": ' + b"[" * 5000 + b"]" * 5000 + b"}", (400,))
    yield Case("5,000 objects", b'{"name": ' * 5000 + b"1" + b"}" * 5000, (400,))
    yield Case("200,000 brackets", b"[" * 200_000, (400,))
    yield Case("30 levels", b'{"name": ' + b"[" * 30 + b"]" * 30 + b"}", (400,))
    yield Case("2 MiB of text", b'{"name": "' + b"x" * 2**21 + b'"}', (413,))
    yield Case("2 MiB of blanks", good + b" " * 2**21, (413,))
    for cut in {len(good) // 3, len(good) // 2, len(good) - 1} - {0}:
        yield Case(f"cut at {cut}", good[:cut], (400,))
