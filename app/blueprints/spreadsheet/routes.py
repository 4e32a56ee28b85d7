"""The lists of the shop as CSV: the same records, filters and order, without pages."""

from collections.abc import Iterator, Sequence
from typing import Any

from flask import Response

from app.blueprints.inventory.queries import LEDGER, PARTS, read_part
from app.blueprints.service_ticket.queries import Ticket, list_for, read_tickets
from app.blueprints.spreadsheet.csv_export import Columns, batches, csv_response, format_datetime, format_money
from app.blueprints.spreadsheet.schemas import PartsCsvQuery, TicketsCsvQuery
from app.utils.api.blueprint import Blueprint
from app.utils.api.openapi import streamed
from app.utils.auth.policy import allow

blp = Blueprint("spreadsheet", __name__, description="The lists as CSV, for spreadsheets")

TEXT = {"type": "string"}
PART_COLUMNS: Columns = {
    "id": lambda part: part.id,
    "name": lambda part: part.name,
    "price": lambda part: format_money(part.price_cents),
    "quantity": lambda part: part.quantity,
    "sku": lambda part: part.sku,
    "created_at": lambda part: format_datetime(part.created_at),
    "updated_at": lambda part: format_datetime(part.updated_at),
}
TICKET_COLUMNS: Columns = {
    "id": lambda ticket: ticket.id,
    "customer_id": lambda ticket: ticket.customer_id,
    "service_date": lambda ticket: ticket.service_date.isoformat(),
    "description": lambda ticket: ticket.description,
    "vin": lambda ticket: ticket.vin,
    "mechanics": lambda ticket: "; ".join(mechanic.name for mechanic in ticket.mechanics),
    "parts": lambda ticket: "; ".join(f"{line.quantity} × {line.name}" for line in ticket.parts),
    "parts_total": lambda ticket: format_money(ticket.parts_total_cents),
    "created_at": lambda ticket: format_datetime(ticket.created_at),
    "updated_at": lambda ticket: format_datetime(ticket.updated_at),
}
MOVEMENT_COLUMNS: Columns = {
    "id": lambda movement: movement.id,
    "change": lambda movement: movement.change,
    "balance": lambda movement: movement.balance,
    "reason": lambda movement: movement.reason,
    "ticket_id": lambda movement: movement.ticket_id,
    "by_id": lambda movement: movement.mechanic_id,
    "by": lambda movement: movement.mechanic_name,
    "created_at": lambda movement: format_datetime(movement.created_at),
}


def header(columns: Columns) -> str:
    return ",".join(columns) + "\r\n"


@blp.get("/inventory.csv")
@allow("mechanic", "admin")
@blp.arguments(PartsCsvQuery, location="query")
@streamed
@blp.response(200, TEXT, content_type="text/csv", example=header(PART_COLUMNS))
def download_parts(query: dict[str, Any]) -> Response:
    """Download the parts as CSV; `q` looks in name and sku."""
    return csv_response("inventory", PART_COLUMNS, batches(PARTS, query), is_search=bool(query.get("q")))


@blp.get("/tickets.csv")
@allow("mechanic", "admin")
@blp.arguments(TicketsCsvQuery, location="query")
@streamed
@blp.response(200, TEXT, content_type="text/csv", example=header(TICKET_COLUMNS))
def download_tickets(query: dict[str, Any]) -> Response:
    """Download the tickets as CSV, newest first."""
    return csv_response("tickets", TICKET_COLUMNS, ticket_batches(query), is_search=bool(query.get("q")))


def ticket_batches(query: dict[str, Any]) -> Iterator[Sequence[Ticket]]:
    for rows in batches(list_for(query), query):
        yield read_tickets([row.id for row in rows])


@blp.get("/inventory/<id:part_id>/movements.csv")
@allow("mechanic", "admin")
@streamed
@blp.response(200, TEXT, content_type="text/csv", example=header(MOVEMENT_COLUMNS))
def download_movements(part_id: int) -> Response:
    """Download the stock ledger of a part as CSV, newest first."""
    read_part(part_id)
    return csv_response(f"movements-{part_id}", MOVEMENT_COLUMNS, batches(LEDGER, {}, {"part_id": part_id}))
