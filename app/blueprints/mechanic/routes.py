"""Mechanics: staff see each other; an admin creates, changes and deletes them."""

from typing import Any

from sqlalchemy import select

from app.blueprints.accounts.schemas import CHANGE_EXAMPLE, LoginIn, TokenOut
from app.blueprints.accounts.service import EmailTaken, create_account, delete_account, log_in, update_account, with_hash
from app.blueprints.mechanic.queries import MECHANICS, POPULAR_MECHANICS, read_mechanic
from app.blueprints.mechanic.schemas import MechanicChange, MechanicIn, MechanicOut, PopularMechanicOut
from app.models import mechanics
from app.utils.api.blueprint import Blueprint
from app.utils.api.etags import NO_STORE, lock_if_match
from app.utils.api.openapi import documented
from app.utils.api.pagination import PageQuery, SearchQuery
from app.utils.auth.policy import allow
from app.utils.context import caller
from app.utils.db.statements import fetch_all
from app.utils.errors import Conflict, Forbidden, NotFound
from app.utils.limits.decorators import limit_attempts
from app.utils.write import write

blp = Blueprint("mechanic", __name__, url_prefix="/mechanics", description="The staff; some are admins")

ADMINS_ALONE = ("salary_cents", "role")
NOT_DELETED = mechanics.c.deleted_at.is_(None)
LOCK_ADMINS = select(mechanics.c.id).where(NOT_DELETED, mechanics.c.role == "admin").order_by(mechanics.c.id).with_for_update()


class LastAdmin(Conflict):
    code = "last_admin"
    detail = "The last admin can be neither deleted nor demoted."


def require_other_admin(mechanic_id: int) -> None:
    """Raise LastAdmin if the shop has no admin besides this one.

    All admins are locked, in ascending order, so that two admins can't demote each other at once."""
    if [admin.id for admin in fetch_all(LOCK_ADMINS)] == [mechanic_id]:
        raise LastAdmin


@blp.post("")
@allow("admin")
@blp.arguments(MechanicIn)
@blp.response(201, MechanicOut)
@write(idempotent=True, conflicts=[EmailTaken])
def create_mechanic(new: dict[str, Any]) -> Any:
    """Add a mechanic."""
    mechanic_id = create_account(mechanics, with_hash(new))
    return read_mechanic(mechanic_id), {"Location": f"/mechanics/{mechanic_id}"}


@blp.post("/login")
@allow("anyone")
@limit_attempts("LIMIT_LOGIN")
@documented(issues_token=True)
@blp.arguments(LoginIn)
@blp.response(200, TokenOut)
def log_in_mechanic(credentials: dict[str, Any]) -> Any:
    """Sign in as a mechanic or an admin."""
    return log_in(mechanics, **credentials), NO_STORE


@blp.get("")
@allow("mechanic", "admin")
@blp.arguments(SearchQuery, location="query")
@blp.response(200, MechanicOut(many=True))
def list_mechanics(query: dict[str, Any]) -> Any:
    """List the mechanics; `q` looks in name, email and phone."""
    return MECHANICS.page(query)


@blp.get("/popular")
@allow("mechanic", "admin")
@blp.arguments(PageQuery(exclude=["after"]), location="query")
@blp.response(200, PopularMechanicOut(many=True))
def list_popular_mechanics(query: dict[str, Any]) -> Any:
    """List the mechanics, those with most tickets first."""
    return POPULAR_MECHANICS.page(query)


@blp.get("/<id:mechanic_id>")
@allow("mechanic", "admin")
@blp.response(200, MechanicOut)
def get_mechanic(mechanic_id: int) -> Any:
    """Show a mechanic."""
    return read_mechanic(mechanic_id)


@blp.put("/<id:mechanic_id>")
@allow("mechanic", "admin")
@blp.arguments(MechanicChange, example=CHANGE_EXAMPLE)
@blp.response(200, MechanicOut)
@write(conflicts=[EmailTaken, LastAdmin])
def update_mechanic(changes: dict[str, Any], mechanic_id: int) -> Any:
    """Change a mechanic; one who is no admin only themselves, without salary and role."""
    columns = with_hash(changes if caller().is_admin else own_changes(mechanic_id, changes))
    if columns.get("role") == "mechanic":
        require_other_admin(mechanic_id)
    lock_if_match(mechanics, mechanic_id, MechanicOut, read_mechanic)
    update_account(mechanics, mechanic_id, columns)
    return read_mechanic(mechanic_id)


def own_changes(mechanic_id: int, changes: dict[str, Any]) -> dict[str, Any]:
    """Return what a mechanic may change of their own record, if they change nothing else. Raise NotFound or Forbidden."""
    if caller().id != mechanic_id:
        raise NotFound
    current = read_mechanic(mechanic_id)
    if any(name in changes and changes[name] != getattr(current, name) for name in ADMINS_ALONE):
        raise Forbidden("Only an admin may change a salary or a role.")
    return {name: value for name, value in changes.items() if name not in ADMINS_ALONE}


@blp.delete("/<id:mechanic_id>")
@allow("admin")
@blp.response(204)
@write(conflicts=[LastAdmin])
def delete_mechanic(mechanic_id: int) -> None:
    """Delete a mechanic; old tickets still show their name."""
    require_other_admin(mechanic_id)
    lock_if_match(mechanics, mechanic_id, MechanicOut, read_mechanic)
    delete_account(mechanics, mechanic_id)
