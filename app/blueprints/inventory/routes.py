"""The inventory: parts, their stock, and the stock ledger."""

from typing import Any

from app.blueprints.inventory import parts, stock
from app.blueprints.inventory.cache import cached, invalidate_after_commit
from app.blueprints.inventory.parts import SkuTaken
from app.blueprints.inventory.queries import LEDGER, PARTS, read_last_movement, read_part
from app.blueprints.inventory.schemas import MovementIn, MovementOut, PartChange, PartIn, PartOut
from app.blueprints.inventory.stock import OutOfStock, StockOverflow
from app.models import inventory, utcnow
from app.utils.api.blueprint import Blueprint
from app.utils.api.etags import lock_if_match
from app.utils.api.pagination import PageQuery, SearchQuery
from app.utils.auth.policy import allow
from app.utils.db.statements import lock_row
from app.utils.write import write

blp = Blueprint("inventory", __name__, url_prefix="/inventory", description="Parts and their stock")


@blp.get("")
@allow("customer", "mechanic", "admin")
@blp.arguments(SearchQuery, location="query")
@cached
@blp.response(200, PartOut(many=True))
def list_parts(query: dict[str, Any]) -> Any:
    """List the parts; `q` looks in name and sku."""
    return PARTS.page(query)


@blp.get("/<id:part_id>")
@allow("customer", "mechanic", "admin")
@cached
@blp.response(200, PartOut)
def get_part(part_id: int) -> Any:
    """Show a part."""
    return read_part(part_id)


@blp.post("")
@allow("mechanic", "admin")
@blp.arguments(PartIn)
@blp.response(201, PartOut)
@write(idempotent=True, conflicts=[SkuTaken])
def create_part(new: dict[str, Any]) -> Any:
    """Add a part, with its first stock."""
    part_id = parts.add_part(new)
    return read_part(part_id), {"Location": f"/inventory/{part_id}"}


@blp.put("/<id:part_id>")
@allow("mechanic", "admin")
@blp.arguments(PartChange)
@blp.response(200, PartOut)
@write(conflicts=[SkuTaken])
def update_part(changes: dict[str, Any], part_id: int) -> Any:
    """Change a part; `quantity` sets the counted stock, and the difference is recorded."""
    lock_if_match(inventory, part_id, PartOut, read_part)
    parts.change_part(part_id, changes)
    return read_part(part_id)


@blp.delete("/<id:part_id>")
@allow("admin")
@blp.response(204)
@write()
def delete_part(part_id: int) -> None:
    """Take a part out of the inventory; old tickets still show it."""
    lock_if_match(inventory, part_id, PartOut, read_part, deleted_at=utcnow(), sku=None)  # The sku can be used again.
    invalidate_after_commit()


@blp.get("/<id:part_id>/movements")
@allow("mechanic", "admin")
@blp.arguments(PageQuery, location="query")
@blp.response(200, MovementOut(many=True))
def list_movements(query: dict[str, Any], part_id: int) -> Any:
    """Show the stock ledger of a part, newest first."""
    read_part(part_id)
    return LEDGER.page(query, fixed={"part_id": part_id}, required=["part_id"])


@blp.post("/<id:part_id>/movements")
@allow("mechanic", "admin")
@blp.arguments(MovementIn)
@blp.response(201, MovementOut)
@write(idempotent=True, conflicts=[OutOfStock, StockOverflow])
def record_movement(new: dict[str, Any], part_id: int) -> Any:
    """Receive, find, scrap or lose some of a part; the stock ledger keeps the reason."""
    lock_row(inventory, part_id)
    stock.record_movement(part_id, **new)
    return read_last_movement(part_id), {"Location": f"/inventory/{part_id}/movements"}
