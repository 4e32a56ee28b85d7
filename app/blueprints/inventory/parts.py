"""Create and change parts. Their quantities change in ``stock.py``."""

from typing import Any

from app.blueprints.inventory import stock
from app.blueprints.inventory.cache import invalidate_after_commit
from app.blueprints.records import Taken
from app.models import inventory
from app.utils.db.statements import insert_row, update_if_changed


class SkuTaken(Taken):
    """Another part that is not deleted has this sku."""

    code, field = "sku_taken", "sku"
    detail = "Another part has this sku."


def add_part(columns: dict[str, Any]) -> int:
    """Add a part with its first stock, and return its id. Raise SkuTaken."""
    with SkuTaken.unless_unique():
        part_id = insert_row(inventory, columns)
    stock.receive_first_stock(part_id, columns["quantity"])
    invalidate_after_commit()
    return part_id


def change_part(part_id: int, columns: dict[str, Any]) -> None:
    """Change a locked part; ``quantity`` is the counted stock. Raise SkuTaken."""
    if "quantity" in columns:
        stock.count_stock(part_id, columns["quantity"])
    with SkuTaken.unless_unique():
        update_if_changed(inventory, part_id, {name: value for name, value in columns.items() if name != "quantity"})
    invalidate_after_commit()
