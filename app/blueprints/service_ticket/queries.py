"""How tickets are read: one statement brings the tickets with their mechanics and parts.

So an answer shows one moment on every database, and takes one round trip for any number of tickets (docs/decisions/04).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, literal_column, null, select, union_all

from app.models import inventory, mechanics, service_tickets, ticket_mechanics, ticket_parts
from app.utils.api.pagination import Listing, contains_text
from app.utils.auth.policy import require_owner
from app.utils.db.statements import fetch_all
from app.utils.errors import NotFound

NOT_DELETED = service_tickets.c.deleted_at.is_(None)
TICKETS = Listing(
    select(service_tickets.c.id).where(NOT_DELETED),
    service_tickets.c.id,
    (service_tickets.c.service_date, service_tickets.c.id),
    descending=True,
    filters={
        "customer_id": service_tickets.c.customer_id == bindparam("customer_id"),
        "vin": service_tickets.c.vin == bindparam("vin"),
        "from": service_tickets.c.service_date >= bindparam("from"),
        "to": service_tickets.c.service_date <= bindparam("to"),
        "q": contains_text(service_tickets),
    },
)
TICKET_EXISTS = select(service_tickets.c.id).where(service_tickets.c.id == ticket_mechanics.c.ticket_id, NOT_DELETED)
# Uses ix_ticket_mechanics_newest. A subquery instead of a JOIN: PostgreSQL otherwise scans all tickets to count.
TICKETS_OF_MECHANIC = replace(
    TICKETS,
    rows=select(ticket_mechanics.c.ticket_id.label("id"))
    .outerjoin(service_tickets, service_tickets.c.id == ticket_mechanics.c.ticket_id)
    .where(TICKET_EXISTS.correlate(ticket_mechanics).scalar_subquery().is_not(None)),
    order=(ticket_mechanics.c.service_date, ticket_mechanics.c.ticket_id),
    filters={
        **TICKETS.filters,
        "mechanic_id": ticket_mechanics.c.mechanic_id == bindparam("mechanic_id"),
        "from": ticket_mechanics.c.service_date >= bindparam("from"),
        "to": ticket_mechanics.c.service_date <= bindparam("to"),
    },
)

TICKET, MECHANIC, PART = 0, 1, 2
"""The kinds of the rows of TICKETS_WITH_ITEMS."""
IDS: Any = bindparam("ticket_ids", expanding=True)
NULLS = [null()] * 4
# A subquery instead of a JOIN: PostgreSQL otherwise reads the whole inventory to name the parts of a page.
PART_NAME = select(inventory.c.name).where(inventory.c.id == ticket_parts.c.inventory_id).scalar_subquery()
TICKETS_WITH_ITEMS = union_all(
    select(
        literal_column(str(TICKET)).label("kind"),
        service_tickets.c.id.label("ticket_id"),
        service_tickets.c.id.label("item_id"),
        service_tickets.c.description.label("text"),
        service_tickets.c.customer_id.label("number"),
        service_tickets.c.version.label("cents"),
        service_tickets.c.service_date,
        service_tickets.c.vin,
        service_tickets.c.created_at,
        service_tickets.c.updated_at,
    ).where(service_tickets.c.id.in_(IDS), NOT_DELETED),
    select(
        literal_column(str(MECHANIC)),
        ticket_mechanics.c.ticket_id,
        ticket_mechanics.c.mechanic_id,
        mechanics.c.name,
        null(),
        null(),
        *NULLS,
    )
    .join_from(ticket_mechanics, mechanics)
    .where(ticket_mechanics.c.ticket_id.in_(IDS)),
    select(
        literal_column(str(PART)),
        ticket_parts.c.ticket_id,
        ticket_parts.c.inventory_id,
        PART_NAME,
        ticket_parts.c.quantity,
        ticket_parts.c.unit_price_cents,
        *NULLS,
    ).where(ticket_parts.c.ticket_id.in_(IDS)),
).order_by("kind", "item_id")


@dataclass(slots=True)
class AssignedMechanic:
    """A mechanic on a ticket."""

    id: int
    name: str


@dataclass(slots=True)
class PartLine:
    """A part on a ticket."""

    inventory_id: int
    name: str
    quantity: int
    unit_price_cents: int

    @property
    def total_cents(self) -> int:
        return self.quantity * self.unit_price_cents


@dataclass(slots=True)
class Ticket:
    """A ticket with its mechanics and parts."""

    id: int
    customer_id: int
    service_date: date
    description: str
    vin: str
    created_at: datetime
    updated_at: datetime
    mechanics: list[AssignedMechanic] = field(default_factory=list)
    parts: list[PartLine] = field(default_factory=list)

    @property
    def parts_total_cents(self) -> int:
        return sum(line.total_cents for line in self.parts)


def read_tickets(ids: Sequence[int]) -> list[Ticket]:
    """Return the tickets of these ids, in the order of the ids, without deleted ones."""
    if not ids:
        return []
    tickets: dict[int, Ticket] = {}
    rows: Sequence[Any] = fetch_all(TICKETS_WITH_ITEMS, {"ticket_ids": ids})
    for kind, ticket_id, item_id, text, number, cents, day, vin, created, updated in rows:
        if kind == TICKET:
            tickets[ticket_id] = Ticket(ticket_id, number, day, text, vin, created, updated)
        elif (ticket := tickets.get(ticket_id)) is None:
            continue
        elif kind == MECHANIC:
            ticket.mechanics.append(AssignedMechanic(item_id, text))
        else:
            ticket.parts.append(PartLine(item_id, text, number, cents))
    return [tickets[ticket_id] for ticket_id in ids if ticket_id in tickets]


def read_ticket(ticket_id: int) -> Ticket:
    """Return a ticket. Raise NotFound, also for a customer who does not own it."""
    tickets = read_tickets([ticket_id])
    if not tickets:
        raise NotFound
    require_owner(tickets[0].customer_id)
    return tickets[0]


def list_for(query: dict[str, Any]) -> Listing:
    """Return the list that a query asks for: all tickets, or those of a mechanic."""
    return TICKETS_OF_MECHANIC if "mechanic_id" in query else TICKETS
