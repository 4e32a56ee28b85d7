"""The lists of the shop as CSV: the same records, filters and order, without pages."""

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any

from flask import Response

from app.blueprints.inventory.queries import LEDGER, PARTS, read_part
from app.blueprints.service_ticket.queries import Ticket, list_for, read_tickets
from app.blueprints.service_ticket.schemas import TicketQuery
from app.blueprints.spreadsheet.csv_export import Columns, as_is, as_money, csv_response
from app.utils.api.blueprint import Blueprint
from app.utils.api.openapi import document
from app.utils.api.pagination import PAGE_FIELDS, SearchQuery
from app.utils.auth.policy import allow
from app.utils.context import View

blp = Blueprint("spreadsheet", __name__, description="The lists as CSV, for spreadsheets")

PART_COLUMNS = {
    **as_is("id", "name"),
    "price": as_money("price_cents"),
    **as_is("quantity", "sku", "created_at", "updated_at"),
}
TICKET_COLUMNS: Columns = {
    **as_is("id", "customer_id", "customer_name", "service_date", "description", "vin"),
    "mechanics": lambda ticket: "; ".join(mechanic.name for mechanic in ticket.mechanics),
    "parts": lambda ticket: "; ".join(f"{line.quantity} × {line.name}" for line in ticket.parts),
    "parts_total": as_money("parts_total_cents"),
    **as_is("created_at", "updated_at"),
}
MOVEMENT_COLUMNS: Columns = {
    **as_is("id", "change", "balance", "reason", "note", "ticket_id"),
    "by_id": attrgetter("mechanic_id"),
    "by": attrgetter("mechanic_name"),
    **as_is("created_at"),
}


def csv_of(columns: Columns) -> Callable[[View], View]:
    """Document that a view streams these columns."""
    header = ",".join(columns) + "\r\n"
    response = blp.response(200, {"type": "string"}, content_type="text/csv", example=header)
    return lambda view: document(response(view), streamed=True)


@blp.get("/inventory.csv")
@allow("mechanic", "admin")
@blp.arguments(SearchQuery(exclude=PAGE_FIELDS), location="query")
@csv_of(PART_COLUMNS)
def download_parts(query: dict[str, Any]) -> Response:
    """Download the parts as CSV; `q` looks in name and sku."""
    return csv_response("inventory", PART_COLUMNS, PARTS.batches(query), is_search=bool(query.get("q")))


@blp.get("/tickets.csv")
@allow("mechanic", "admin")
@blp.arguments(TicketQuery(exclude=PAGE_FIELDS), location="query")
@csv_of(TICKET_COLUMNS)
def download_tickets(query: dict[str, Any]) -> Response:
    """Download the tickets as CSV, newest first."""
    return csv_response("tickets", TICKET_COLUMNS, ticket_batches(query), is_search=bool(query.get("q")))


def ticket_batches(query: dict[str, Any]) -> Iterator[Sequence[Ticket]]:
    for rows in list_for(query).batches(query):
        yield read_tickets([row.id for row in rows])


@blp.get("/inventory/<id:part_id>/movements.csv")
@allow("mechanic", "admin")
@csv_of(MOVEMENT_COLUMNS)
def download_movements(part_id: int) -> Response:
    """Download the stock ledger of a part as CSV, newest first."""
    read_part(part_id)
    return csv_response(f"movements-{part_id}", MOVEMENT_COLUMNS, LEDGER.batches({"part_id": part_id}))
