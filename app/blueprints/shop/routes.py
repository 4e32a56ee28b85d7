"""The shop itself: its address, currency, rates and document settings."""

from typing import Any

from app.blueprints.shop.schemas import ShopChange, ShopOut
from app.blueprints.shop.service import read_shop, update_shop
from app.utils.api.blueprint import Blueprint
from app.utils.auth.policy import allow
from app.utils.write import write

blp = Blueprint("shop", __name__, url_prefix="/shop", description="The shop itself")


@blp.get("")
@allow("mechanic", "admin")
@blp.response(200, ShopOut)
def get_shop() -> Any:
    """Show the shop."""
    return read_shop()


@blp.put("")
@allow("admin")
@blp.arguments(ShopChange, example={"name": "My Mechanic Shop", "labor_rate": 120})
@blp.response(200, ShopOut)
@write()
def change_shop(changes: dict[str, Any]) -> Any:
    """Change the shop."""
    update_shop(changes)
    return read_shop()
