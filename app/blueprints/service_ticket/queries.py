"""Read tickets: one statement returns the tickets with their mechanics and parts.

So a response shows one moment on every database, and takes one round trip for any number of tickets (docs/decisions/04).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Integer, bindparam, literal_column, null, select, union_all

from app.models import customers, inventory, mechanics, service_tickets, ticket_mechanics, ticket_parts
from app.utils.api.pagination import Listing, contains_text
from app.utils.auth.policy import require_owner
from app.utils.db.statements import fetch_all
from app.utils.errors import NotFound

tickets, crew, lines = service_tickets.c, ticket_mechanics.c, ticket_parts.c
NOT_DELETED = tickets.deleted_at.is_(None)
TICKETS = Listing(
    select(tickets.id).where(NOT_DELETED),
    tickets.id,
    (tickets.service_date, tickets.id),
    descending=True,
    filters={
        "customer_id": tickets.customer_id == bindparam("customer_id"),
        "vin": tickets.vin == bindparam("vin"),
        "from": tickets.service_date >= bindparam("from"),
        "to": tickets.service_date <= bindparam("to"),
        "q": contains_text(service_tickets),
    },
)
TICKET_EXISTS = select(tickets.id).where(tickets.id == crew.ticket_id, NOT_DELETED)
# Uses ix_ticket_mechanics_newest. A subquery instead of a JOIN: PostgreSQL otherwise scans all tickets to count.
TICKETS_OF_MECHANIC = replace(
    TICKETS,
    rows=select(crew.ticket_id.label("id"))
    .outerjoin(service_tickets, tickets.id == crew.ticket_id)
    .where(TICKET_EXISTS.correlate(ticket_mechanics).scalar_subquery().is_not(None)),
    order=(crew.service_date, crew.ticket_id),
    filters={
        **TICKETS.filters,
        "mechanic_id": crew.mechanic_id == bindparam("mechanic_id"),
        "from": crew.service_date >= bindparam("from"),
        "to": crew.service_date <= bindparam("to"),
    },
)

TICKET, MECHANIC, PART = range(3)  # The kinds of the rows of TICKETS_WITH_ITEMS.
KIND = [literal_column(str(kind), Integer).label("kind") for kind in range(3)]
IDS: Any = bindparam("ticket_ids", expanding=True)
CUSTOMER_NAME = (
    select(customers.c.name)
    .where(customers.c.id == tickets.customer_id, customers.c.deleted_at.is_(None))
    .scalar_subquery()
    .label("customer_name")
)
DETAILS = (CUSTOMER_NAME, tickets.service_date, tickets.vin, tickets.created_at, tickets.updated_at)
NO_DETAILS = [null()] * len(DETAILS)
# A subquery instead of a JOIN: PostgreSQL otherwise reads the whole inventory to name the parts of a page.
PART_NAME = select(inventory.c.name).where(inventory.c.id == lines.inventory_id).scalar_subquery()
TICKETS_WITH_ITEMS = union_all(
    select(KIND[TICKET], tickets.id, tickets.id.label("item_id"))
    .add_columns(tickets.description, tickets.customer_id, tickets.version, *DETAILS)
    .where(tickets.id.in_(IDS), NOT_DELETED),
    select(KIND[MECHANIC], crew.ticket_id, crew.mechanic_id, mechanics.c.name, null(), null(), *NO_DETAILS)
    .join_from(ticket_mechanics, mechanics)
    .where(crew.ticket_id.in_(IDS)),
    select(
        KIND[PART], lines.ticket_id, lines.inventory_id, PART_NAME, lines.quantity, lines.unit_price_cents, *NO_DETAILS
    ).where(lines.ticket_id.in_(IDS)),
).order_by("kind", "item_id")


@dataclass(slots=True)
class AssignedMechanic:
    id: int
    name: str


@dataclass(slots=True)
class PartLine:
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
    customer_name: str | None
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
    found: dict[int, Ticket] = {}
    rows: Sequence[Any] = fetch_all(TICKETS_WITH_ITEMS, {"ticket_ids": ids}) if ids else ()
    for kind, ticket_id, item_id, text, number, cents, customer, day, vin, created, updated in rows:
        if kind == TICKET:
            found[ticket_id] = Ticket(ticket_id, number, customer, day, text, vin, created, updated)
        elif ticket_id not in found:
            continue
        elif kind == MECHANIC:
            found[ticket_id].mechanics.append(AssignedMechanic(item_id, text))
        else:
            found[ticket_id].parts.append(PartLine(item_id, text, number, cents))
    return [found[ticket_id] for ticket_id in ids if ticket_id in found]


def read_ticket(ticket_id: int) -> Ticket:
    """Return a ticket. Raise NotFound."""
    found = read_tickets([ticket_id])
    if not found:
        raise NotFound
    return found[0]


def read_own_ticket(ticket_id: int) -> Ticket:
    """Return a ticket to staff or to its customer. Raise NotFound, also for another customer."""
    ticket = read_ticket(ticket_id)
    require_owner(ticket.customer_id)
    return ticket


def list_for(query: dict[str, Any]) -> Listing:
    """Return the list that a query asks for: all tickets, or those of a mechanic."""
    return TICKETS_OF_MECHANIC if "mechanic_id" in query else TICKETS
