"""Service tickets: the work on a car, its mechanics and its parts."""

from typing import Any

from app.blueprints.inventory.stock import OutOfStock, StockOverflow
from app.blueprints.mechanic.schemas import MechanicReference
from app.blueprints.service_ticket import schemas, ticket_mechanics, ticket_parts, tickets
from app.blueprints.service_ticket.queries import (
    TICKETS,
    TICKETS_OF_MECHANIC,
    list_for,
    read_own_ticket,
    read_ticket,
    read_tickets,
)
from app.blueprints.service_ticket.schemas import TicketOut
from app.blueprints.service_ticket.ticket_parts import LineFull, NotOnTicket
from app.models import service_tickets, utcnow
from app.utils.api.blueprint import Blueprint
from app.utils.api.etags import lock_if_match
from app.utils.api.pagination import Page, PageQuery
from app.utils.auth.policy import allow
from app.utils.context import caller
from app.utils.db.statements import lock_row
from app.utils.errors import NotFound
from app.utils.limits.decorators import per_caller, per_ticket
from app.utils.write import write

blp = Blueprint("service_ticket", __name__, url_prefix="/tickets", description="The work on a car: mechanics and parts")
PARTS_CONFLICTS = (OutOfStock, NotOnTicket, StockOverflow, LineFull)


def with_items(page: Page) -> Any:
    """Return the tickets of a page of ids, and its headers."""
    ids, headers = page
    return read_tickets([row.id for row in ids]), headers


@blp.post("")
@allow("mechanic", "admin")
@blp.arguments(schemas.TicketIn)
@blp.response(201, TicketOut)
@write(idempotent=True, conflicts=[OutOfStock])
def open_ticket(new: dict[str, Any]) -> Any:
    """Open a ticket; its parts are deducted from the stock in the same transaction."""
    values = {name: new[name] for name in ("service_date", "description", "vin")}
    ticket_id = tickets.add_ticket(new["customer_id"], values)
    ticket_mechanics.assign(ticket_id, set(new["mechanic_ids"]), "mechanic_ids")
    ticket_parts.change_parts(ticket_id, [], new["parts"], "parts")
    return read_ticket(ticket_id), {"Location": f"/tickets/{ticket_id}"}


@blp.get("")
@allow("mechanic", "admin")
@blp.arguments(schemas.TicketQuery, location="query")
@blp.response(200, TicketOut(many=True))
def list_tickets(query: dict[str, Any]) -> Any:
    """List the tickets, newest first."""
    return with_items(list_for(query).page(query))


@blp.get("/my-tickets")
@allow("customer", "mechanic", "admin")
@blp.arguments(PageQuery, location="query")
@blp.response(200, TicketOut(many=True))
def list_my_tickets(query: dict[str, Any]) -> Any:
    """List the caller's own tickets; for staff, those that they are assigned to."""
    if caller().is_staff:
        return with_items(TICKETS_OF_MECHANIC.page(query, fixed={"mechanic_id": caller().id}))
    return with_items(TICKETS.page(query, fixed={"customer_id": caller().id}, required=["customer_id"]))


@blp.get("/<id:ticket_id>")
@allow("customer", "mechanic", "admin")
@blp.response(200, TicketOut)
def get_ticket(ticket_id: int) -> Any:
    """Show a ticket to its customer or to staff."""
    return read_own_ticket(ticket_id)


@blp.put("/<id:ticket_id>")
@allow("mechanic", "admin")
@blp.arguments(schemas.TicketChange)
@blp.response(200, TicketOut)
@write()
def update_ticket(changes: dict[str, Any], ticket_id: int) -> Any:
    """Change a ticket, but not its mechanics and parts."""
    lock_if_match(service_tickets, ticket_id, TicketOut, read_ticket)
    tickets.change_ticket(ticket_id, changes)
    return read_ticket(ticket_id)


@blp.delete("/<id:ticket_id>")
@allow("mechanic", "admin")
@blp.response(204)
@write(limit=per_caller("LIMIT_TICKET_DELETE"), conflicts=[StockOverflow])
def delete_ticket(ticket_id: int) -> None:
    """Delete a ticket; its parts are returned to the stock."""
    lock_if_match(service_tickets, ticket_id, TicketOut, read_ticket, deleted_at=utcnow())
    ticket_parts.return_all_parts(ticket_id)


@blp.get("/<id:ticket_id>/mechanics")
@allow("customer", "mechanic", "admin")
@blp.response(200, MechanicReference(many=True))
def list_ticket_mechanics(ticket_id: int) -> Any:
    """List the mechanics on a ticket."""
    return read_own_ticket(ticket_id).mechanics


@blp.put("/<id:ticket_id>/mechanics")
@allow("mechanic", "admin")
@blp.arguments(schemas.MechanicsChange, examples=schemas.MECHANICS_EXAMPLES)
@blp.response(200, TicketOut)
@write(limit=per_ticket("LIMIT_TICKET_MECHANICS"))
def change_mechanics(change: dict[str, Any], ticket_id: int) -> Any:
    """Set the mechanics on a ticket, or add and remove some."""
    lock_if_match(service_tickets, ticket_id, TicketOut, read_ticket)
    if ticket_mechanics.change_mechanics(ticket_id, change):
        lock_row(service_tickets, ticket_id, updated_at=utcnow())
    return read_ticket(ticket_id)


@blp.delete("/<id:ticket_id>/mechanics/<id:mechanic_id>")
@allow("mechanic", "admin")
@blp.response(204)
@write()
def unassign_mechanic(ticket_id: int, mechanic_id: int) -> None:
    """Remove a mechanic from a ticket."""
    lock_if_match(service_tickets, ticket_id, TicketOut, read_ticket, updated_at=utcnow())
    if not ticket_mechanics.unassign(ticket_id, {mechanic_id}):
        raise NotFound("The mechanic is not on this ticket.")


@blp.put("/<id:ticket_id>/inventory")
@allow("mechanic", "admin")
@blp.arguments(schemas.PartsChange, examples=schemas.PARTS_EXAMPLES)
@blp.response(200, TicketOut)
@write(idempotent=True, limit=per_ticket("LIMIT_TICKET_INVENTORY"), conflicts=PARTS_CONFLICTS)
def change_parts(change: dict[str, Any], ticket_id: int) -> Any:
    """Remove parts from a ticket and add parts to it; the stock follows in the same transaction."""
    remove, add = change["remove_parts"], change["add_parts"]
    touched = {"updated_at": utcnow()} if remove or add else {}
    lock_if_match(service_tickets, ticket_id, TicketOut, read_ticket, **touched)
    if touched:
        ticket_parts.change_parts(ticket_id, remove, add)
    return read_ticket(ticket_id)
