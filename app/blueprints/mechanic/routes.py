"""Mechanics: staff see each other; an admin creates, changes and deletes them."""

from typing import Any

from app.blueprints.accounts.schemas import CHANGE_EXAMPLE, LoginIn, TokenOut
from app.blueprints.accounts.service import EmailTaken, add_account, change_account, log_in, remove_account, with_hash
from app.blueprints.mechanic import service
from app.blueprints.mechanic.queries import MECHANICS, POPULAR_MECHANICS, read_mechanic
from app.blueprints.mechanic.schemas import MechanicChange, MechanicIn, MechanicOut, PopularMechanicOut
from app.blueprints.mechanic.service import LastAdmin
from app.models import mechanics
from app.utils.api.blueprint import Blueprint
from app.utils.api.etags import NO_STORE, lock_if_match
from app.utils.api.openapi import documented
from app.utils.api.pagination import PageQuery, SearchQuery
from app.utils.auth.policy import allow
from app.utils.context import caller
from app.utils.limits.decorators import limit_attempts
from app.utils.write import write

blp = Blueprint("mechanic", __name__, url_prefix="/mechanics", description="The staff; some are admins")


@blp.post("")
@allow("admin")
@blp.arguments(MechanicIn)
@blp.response(201, MechanicOut)
@write(idempotent=True, conflicts=[EmailTaken])
def create_mechanic(new: dict[str, Any]) -> Any:
    """Add a mechanic."""
    mechanic_id = add_account(mechanics, with_hash(new))
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
    """Change a mechanic. A mechanic may change their own record, except salary and role."""
    columns = with_hash(changes if caller().is_admin else service.own_changes(mechanic_id, changes))
    if columns.get("role") == "mechanic":
        service.require_other_admin(mechanic_id)
    lock_if_match(mechanics, mechanic_id, MechanicOut, read_mechanic)
    change_account(mechanics, mechanic_id, columns)
    return read_mechanic(mechanic_id)


@blp.delete("/<id:mechanic_id>")
@allow("admin")
@blp.response(204)
@write(conflicts=[LastAdmin])
def delete_mechanic(mechanic_id: int) -> None:
    """Delete a mechanic; old tickets still show their name."""
    service.require_other_admin(mechanic_id)
    lock_if_match(mechanics, mechanic_id, MechanicOut, read_mechanic)
    remove_account(mechanics, mechanic_id)
