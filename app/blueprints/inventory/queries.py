"""How parts and the stock ledger are read."""

from sqlalchemy import bindparam, select

from app.blueprints.records import listing_of, reader_of
from app.models import inventory, mechanics, stock_movements
from app.utils.api.pagination import Listing

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
