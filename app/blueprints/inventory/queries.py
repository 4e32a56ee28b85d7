"""Read parts and the stock ledger."""

from typing import Any

from sqlalchemy import bindparam, select

from app.blueprints.records import listing_of, reader_of
from app.models import inventory, mechanics, stock_movements
from app.utils.api.pagination import Listing
from app.utils.db.statements import fetch_one

COLUMNS = ("id", "name", "price_cents", "quantity", "sku", "created_at", "updated_at")
PARTS = listing_of(inventory, COLUMNS)
read_part = reader_of(PARTS)
LEDGER = Listing(
    select(stock_movements, mechanics.c.name.label("mechanic_name")).outerjoin_from(stock_movements, mechanics),
    stock_movements.c.id,
    (stock_movements.c.id,),
    descending=True,
    filters={"part_id": stock_movements.c.inventory_id == bindparam("part_id")},
)
LAST_MOVEMENT = LEDGER.rows.where(LEDGER.filters["part_id"]).order_by(stock_movements.c.id.desc()).limit(1)


def read_last_movement(part_id: int) -> Any:
    """Return the newest line of the ledger of a part."""
    return fetch_one(LAST_MOVEMENT, {"part_id": part_id})
