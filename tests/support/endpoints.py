"""The endpoint table: every method and path of the app, in one row each.

The tests of access, conventions, bad input, query counts, secrecy, the OpenAPI document and the README read it, so that
a new endpoint is covered by one row. Paths are written as in the OpenAPI document: ``/tickets/{ticket_id}``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Flask

from app.models import MAX_COUNT
from tests.support.bad_values import (
    BAD_DATE,
    BAD_EMAIL,
    BAD_FLAG,
    BAD_ID,
    BAD_IDS,
    BAD_LINES_TO_ADD,
    BAD_LINES_TO_REMOVE,
    BAD_MONEY,
    BAD_PASSWORD,
    BAD_PERCENT,
    BAD_PHONE,
    BAD_ROLE,
    BAD_STOCK,
    BAD_VIN,
    NO_TEXT,
    bad_integers,
    bad_text,
    nullable,
)

ROLES = ("anonymous", "customer", "mechanic", "admin")
ANYONE, SIGNED_IN, STAFF, ADMIN = set(ROLES), {"customer", "mechanic", "admin"}, {"mechanic", "admin"}, {"admin"}


@dataclass(frozen=True)
class Body:
    """A request body: an example, and the bad values of each field. A change ignores times."""

    example: dict[str, Any]
    bad: dict[str, list[Any]]
    required: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ("id", "created_at", "updated_at")


@dataclass(frozen=True)
class Endpoint:
    """A row of the table.

    ``owned``: whether a customer may see only their own records there; to be given if customers have access and the
    path has an id. ``statements``: query string → number of SQL statements of a GET, without the lookup of the caller.
    ``parameters``: the query parameters that are validated. ``documented``: whether the OpenAPI document has it. ``status``:
    that of a GET.
    """

    method: str
    path: str
    roles: set[str]
    owned: bool | None = None
    body: Body | None = None
    parameters: tuple[str, ...] = ()
    statements: dict[str, int] = field(default_factory=dict)
    cached: bool = False
    documented: bool = True
    status: int = 200

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def has_id(self) -> bool:
        return "_id}" in self.path


PAGED, SEARCHED = ("page", "per_page", "after"), ("page", "per_page", "after", "q")
TICKET_FILTERS = ("customer_id", "mechanic_id", "vin", "from", "to")
ALL_TICKET_FILTERS = "?customer_id={customer_id}&mechanic_id={mechanic_id}&q=visit&vin=v&from=2026-01-01&to=2026-12-31"

# ---------------------------------------------------------------- bodies
CUSTOMER = {"name": "Ann", "email": "ann@example.com", "phone": "555-0100", "password": "correct horse battery"}
MECHANIC = CUSTOMER | {"email": "max@example.com", "salary": 50_000, "role": "mechanic"}
LOGIN = {"email": "ann@example.com", "password": "correct horse battery"}
PART = {"name": "Pad", "price": 9.99, "quantity": 3, "sku": "BP-1"}
TICKET = {"customer_id": "{customer_id}", "service_date": "2026-11-24", "description": "Brakes", "vin": "VIN1"}

BAD_CUSTOMER = {"name": bad_text(255), "email": BAD_EMAIL, "phone": BAD_PHONE, "password": BAD_PASSWORD}
BAD_MECHANIC = BAD_CUSTOMER | {"phone": [*BAD_PHONE, None], "salary": BAD_MONEY, "role": BAD_ROLE}
BAD_LOGIN = {"email": bad_text(255), "password": [*NO_TEXT, "", "x" * 129, "correct\0horse", "correct\ud800", None]}
BAD_PART = {"name": bad_text(255), "price": BAD_MONEY, "quantity": BAD_STOCK, "sku": bad_text(64, null=True)}
BAD_TICKET = {"customer_id": BAD_ID, "service_date": BAD_DATE, "description": bad_text(2000, breaks=True), "vin": BAD_VIN}
BAD_SHOP = {
    "name": bad_text(255),
    "address": bad_text(500, breaks=True, null=True),
    "country": [*bad_text(2, null=True), "XX", "us", "USA"],
    "email": nullable(BAD_EMAIL),
    "phone": BAD_PHONE,
    "tax_number": bad_text(50, null=True),
    "registration": bad_text(50, null=True),
    "currency": [*bad_text(3), "XXX", "usd", "JPY"],
    "time_zone": [*bad_text(64), "Mars/Olympus", "UTC+1", "../etc/passwd"],
    "labor_rate": BAD_MONEY,
    "prices_include_tax": BAD_FLAG,
    "supplies": [5, "", [], {}, [{"percent": 1}], *({"percent": bad} for bad in [*BAD_PERCENT, None])],
    "estimate_days": bad_integers(1, 365),
    "estimate_tolerance": [None, 5, "", [], *({"percent": bad} for bad in BAD_PERCENT), {"rule": "both"}, {"rule": None}],
    "payment_days": bad_integers(0, 365),
    "invoice_prefix": [*bad_text(10, low=0), "inv-", "CN-", "A B", "Ä"],
    "credit_note_prefix": [*bad_text(10, low=0), "cn-", "INV-", "A B", "Ä"],
    "document_footer": bad_text(1000, breaks=True, null=True),
}
BAD_ASSIGNMENT = {
    **dict.fromkeys(("mechanic_ids", "add_mechanic_ids", "remove_mechanic_ids"), BAD_IDS),
    "mechanic_ids ": [[1]],
    "mechanics": [[1]],
}
BAD_MOVEMENT = {
    "change": [*bad_integers(-MAX_COUNT, MAX_COUNT), 0, -1],
    "reason": [*NO_TEXT, "", "used", "returned", "counted", "Received", "stolen", None],
    "note": bad_text(500, null=True),
}
TICKET_READ_ONLY = ("id", "customer_name", "mechanics", "parts_total")
NEW_TICKET_READ_ONLY = (*TICKET_READ_ONLY, "created_at", "updated_at")

LOGIN_BODY = Body(LOGIN, BAD_LOGIN, ("email", "password"))
NEW_CUSTOMER = Body(CUSTOMER, BAD_CUSTOMER, ("name", "email", "password"))
CUSTOMER_CHANGE = Body({}, BAD_CUSTOMER, (), ("id",))
NEW_MECHANIC, MECHANIC_CHANGE = (
    Body(MECHANIC, BAD_MECHANIC, ("name", "email", "phone", "salary")),
    Body({}, BAD_MECHANIC, (), ("id",)),
)
NEW_PART, PART_CHANGE = Body(PART, BAD_PART, ("name", "price")), Body({}, BAD_PART, (), ("id",))
SHOP_CHANGE = Body({}, BAD_SHOP)
NEW_TICKET = Body(
    TICKET, BAD_TICKET | {"mechanic_ids": BAD_IDS, "parts": BAD_LINES_TO_ADD}, tuple(TICKET), NEW_TICKET_READ_ONLY
)
TICKET_CHANGE = Body({}, BAD_TICKET, (), (*TICKET_READ_ONLY, "parts", "mechanic_ids"))
ASSIGNMENT = Body({}, BAD_ASSIGNMENT, (), NEW_TICKET_READ_ONLY)
BAD_PARTS_CHANGE = {"add_parts": BAD_LINES_TO_ADD, "remove_parts": BAD_LINES_TO_REMOVE}
PARTS_CHANGE = Body({}, BAD_PARTS_CHANGE, (), (*NEW_TICKET_READ_ONLY, "parts"))
NEW_MOVEMENT = Body(
    {"change": 20, "reason": "received"}, BAD_MOVEMENT, ("change", "reason"), ("id", "balance", "by", "created_at")
)

# ---------------------------------------------------------------- the table
# A list takes two statements, the page and its count; with ``after``, the page alone. A list of tickets takes one more:
# the ids of the page, and the tickets with their parts and mechanics.
ENDPOINTS = [
    Endpoint("GET", "/", ANYONE, statements={"": 0}, documented=False),
    Endpoint("GET", "/docs/", ANYONE, statements={"": 0}, documented=False),
    Endpoint("GET", "/docs/{path}", ANYONE, statements={"": 0}, documented=False),
    Endpoint("GET", "/api/docs", ANYONE, statements={"": 0}, documented=False, status=308),
    Endpoint("GET", "/openapi.json", ANYONE, statements={"": 0}, documented=False),
    Endpoint("GET", "/health/live", ANYONE, statements={"": 0}, documented=False),
    Endpoint("GET", "/health/ready", ANYONE, statements={"": 1}, documented=False),
    Endpoint("GET", "/me", SIGNED_IN, statements={"": 1}),
    Endpoint("POST", "/customers", ANYONE, body=NEW_CUSTOMER),
    Endpoint("POST", "/customers/login", ANYONE, body=LOGIN_BODY),
    Endpoint(
        "GET",
        "/customers",
        STAFF,
        parameters=SEARCHED,
        statements={"": 2, "?page=2&per_page=1": 2, "?after={customer_id}": 1, "?q=person": 2},
    ),
    Endpoint("GET", "/customers/{customer_id}", SIGNED_IN, owned=True, statements={"": 1}),
    Endpoint("PUT", "/customers/{customer_id}", SIGNED_IN, owned=True, body=CUSTOMER_CHANGE),
    Endpoint("DELETE", "/customers/{customer_id}", {"customer", "admin"}, owned=True),
    Endpoint("POST", "/mechanics", ADMIN, body=NEW_MECHANIC),
    Endpoint("POST", "/mechanics/login", ANYONE, body=LOGIN_BODY),
    Endpoint("GET", "/mechanics", STAFF, parameters=SEARCHED, statements={"": 2, "?after={mechanic_id}": 1, "?q=person": 2}),
    Endpoint("GET", "/mechanics/popular", STAFF, parameters=("page", "per_page"), statements={"": 2, "?page=2&per_page=1": 2}),
    Endpoint("GET", "/mechanics/{mechanic_id}", STAFF, statements={"": 1}),
    Endpoint("PUT", "/mechanics/{mechanic_id}", STAFF, body=MECHANIC_CHANGE),
    Endpoint("DELETE", "/mechanics/{mechanic_id}", ADMIN),
    Endpoint("POST", "/tickets", STAFF, body=NEW_TICKET),
    Endpoint(
        "GET",
        "/tickets",
        STAFF,
        parameters=(*SEARCHED, *TICKET_FILTERS),
        statements={"": 3, "?after={ticket_id}": 2, ALL_TICKET_FILTERS: 3},
    ),
    Endpoint("GET", "/tickets/my-tickets", SIGNED_IN, parameters=PAGED, statements={"": 3}),
    Endpoint("GET", "/tickets/{ticket_id}", SIGNED_IN, owned=True, statements={"": 1}),
    Endpoint("PUT", "/tickets/{ticket_id}", STAFF, body=TICKET_CHANGE),
    Endpoint("DELETE", "/tickets/{ticket_id}", STAFF),
    Endpoint("GET", "/tickets/{ticket_id}/mechanics", SIGNED_IN, owned=True, statements={"": 1}),
    Endpoint("PUT", "/tickets/{ticket_id}/mechanics", STAFF, body=ASSIGNMENT),
    Endpoint("DELETE", "/tickets/{ticket_id}/mechanics/{mechanic_id}", STAFF),
    Endpoint("PUT", "/tickets/{ticket_id}/inventory", STAFF, body=PARTS_CHANGE),
    Endpoint(
        "GET",
        "/inventory",
        SIGNED_IN,
        parameters=SEARCHED,
        statements={"": 2, "?after={part_id}": 1, "?q=part": 2},
        cached=True,
    ),
    Endpoint("GET", "/inventory/{part_id}", SIGNED_IN, owned=False, statements={"": 1}, cached=True),
    Endpoint("POST", "/inventory", STAFF, body=NEW_PART),
    Endpoint("PUT", "/inventory/{part_id}", STAFF, body=PART_CHANGE),
    Endpoint("DELETE", "/inventory/{part_id}", ADMIN),
    # The part as well: without it, an empty ledger would not tell a part without movements from an unknown part.
    Endpoint("GET", "/inventory/{part_id}/movements", STAFF, parameters=PAGED, statements={"": 3, "?per_page=1": 3}),
    Endpoint("POST", "/inventory/{part_id}/movements", STAFF, body=NEW_MOVEMENT),
    Endpoint("GET", "/inventory.csv", STAFF, parameters=("q",), statements={"": 1}),
    Endpoint("GET", "/tickets.csv", STAFF, parameters=("q", *TICKET_FILTERS), statements={"": 2, ALL_TICKET_FILTERS: 2}),
    Endpoint("GET", "/inventory/{part_id}/movements.csv", STAFF, statements={"": 2}),
    Endpoint("GET", "/shop", STAFF, statements={"": 1}),
    Endpoint("PUT", "/shop", ADMIN, body=SHOP_CHANGE),
]

# PATCH is another name of PUT: the same view. Bodies are tested by PUT alone.
ENDPOINTS += [replace(endpoint, method="PATCH", body=None) for endpoint in ENDPOINTS if endpoint.method == "PUT"]

DOCUMENTED = [endpoint for endpoint in ENDPOINTS if endpoint.documented]
READS = [endpoint for endpoint in ENDPOINTS if endpoint.method == "GET"]
LISTS = [endpoint for endpoint in READS if endpoint.parameters]
WITH_BODY = [endpoint for endpoint in ENDPOINTS if endpoint.body]
SITE_PATHS = ["/", "/docs", "/openapi.json", "/health/live", "/health/ready"]


def methods_by_path() -> dict[str, set[str]]:
    """Return the methods of each documented path."""
    found: dict[str, set[str]] = {}
    for endpoint in DOCUMENTED:
        found.setdefault(endpoint.path, set()).add(endpoint.method)
    return found


def paths_for_bad_ids() -> list[str]:
    """Return each path with ids once for each of them, with ``{bad_id}`` in its place."""
    return [path.replace(name, "{bad_id}") for path in methods_by_path() for name in re.findall(r"\{\w+_id\}", path)]


def routes_of(app: Flask) -> set[tuple[str, str]]:
    """Return (method, path) of every route in the URL map, without HEAD and OPTIONS."""
    return {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def fill(text: str, ids: Mapping[str, Any] | int) -> str:
    """Replace ``{name}`` in a path or body by an id: one for all names, or by name. Unknown names stay."""
    return re.sub(r"\{(\w+)\}", lambda match: str(ids.get(match[1], match[0]) if isinstance(ids, Mapping) else ids), text)


def fill_body(body: bytes, ids: Mapping[str, Any]) -> bytes:
    """Replace ``"{customer_id}"`` and the like in a JSON body by numbers."""
    return re.sub(rb'"\{(\w+_id)\}"', lambda match: str(ids[match[1].decode()]).encode(), body)
