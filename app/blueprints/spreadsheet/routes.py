"""The lists of the shop as CSV, where shops live in spreadsheets: the same records and filters, whole and in order."""

from collections.abc import Iterator, Sequence
from typing import Any

from flask import Response

from app.blueprints.inventory.routes import ALL, LEDGER, read_part
from app.blueprints.service_ticket.reading import Ticket, read_tickets
from app.blueprints.service_ticket.routes import listing_for
from app.blueprints.spreadsheet.schemas import PartsWanted, TicketsWanted
from app.utils.auth import allow
from app.utils.blueprint import Blueprint, streamed
from app.utils.sheets import Columns, answer, batches, moment, money

blp = Blueprint("spreadsheet", __name__, description="The same lists as CSV, whole, for spreadsheets")

TEXT = {"type": "string"}
PARTS: Columns = {
    "id": lambda part: part.id,
    "name": lambda part: part.name,
    "price": lambda part: money(part.price_cents),
    "quantity": lambda part: part.quantity,
    "sku": lambda part: part.sku,
    "created_at": lambda part: moment(part.created_at),
    "updated_at": lambda part: moment(part.updated_at),
}
TICKETS: Columns = {
    "id": lambda ticket: ticket.id,
    "customer_id": lambda ticket: ticket.customer_id,
    "service_date": lambda ticket: ticket.service_date.isoformat(),
    "description": lambda ticket: ticket.description,
    "vin": lambda ticket: ticket.vin,
    "mechanics": lambda ticket: "; ".join(mechanic.name for mechanic in ticket.mechanics),
    "parts": lambda ticket: "; ".join(f"{line.quantity} × {line.name}" for line in ticket.parts),
    "parts_total": lambda ticket: money(ticket.parts_total_cents),
    "created_at": lambda ticket: moment(ticket.created_at),
    "updated_at": lambda ticket: moment(ticket.updated_at),
}
MOVEMENTS: Columns = {
    "id": lambda movement: movement.id,
    "change": lambda movement: movement.change,
    "balance": lambda movement: movement.balance,
    "reason": lambda movement: movement.reason,
    "ticket_id": lambda movement: movement.ticket_id,
    "by_id": lambda movement: movement.mechanic_id,
    "by": lambda movement: movement.mechanic_name,
    "created_at": lambda movement: moment(movement.created_at),
}


def header(columns: Columns) -> str:
    return ",".join(columns) + "\r\n"


@blp.get("/inventory.csv")
@allow("mechanic", "admin")
@blp.arguments(PartsWanted, location="query")
@streamed
@blp.response(200, TEXT, content_type="text/csv", example=header(PARTS))
def download_parts(query: dict[str, Any]) -> Response:
    """Download the parts as CSV; `q` looks in name and sku."""
    return answer("inventory", PARTS, batches(ALL, query), is_search=bool(query.get("q")))


@blp.get("/tickets.csv")
@allow("mechanic", "admin")
@blp.arguments(TicketsWanted, location="query")
@streamed
@blp.response(200, TEXT, content_type="text/csv", example=header(TICKETS))
def download_tickets(query: dict[str, Any]) -> Response:
    """Download the tickets as CSV, newest first."""
    return answer("tickets", TICKETS, whole_tickets(query), is_search=bool(query.get("q")))


def whole_tickets(query: dict[str, Any]) -> Iterator[Sequence[Ticket]]:
    for rows in batches(listing_for(query), query):
        yield read_tickets([row.id for row in rows])


@blp.get("/inventory/<id:part_id>/movements.csv")
@allow("mechanic", "admin")
@streamed
@blp.response(200, TEXT, content_type="text/csv", example=header(MOVEMENTS))
def download_movements(part_id: int) -> Response:
    """Download the stock ledger of a part as CSV, newest first."""
    read_part(part_id)
    return answer(f"movements-{part_id}", MOVEMENTS, batches(LEDGER, {}, {"part_id": part_id}))
