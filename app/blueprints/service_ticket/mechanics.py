"""The mechanics on a ticket. Call in the transaction of a route that has locked the ticket."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, bindparam, delete, insert, select

from app.models import mechanics, service_tickets, ticket_mechanics
from app.utils.db.statements import execute, fetch_all
from app.utils.errors import Invalid, NotFound

ASSIGNED = select(ticket_mechanics.c.mechanic_id).where(ticket_mechanics.c.ticket_id == bindparam("ticket_id"))
EXISTING = select(mechanics.c.id).where(mechanics.c.id.in_(bindparam("mechanic_ids", expanding=True)))
ACTIVE = EXISTING.where(mechanics.c.deleted_at.is_(None))
ASSIGN = (
    insert(ticket_mechanics)
    .from_select(
        ["ticket_id", "mechanic_id", "service_date"],
        ACTIVE.join_from(mechanics, service_tickets, service_tickets.c.id == bindparam("ticket_id")).with_only_columns(
            service_tickets.c.id, mechanics.c.id, service_tickets.c.service_date
        ),
    )
    .execution_options(preserve_rowcount=True)
)


def assigned_to(ticket_id: int) -> set[int]:
    return {row.mechanic_id for row in fetch_all(ASSIGNED, {"ticket_id": ticket_id})}


def change_mechanics(ticket_id: int, change: dict[str, Any]) -> bool:
    """Set the mechanics of a ticket, or add and remove some. Return whether that changes them.

    Raise Invalid for an unknown mechanic, and for a deleted one who would be added."""
    present = assigned_to(ticket_id)
    if "mechanic_ids" in change:
        field, wanted = "mechanic_ids", set(change["mechanic_ids"])
        added, removed = wanted - present, present - wanted
    else:
        field = "add_mechanic_ids"
        added, removed = set(change.get(field, ())) - present, set(change.get("remove_mechanic_ids", ()))
        require_all(EXISTING, removed - present, "remove_mechanic_ids")
    assign(ticket_id, added, field)
    unassign(ticket_id, removed & present)
    return bool(added or removed & present)


def require_all(statement: Select[Any], ids: set[int], field: str) -> None:
    """Raise Invalid, naming the field, unless ``statement`` (EXISTING or ACTIVE) finds a mechanic for every id."""
    found = {row.id for row in fetch_all(statement, {"mechanic_ids": sorted(ids)})} if ids else set()
    if missing := ids - found:
        raise Invalid({field: f"{min(missing)} names no mechanic"})


def assign(ticket_id: int, ids: Iterable[int], field: str) -> None:
    """Assign mechanics who are not on the ticket. Raise Invalid, naming the field, for an unknown or deleted one."""
    wanted = set(ids)
    if not wanted:
        return
    if execute(ASSIGN, {"ticket_id": ticket_id, "mechanic_ids": sorted(wanted)}).rowcount != len(wanted):
        require_all(ACTIVE, wanted, field)
        raise Invalid({field: "names no mechanic"})


def unassign(ticket_id: int, ids: set[int]) -> int:
    """Remove mechanics from a ticket, and return how many were on it."""
    if not ids:
        return 0
    lines = (ticket_mechanics.c.ticket_id == ticket_id) & ticket_mechanics.c.mechanic_id.in_(sorted(ids))
    return execute(delete(ticket_mechanics).where(lines)).rowcount


def unassign_one(ticket_id: int, mechanic_id: int) -> None:
    """Remove a mechanic from a ticket. Raise NotFound if the mechanic is not on it."""
    if not unassign(ticket_id, {mechanic_id}):
        raise NotFound("The mechanic is not on this ticket.")
