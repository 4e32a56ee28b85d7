"""The mechanics on a ticket. Everything here runs in the transaction of a route that has locked the ticket."""

from typing import Any

from sqlalchemy import and_, bindparam, delete, insert, select

from app.models import mechanics, ticket_mechanics
from app.utils.database import execute, fetch
from app.utils.errors import Invalid, NotFound

ASSIGNED = select(ticket_mechanics.c.mechanic_id).where(ticket_mechanics.c.ticket_id == bindparam("ticket_id"))
HIRED = select(mechanics.c.id, mechanics.c.deleted_at).where(mechanics.c.id.in_(bindparam("ids", expanding=True)))


def assigned_to(ticket_id: int) -> set[int]:
    return {row.mechanic_id for row in fetch(ASSIGNED, {"ticket_id": ticket_id})}


def change_crew(ticket_id: int, change: dict[str, Any]) -> bool:
    """Make the mechanics of a ticket what the change says, and say whether that changed them; raise Invalid."""
    present = assigned_to(ticket_id)
    coming = set(change.get("mechanic_ids", change.get("add_mechanic_ids", ()))) - present
    going = present - set(change["mechanic_ids"]) if "mechanic_ids" in change else set(change.get("remove_mechanic_ids", ()))
    require_known(going - present, "remove_mechanic_ids")
    assign(ticket_id, coming, "mechanic_ids" if "mechanic_ids" in change else "add_mechanic_ids")
    unassign(ticket_id, going & present)
    return bool(coming or going & present)


def require_hired(ids: set[int] | list[int], field: str) -> None:
    """Raise Invalid where an id names no mechanic, or one who was let go."""
    hired = {row.id for row in fetch(HIRED, {"ids": sorted(ids)}) if row.deleted_at is None} if ids else set()
    if set(ids) - hired:
        raise Invalid({field: f"{min(set(ids) - hired)} names no mechanic"})


def require_known(ids: set[int], field: str) -> None:
    """Raise Invalid where an id never named a mechanic."""
    known = {row.id for row in fetch(HIRED, {"ids": sorted(ids)})} if ids else set()
    if ids - known:
        raise Invalid({field: f"{min(ids - known)} names no mechanic"})


def assign(ticket_id: int, ids: set[int] | list[int], field: str) -> None:
    """Put mechanics on a ticket that are not on it; raise Invalid, naming the field, for one who is none."""
    require_hired(ids, field)
    if ids:
        execute(insert(ticket_mechanics), [{"ticket_id": ticket_id, "mechanic_id": mechanic_id} for mechanic_id in sorted(ids)])


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
