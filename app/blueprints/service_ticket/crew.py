"""The mechanics on a ticket. Everything here runs in the transaction of a route that has locked the ticket."""

from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, insert, select

from app.models import mechanics, service_tickets, ticket_mechanics
from app.utils.database import execute, fetch
from app.utils.errors import Invalid, NotFound
from app.utils.prepared import Prepared
from app.utils.rows import defer_about, fetch_about, some_ids

ASSIGNED = Prepared(select(ticket_mechanics.c.mechanic_id).where(ticket_mechanics.c.ticket_id == bindparam("ticket_id")))


@cache
def known(size: int) -> Select[Any]:
    """The statement that finds so many mechanics."""
    return select(mechanics.c.id).where(mechanics.c.id.in_(some_ids(size)))


@cache
def hired(size: int) -> Select[Any]:
    """The same for those who work here still."""
    return known(size).where(mechanics.c.deleted_at.is_(None))


@cache
def assigning(size: int) -> Prepared:
    """The statement that puts so many of those who work here on a ticket, under its date."""
    ticket = service_tickets.c.id == bindparam("of_ticket")
    values = (service_tickets.c.id, mechanics.c.id, service_tickets.c.service_date)
    rows = hired(size).join_from(mechanics, service_tickets, ticket).with_only_columns(*values)
    return Prepared(insert(ticket_mechanics).from_select(["ticket_id", "mechanic_id", "service_date"], rows))


def assigned_to(ticket_id: int) -> set[int]:
    return {row.mechanic_id for row in fetch(ASSIGNED, {"ticket_id": ticket_id})}


def change_crew(ticket_id: int, change: dict[str, Any]) -> bool:
    """Make the mechanics of a ticket what the change says, and say whether that changes them. Raise Invalid for one to be
    removed who is none; for one to be added it is raised as by :func:`assign`."""
    present = assigned_to(ticket_id)
    coming = set(change.get("mechanic_ids", change.get("add_mechanic_ids", ()))) - present
    going = present - set(change["mechanic_ids"]) if "mechanic_ids" in change else set(change.get("remove_mechanic_ids", ()))
    require(known, going - present, "remove_mechanic_ids")
    assign(ticket_id, coming, "mechanic_ids" if "mechanic_ids" in change else "add_mechanic_ids")
    unassign(ticket_id, going & present)
    return bool(coming or going & present)


def require(found: Callable[[int], Select[Any]], ids: set[int], field: str) -> None:
    """Raise Invalid where a statement, :func:`known` or :func:`hired`, finds no mechanic of an id."""
    if missing := ids - {row.id for row in fetch_about(found, sorted(ids))}:
        raise Invalid({field: f"{min(missing)} names no mechanic"})


def assign(ticket_id: int, ids: set[int], field: str) -> None:
    """Put mechanics on a ticket that are not on it; deferred. The refusal is Invalid, naming the field, for one who is none
    or was let go."""

    def refusal() -> Invalid:
        require(hired, ids, field)
        return Invalid({field: "names no mechanic"})

    defer_about(assigning, sorted(ids), refusal, of_ticket=ticket_id)


def unassign(ticket_id: int, ids: set[int]) -> int:
    """Take mechanics off a ticket; how many there were."""
    if not ids:
        return 0
    theirs = and_(ticket_mechanics.c.ticket_id == ticket_id, ticket_mechanics.c.mechanic_id.in_(ids))
    return execute(delete(ticket_mechanics).where(theirs)).rowcount


def unassign_one(ticket_id: int, mechanic_id: int) -> None:
    """Take a mechanic off a ticket; raise NotFound where they are not on it."""
    if not unassign(ticket_id, {mechanic_id}):
        raise NotFound("The mechanic is not on this ticket.")
