"""Rules of mechanics: the last admin stays, and a mechanic may change only their own record."""

from typing import Any

from sqlalchemy import select

from app.blueprints.mechanic.queries import read_mechanic
from app.models import mechanics
from app.utils.context import caller
from app.utils.db.statements import fetch_all
from app.utils.errors import Conflict, Forbidden, NotFound

ADMIN_ONLY_FIELDS = ("salary_cents", "role")
NOT_DELETED = mechanics.c.deleted_at.is_(None)
LOCK_ADMINS = select(mechanics.c.id).where(NOT_DELETED, mechanics.c.role == "admin").order_by(mechanics.c.id).with_for_update()


class LastAdmin(Conflict):
    """The shop would have no admin."""

    code = "last_admin"
    detail = "The last admin can be neither deleted nor demoted."


def require_other_admin(mechanic_id: int) -> None:
    """Raise LastAdmin if the shop has no admin besides this one. Call before the record is locked.

    All admins are locked, in ascending order, so that two admins can't demote each other at once. A lock of the record
    before them would deadlock with another demotion."""
    if [admin.id for admin in fetch_all(LOCK_ADMINS)] == [mechanic_id]:
        raise LastAdmin


def own_changes(mechanic_id: int, changes: dict[str, Any]) -> dict[str, Any]:
    """Return what a mechanic may change of their own record, if they change nothing else. Raise NotFound or Forbidden."""
    if caller().id != mechanic_id:
        raise NotFound
    current = read_mechanic(mechanic_id)
    if any(name in changes and changes[name] != getattr(current, name) for name in ADMIN_ONLY_FIELDS):
        raise Forbidden("Only an admin may change a salary or a role.")
    return {name: value for name, value in changes.items() if name not in ADMIN_ONLY_FIELDS}
