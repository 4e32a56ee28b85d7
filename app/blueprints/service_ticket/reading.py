"""How a ticket is read: the one way, for one and for many.

A single statement brings the tickets, their mechanics and their parts, so that what an answer shows is of one
moment on every database, and costs one round trip however many tickets there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import literal_column, null, select, union_all

from app.models import inventory, mechanics, service_tickets, ticket_mechanics, ticket_parts
from app.utils.auth import require_owner
from app.utils.errors import NotFound
from app.utils.prepared import Prepared
from app.utils.rows import fetch_about, some_ids

TICKET, MECHANIC, PART = 0, 1, 2
NOTHING = [null()] * 4


NAME_OF_PART = select(inventory.c.name).where(inventory.c.id == ticket_parts.c.inventory_id).scalar_subquery()
"""Looked up one by one: where it is joined, PostgreSQL reads a whole inventory to name the sixty parts of a page. Mechanics
are few: to look each of theirs up, it would read all of them each time."""


@cache
def whole(size: int) -> Prepared:
    """The statement that reads so many tickets with all that is on them."""
    ids = some_ids(size)
    rows = union_all(
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
        ).where(service_tickets.c.id.in_(ids), service_tickets.c.deleted_at.is_(None)),
        select(
            literal_column(str(MECHANIC)),
            ticket_mechanics.c.ticket_id,
            ticket_mechanics.c.mechanic_id,
            mechanics.c.name,
            null(),
            null(),
            *NOTHING,
        )
        .join_from(ticket_mechanics, mechanics)
        .where(ticket_mechanics.c.ticket_id.in_(ids)),
        select(
            literal_column(str(PART)),
            ticket_parts.c.ticket_id,
            ticket_parts.c.inventory_id,
            NAME_OF_PART,
            ticket_parts.c.quantity,
            ticket_parts.c.unit_price_cents,
            *NOTHING,
        ).where(ticket_parts.c.ticket_id.in_(ids)),
    )
    return Prepared(rows.order_by("kind", "item_id"))


@dataclass(slots=True)
class Assigned:
    """A mechanic on a ticket."""

    id: int
    name: str


@dataclass(slots=True)
class Line:
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
    """A ticket as it is shown."""

    id: int
    customer_id: int
    service_date: date
    description: str
    vin: str
    created_at: datetime
    updated_at: datetime
    mechanics: list[Assigned] = field(default_factory=list)
    parts: list[Line] = field(default_factory=list)

    @property
    def parts_total_cents(self) -> int:
        return sum(line.total_cents for line in self.parts)


def read_tickets(ids: Sequence[int]) -> list[Ticket]:
    """The tickets of these ids that are not deleted, in the order of the ids."""
    found: dict[int, Ticket] = {}
    rows: Sequence[Any] = fetch_about(whole, ids)
    for kind, ticket_id, item_id, text, number, cents, day, vin, created, updated in rows:
        if kind == TICKET:
            found[ticket_id] = Ticket(ticket_id, number, day, text, vin, created, updated)
        elif (ticket := found.get(ticket_id)) is None:
            continue
        elif kind == MECHANIC:
            ticket.mechanics.append(Assigned(item_id, text))
        else:
            ticket.parts.append(Line(item_id, text, number, cents))
    return [found[ticket_id] for ticket_id in ids if ticket_id in found]


def read_ticket(ticket_id: int) -> Ticket:
    """The ticket, for who may see it; raise NotFound, the same for another's as for none."""
    tickets = read_tickets([ticket_id])
    if not tickets:
        raise NotFound
    require_owner(tickets[0].customer_id)
    return tickets[0]
