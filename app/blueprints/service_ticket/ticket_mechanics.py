"""The mechanics on a ticket. Call in the transaction of a route that has locked the ticket."""

from typing import Any

from sqlalchemy import Select, bindparam, delete, insert, select

from app.models import mechanics, service_tickets, ticket_mechanics
from app.utils.db.statements import execute, fetch_all
from app.utils.errors import Invalid

crew = ticket_mechanics.c
ASSIGNED = select(crew.mechanic_id).where(crew.ticket_id == bindparam("ticket_id"))
EXISTING = select(mechanics.c.id).where(mechanics.c.id.in_(bindparam("mechanic_ids", expanding=True)))
ACTIVE = EXISTING.where(mechanics.c.deleted_at.is_(None))
NEW_LINES = ACTIVE.join_from(mechanics, service_tickets, service_tickets.c.id == bindparam("ticket_id")).with_only_columns(
    service_tickets.c.id, mechanics.c.id, service_tickets.c.service_date
)
ASSIGN = insert(ticket_mechanics).from_select(["ticket_id", "mechanic_id", "service_date"], NEW_LINES)


def change_mechanics(ticket_id: int, change: dict[str, Any]) -> bool:
    """Set the mechanics of a ticket, or add and remove some. Return whether that changes them.

    Raise Invalid for an unknown mechanic, and for a deleted one who would be added."""
    present = {row.mechanic_id for row in fetch_all(ASSIGNED, {"ticket_id": ticket_id})}
    if "mechanic_ids" in change:
        field, wanted = "mechanic_ids", set(change["mechanic_ids"])
        added, removed = wanted - present, present - wanted
    else:
        field = "add_mechanic_ids"
        added, removed = set(change.get(field, ())) - present, set(change.get("remove_mechanic_ids", ()))
        require_all(EXISTING, removed - present, "remove_mechanic_ids")
    assign(ticket_id, added, field)
    return bool(unassign(ticket_id, removed & present) or added)


def require_all(statement: Select[Any], ids: set[int], field: str) -> None:
    """Raise Invalid, naming the field, unless ``statement`` (EXISTING or ACTIVE) finds a mechanic for every id."""
    found = {row.id for row in fetch_all(statement, {"mechanic_ids": sorted(ids)})} if ids else set()
    if missing := ids - found:
        raise Invalid({field: f"{min(missing)} is not the id of a mechanic"})


def assign(ticket_id: int, ids: set[int], field: str) -> None:
    """Assign mechanics who are not on the ticket. Raise Invalid, naming the field, for an unknown or deleted one."""
    new = {"ticket_id": ticket_id, "mechanic_ids": sorted(ids)}
    if ids and execute(ASSIGN.execution_options(preserve_rowcount=True), new).rowcount != len(ids):
        require_all(ACTIVE, ids, field)
        raise Invalid({field: "must be ids of mechanics"})


def unassign(ticket_id: int, ids: set[int]) -> int:
    """Remove mechanics from a ticket, and return how many were on it."""
    on_ticket = (crew.ticket_id == ticket_id) & crew.mechanic_id.in_(sorted(ids))
    return execute(delete(ticket_mechanics).where(on_ticket)).rowcount if ids else 0
