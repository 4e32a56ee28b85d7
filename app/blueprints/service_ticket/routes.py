"""Service tickets: what is done to which car, by whom, and with which parts."""

from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from app.blueprints.inventory.schemas import NamedOut
from app.blueprints.inventory.stock import OutOfStock, ShelfFull
from app.blueprints.service_ticket import crew, parts
from app.blueprints.service_ticket.parts import NotOnTicket
from app.blueprints.service_ticket.reading import read_ticket, read_tickets
from app.blueprints.service_ticket.schemas import (
    CHANGES,
    CREWS,
    CrewChange,
    PartsChange,
    TicketChange,
    TicketIn,
    TicketOut,
    TicketQuery,
)
from app.models import customers, now, service_tickets, ticket_mechanics
from app.utils.auth import allow, caller
from app.utils.blueprint import Blueprint, conflict
from app.utils.conditional import lock_current
from app.utils.database import add_with, change, fetch_one, lock, transaction
from app.utils.errors import Invalid
from app.utils.idempotency import idempotent
from app.utils.limits import caller_alone, caller_and_ticket, limit_successes
from app.utils.pagination import Found, Listing, PageQuery, matching
from app.utils.prepared import Prepared

blp = Blueprint("service_ticket", __name__, url_prefix="/tickets", description="What is done, by whom, with which parts")

LIVE = service_tickets.c.deleted_at.is_(None)
NEWEST_FIRST = Listing(
    select(service_tickets.c.id).where(LIVE),
    service_tickets.c.id,
    (service_tickets.c.service_date, service_tickets.c.id),
    descending=True,
    filters={
        "customer_id": service_tickets.c.customer_id == bindparam("customer_id"),
        "vin": service_tickets.c.vin == bindparam("vin"),
        "from": service_tickets.c.service_date >= bindparam("from"),
        "to": service_tickets.c.service_date <= bindparam("to"),
        "q": matching(service_tickets.c.description),
    },
)
THERE = select(service_tickets.c.id).where(service_tickets.c.id == ticket_mechanics.c.ticket_id, LIVE)
OF_A_MECHANIC = replace(
    NEWEST_FIRST,
    rows=select(ticket_mechanics.c.ticket_id.label("id"))
    .outerjoin(service_tickets, service_tickets.c.id == ticket_mechanics.c.ticket_id)
    .where(THERE.correlate(ticket_mechanics).scalar_subquery().is_not(None)),
    order=(ticket_mechanics.c.service_date, ticket_mechanics.c.ticket_id),
    filters={
        **NEWEST_FIRST.filters,
        "mechanic_id": ticket_mechanics.c.mechanic_id == bindparam("mechanic_id"),
        "from": ticket_mechanics.c.service_date >= bindparam("from"),
        "to": ticket_mechanics.c.service_date <= bindparam("to"),
    },
)
"""Read in the order of the mechanic's own index: theirs among the newest of a shop would be few and far between. Of each
it is asked whether it is there: joined for that, PostgreSQL would count theirs by reading the whole shop's."""
SHORT = OutOfStock([{"inventory_id": 1, "requested": 50, "available": 16}])
"""How the document shows one."""
CUSTOMER = select(customers.c.id).where(customers.c.id == bindparam("whose"), customers.c.deleted_at.is_(None))
GIVEN: dict[str, Any] = {name: bindparam(name) for name in ("service_date", "description", "vin")}
OPEN = Prepared(insert(service_tickets).values(customer_id=CUSTOMER.scalar_subquery(), **GIVEN))


class NoCustomer(Invalid):
    def __init__(self) -> None:
        super().__init__({"customer_id": "names no customer"})


def require_customer(customer_id: int) -> None:
    """Raise NoCustomer where the id names none. One who is deleted at the same moment may stay on the ticket, as on those
    of before."""
    if fetch_one(CUSTOMER, {"whose": customer_id}) is None:
        raise NoCustomer


def add_ticket(customer_id: int, values: dict[str, Any]) -> int:
    """Insert a ticket of a customer, as :func:`require_customer` would have them, and return its id."""
    try:
        return add_with(OPEN, values | {"whose": customer_id})
    except IntegrityError as error:
        if "customer_id" not in str(error.orig):
            raise
        raise NoCustomer from None  # No ticket is nobody's.


def listing_for(query: dict[str, Any]) -> Listing:
    """The list that has the tickets which a query asks for."""
    return OF_A_MECHANIC if "mechanic_id" in query else NEWEST_FIRST


def tickets_of(found: Found) -> Any:
    """The tickets of a list that brought their ids."""
    ids, headers = found
    return read_tickets([row.id for row in ids]), headers


@blp.post("")
@allow("mechanic", "admin")
@transaction
@idempotent
@conflict("There is too little stock; `shortages` lists every part of which there is.", too_little=SHORT)
@blp.arguments(TicketIn)
@blp.response(201, TicketOut)
def open_ticket(new: dict[str, Any]) -> Any:
    """Open a ticket; its parts are taken from the stock in the same transaction."""
    customer_id, mechanic_ids, lines = new.pop("customer_id"), new.pop("mechanic_ids"), new.pop("parts")
    ticket_id = add_ticket(customer_id, new)
    shelf = parts.lock_parts_of(lines)  # Before the mechanics are deferred, which a read would end.
    crew.assign(ticket_id, set(mechanic_ids), "mechanic_ids")
    parts.put_on_new(ticket_id, lines, shelf)
    return read_ticket(ticket_id), {"Location": f"/tickets/{ticket_id}"}


@blp.get("")
@allow("mechanic", "admin")
@blp.arguments(TicketQuery, location="query")
@blp.response(200, TicketOut(many=True))
def list_tickets(query: dict[str, Any]) -> Any:
    """List the tickets, newest first."""
    return tickets_of(listing_for(query).read(query))


@blp.get("/my-tickets")
@allow("customer", "mechanic", "admin")
@blp.arguments(PageQuery, location="query")
@blp.response(200, TicketOut(many=True))
def list_my_tickets(query: dict[str, Any]) -> Any:
    """List the caller's own tickets; for staff, those that they are assigned to."""
    if caller().is_staff:
        return tickets_of(OF_A_MECHANIC.read(query, within={"mechanic_id": caller().id}))
    return tickets_of(NEWEST_FIRST.read(query, within={"customer_id": caller().id}, known=["customer_id"]))


@blp.get("/<id:ticket_id>")
@allow("customer", "mechanic", "admin")
@blp.response(200, TicketOut)
def get_ticket(ticket_id: int) -> Any:
    """Show a ticket to its customer or to staff."""
    return read_ticket(ticket_id)


@blp.put("/<id:ticket_id>")
@allow("mechanic", "admin")
@transaction
@blp.arguments(TicketChange)
@blp.response(200, TicketOut)
def update_ticket(changes: dict[str, Any], ticket_id: int) -> Any:
    """Change a ticket, but not its mechanics and parts."""
    lock_current(service_tickets, ticket_id, TicketOut, read_ticket)
    held = read_ticket(ticket_id)
    if changes.get("customer_id", held.customer_id) != held.customer_id:  # A customer deleted since may stay.
        require_customer(changes["customer_id"])
    change(service_tickets, ticket_id, changes)
    return read_ticket(ticket_id)


@blp.delete("/<id:ticket_id>")
@allow("mechanic", "admin")
@transaction
@limit_successes("LIMIT_TICKET_DELETE", by=caller_alone)
@conflict("The stock of a part would pass its largest count.", too_much=ShelfFull())
@blp.response(204)
def delete_ticket(ticket_id: int) -> None:
    """Delete a ticket; its parts go back to stock."""
    lock_current(service_tickets, ticket_id, TicketOut, read_ticket, deleted_at=now())
    parts.take_all_off(ticket_id)


@blp.get("/<id:ticket_id>/mechanics")
@allow("customer", "mechanic", "admin")
@blp.response(200, NamedOut(many=True))
def list_ticket_mechanics(ticket_id: int) -> Any:
    """List the mechanics on a ticket."""
    return read_ticket(ticket_id).mechanics


@blp.put("/<id:ticket_id>/mechanics")
@allow("mechanic", "admin")
@transaction
@limit_successes("LIMIT_TICKET_MECHANICS", by=caller_and_ticket)
@blp.arguments(CrewChange, examples=CREWS)
@blp.response(200, TicketOut)
def change_mechanics(change: dict[str, Any], ticket_id: int) -> Any:
    """Set the mechanics on a ticket, or add and remove some."""
    lock_current(service_tickets, ticket_id, TicketOut, read_ticket)
    if crew.change_crew(ticket_id, change):
        lock(service_tickets, ticket_id, updated_at=now())
    return read_ticket(ticket_id)


@blp.delete("/<id:ticket_id>/mechanics/<id:mechanic_id>")
@allow("mechanic", "admin")
@transaction
@blp.response(204)
def unassign_mechanic(ticket_id: int, mechanic_id: int) -> None:
    """Take a mechanic off a ticket."""
    lock_current(service_tickets, ticket_id, TicketOut, read_ticket, updated_at=now())
    crew.unassign_one(ticket_id, mechanic_id)


@blp.put("/<id:ticket_id>/inventory")
@allow("mechanic", "admin")
@transaction
@idempotent
@limit_successes("LIMIT_TICKET_INVENTORY", by=caller_and_ticket)
@conflict(
    "There is too little stock (`shortages`), the ticket holds fewer, or the stock would pass its largest count.",
    too_little=SHORT,
    not_on_the_ticket=NotOnTicket(),
    too_much=ShelfFull(),
)
@blp.arguments(PartsChange, examples=CHANGES)
@blp.response(200, TicketOut)
def change_parts(change: dict[str, Any], ticket_id: int) -> Any:
    """Take parts off a ticket and put parts on it; stock follows in the same transaction."""
    touched = {"updated_at": now()} if change["remove_parts"] or change["add_parts"] else {}
    lock_current(service_tickets, ticket_id, TicketOut, read_ticket, **touched)
    if touched:
        parts.change_parts(ticket_id, change["remove_parts"], change["add_parts"])
    return read_ticket(ticket_id)
