"""How parts and the stock ledger are read."""

from typing import Any

from sqlalchemy import bindparam, select

from app.models import inventory, mechanics, stock_movements
from app.utils.api.pagination import Listing, contains_text
from app.utils.db.statements import fetch_one
from app.utils.errors import NotFound

COLUMNS = tuple(inventory.c[name] for name in ("id", "name", "price_cents", "quantity", "sku", "created_at", "updated_at"))
NOT_DELETED = inventory.c.deleted_at.is_(None)
PARTS = Listing(
    select(*COLUMNS).where(NOT_DELETED),
    inventory.c.id,
    (inventory.c.id,),
    filters={"q": contains_text(inventory)},
)
PART_BY_ID = select(*COLUMNS).where(NOT_DELETED, inventory.c.id == bindparam("part_id"))
LEDGER = Listing(
    select(stock_movements, mechanics.c.name.label("mechanic_name")).outerjoin_from(stock_movements, mechanics),
    stock_movements.c.id,
    (stock_movements.c.id,),
    descending=True,
    filters={"part_id": stock_movements.c.inventory_id == bindparam("part_id")},
)


def read_part(part_id: int) -> Any:
    """Return a part. Raise NotFound."""
    part = fetch_one(PART_BY_ID, {"part_id": part_id})
    if part is None:
        raise NotFound
    return part
