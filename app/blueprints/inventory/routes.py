"""The inventory: parts, their stock, and the ledger of how it came to be."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError

from app.blueprints.inventory import catalog, stock
from app.blueprints.inventory.schemas import MovementOut, PartChange, PartIn, PartOut
from app.models import inventory, mechanics, now, stock_movements
from app.utils.auth import allow
from app.utils.blueprint import Blueprint, conflict
from app.utils.conditional import lock_current
from app.utils.database import add, after_commit, change, execute, fetch_one, transaction
from app.utils.errors import Conflict, NotFound
from app.utils.idempotency import idempotent
from app.utils.pagination import Listing, PageQuery, SearchQuery, matching

blp = Blueprint("inventory", __name__, url_prefix="/inventory", description="Parts and their stock")

SHOWN = tuple(inventory.c[name] for name in ("id", "name", "price_cents", "quantity", "sku", "created_at", "updated_at"))
LIVE = inventory.c.deleted_at.is_(None)
ALL = Listing(
    select(*SHOWN).where(LIVE),
    inventory.c.id,
    (inventory.c.id,),
    filters={"q": matching(inventory.c.name, inventory.c.sku)},
)
ONE = select(*SHOWN).where(LIVE)
LEDGER = Listing(
    select(stock_movements, mechanics.c.name.label("mechanic_name")).outerjoin_from(stock_movements, mechanics),
    stock_movements.c.id,
    (stock_movements.c.id,),
    descending=True,
    filters={"part_id": stock_movements.c.inventory_id == bindparam("part_id")},
)


class SkuTaken(Conflict):
    detail = "Another part has this sku."

    def __init__(self) -> None:
        super().__init__(errors={"sku": ["is taken"]})


@contextmanager
def unique_sku() -> Iterator[None]:
    """Raise SkuTaken where what is written gives a part the sku of another."""
    try:
        yield
    except IntegrityError:
        raise SkuTaken from None


def read_part(part_id: int) -> Any:
    """The part; raise NotFound."""
    part = fetch_one(ONE.where(inventory.c.id == part_id))
    if part is None:
        raise NotFound
    return part


@blp.get("")
@allow("customer", "mechanic", "admin")
@blp.arguments(SearchQuery, location="query")
@catalog.cached
@blp.response(200, PartOut(many=True))
def list_parts(query: dict[str, Any]) -> Any:
    """List the parts; `q` looks in name and sku."""
    return ALL.read(query)


@blp.get("/<id:part_id>")
@allow("customer", "mechanic", "admin")
@catalog.cached
@blp.response(200, PartOut)
def get_part(part_id: int) -> Any:
    """Show a part."""
    return read_part(part_id)


@blp.post("")
@allow("mechanic", "admin")
@transaction
@idempotent
@conflict("Another part has this sku.", sku=SkuTaken())
@blp.arguments(PartIn)
@blp.response(201, PartOut)
def create_part(new: dict[str, Any]) -> Any:
    """Add a part, with the stock that it comes with."""
    with unique_sku():
        part_id = add(inventory, new)
    stock.receive(part_id, new["quantity"])
    after_commit(catalog.has_changed)
    return read_part(part_id), {"Location": f"/inventory/{part_id}"}


@blp.put("/<id:part_id>")
@allow("mechanic", "admin")
@transaction
@conflict("Another part has this sku.", sku=SkuTaken())
@blp.arguments(PartChange)
@blp.response(200, PartOut)
def update_part(changes: dict[str, Any], part_id: int) -> Any:
    """Change a part; `quantity` sets the counted stock, and the difference is recorded."""
    lock_current(inventory, part_id, PartOut, read_part)
    if "quantity" in changes:
        stock.count_stock(part_id, changes.pop("quantity"))
    with unique_sku():
        change(inventory, part_id, changes)
    after_commit(catalog.has_changed)
    return read_part(part_id)


@blp.delete("/<id:part_id>")
@allow("admin")
@transaction
@blp.response(204)
def delete_part(part_id: int) -> None:
    """Take a part out of the inventory; old tickets still show it."""
    lock_current(inventory, part_id, PartOut, read_part)
    execute(update(inventory).where(inventory.c.id == part_id).values(deleted_at=now(), sku=None))
    after_commit(catalog.has_changed)


@blp.get("/<id:part_id>/movements")
@allow("mechanic", "admin")
@blp.arguments(PageQuery, location="query")
@blp.response(200, MovementOut(many=True))
def list_movements(query: dict[str, Any], part_id: int) -> Any:
    """Show the stock ledger of a part, newest first."""
    read_part(part_id)
    return LEDGER.read(query, within={"part_id": part_id}, known=["part_id"])
