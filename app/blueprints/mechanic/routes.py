"""Mechanics: staff see each other; an admin hires, changes and lets go."""

from typing import Any

from sqlalchemy import select

from app.blueprints.customer.schemas import A_CHANGE, LoginIn, TokenOut
from app.blueprints.mechanic.schemas import MechanicChange, MechanicIn, MechanicOut
from app.models import mechanics
from app.utils.accounts import EmailTaken, create_account, delete_account, log_in, update_account, with_hash
from app.utils.auth import allow, caller
from app.utils.blueprint import Blueprint, conflict, signs_in
from app.utils.conditional import NEVER_STORED, lock_current
from app.utils.database import fetch, fetch_one, transaction
from app.utils.errors import Conflict, Forbidden, NotFound
from app.utils.idempotency import idempotent
from app.utils.limits import address, limit_tries, login_account
from app.utils.pagination import Listing, SearchQuery, matching

blp = Blueprint("mechanic", __name__, url_prefix="/mechanics", description="Who repairs them; some are admins")

SHOWN = tuple(mechanics.c[name] for name in ("id", "name", "email", "phone", "role", "salary_cents"))
LIVE = mechanics.c.deleted_at.is_(None)
ALL = Listing(
    select(*SHOWN).where(LIVE),
    mechanics.c.id,
    (mechanics.c.id,),
    filters={"q": matching(mechanics.c.name, mechanics.c.email, mechanics.c.phone)},
)
ONE = select(*SHOWN).where(LIVE)
ADMINS = select(mechanics.c.id).where(LIVE, mechanics.c.role == "admin").order_by(mechanics.c.id).with_for_update()


class LastAdmin(Conflict):
    detail = "The last admin can be neither deleted nor demoted."


def read_mechanic(mechanic_id: int) -> Any:
    """The mechanic; raise NotFound."""
    mechanic = fetch_one(ONE.where(mechanics.c.id == mechanic_id))
    if mechanic is None:
        raise NotFound
    return mechanic


def keep_an_admin(mechanic_id: int) -> None:
    """Raise LastAdmin where the shop would have no admin without this one. All admins are locked, in the order of
    their ids, so that two of them can't demote each other at once."""
    admins = [admin.id for admin in fetch(ADMINS)]
    if admins == [mechanic_id]:
        raise LastAdmin


@blp.post("")
@allow("admin")
@transaction
@idempotent
@conflict("The email is taken.", email=EmailTaken())
@blp.arguments(MechanicIn)
@blp.response(201, MechanicOut)
def create_mechanic(new: dict[str, Any]) -> Any:
    """Hire a mechanic."""
    mechanic_id = create_account(mechanics, with_hash(new))
    return read_mechanic(mechanic_id), {"Location": f"/mechanics/{mechanic_id}"}


@blp.post("/login")
@allow("anyone")
@limit_tries("LIMIT_LOGIN", address, login_account)
@signs_in
@blp.arguments(LoginIn)
@blp.response(200, TokenOut)
def log_in_mechanic(credentials: dict[str, Any]) -> Any:
    """Sign in as a mechanic or an admin."""
    return log_in(mechanics, **credentials), NEVER_STORED


@blp.get("")
@allow("mechanic", "admin")
@blp.arguments(SearchQuery, location="query")
@blp.response(200, MechanicOut(many=True))
def list_mechanics(query: dict[str, Any]) -> Any:
    """List the mechanics; `q` looks in name, email and phone."""
    return ALL.read(query)


@blp.get("/<id:mechanic_id>")
@allow("mechanic", "admin")
@blp.response(200, MechanicOut)
def get_mechanic(mechanic_id: int) -> Any:
    """Show a mechanic."""
    return read_mechanic(mechanic_id)


@blp.put("/<id:mechanic_id>")
@allow("mechanic", "admin")
@transaction
@conflict("The email is taken, or the last admin would be demoted.", email=EmailTaken(), last_admin=LastAdmin())
@blp.arguments(MechanicChange, example=A_CHANGE)
@blp.response(200, MechanicOut)
def update_mechanic(changes: dict[str, Any], mechanic_id: int) -> Any:
    """Change a mechanic; one who is no admin only themselves, without salary and role."""
    require_self_service(mechanic_id, changes)
    columns = with_hash(changes)
    if columns.get("role") == "mechanic":
        keep_an_admin(mechanic_id)
    lock_current(mechanics, mechanic_id, MechanicOut, read_mechanic)
    update_account(mechanics, mechanic_id, columns)
    return read_mechanic(mechanic_id)


def require_self_service(mechanic_id: int, changes: dict[str, Any]) -> None:
    """A mechanic who is no admin may change their own record alone, and not what they are paid or may do."""
    if caller().is_admin:
        return
    if caller().id != mechanic_id:
        raise NotFound
    if {"salary_cents", "role"} & changes.keys():
        raise Forbidden("Only an admin may change a salary or a role.")


@blp.delete("/<id:mechanic_id>")
@allow("admin")
@transaction
@conflict("It is the last admin.", last_admin=LastAdmin())
@blp.response(204)
def delete_mechanic(mechanic_id: int) -> None:
    """Let a mechanic go; old tickets still show their name."""
    keep_an_admin(mechanic_id)
    lock_current(mechanics, mechanic_id, MechanicOut, read_mechanic)
    delete_account(mechanics, mechanic_id)
