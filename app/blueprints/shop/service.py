"""How the shop's record is read and changed."""

from types import SimpleNamespace
from typing import Any

from sqlalchemy import Column, select

from app.blueprints.shop.schemas import ShopOut
from app.models.shop import shop
from app.utils.api.etags import lock_if_match
from app.utils.db.statements import fetch_one, insert_if_missing, update_if_changed
from app.utils.errors import Invalid

SHOP_ID = 1
SHOP = select(shop).where(shop.c.id == SHOP_ID)
PREFIXES = ("invoice_prefix", "credit_note_prefix")


def default_of(column: Column[Any]) -> Any:
    return getattr(column.default, "arg", None)


DEFAULTS = SimpleNamespace(**{column.name: default_of(column) for column in shop.columns})


def read_shop(_id: int = SHOP_ID) -> Any:
    """Return the shop, or its defaults if it was never changed."""
    return fetch_one(SHOP) or DEFAULTS


def update_shop(changes: dict[str, Any]) -> None:
    """Change the shop. Raise Invalid if both prefixes would be the same, or Stale."""
    insert_if_missing(shop, {"id": SHOP_ID})
    lock_if_match(shop, SHOP_ID, ShopOut, read_shop)
    held = read_shop()
    prefixes = [changes.get(name, getattr(held, name)) for name in ("invoice_prefix", "credit_note_prefix")]
    if prefixes[0] == prefixes[1]:
        raise Invalid(
            {"invoice_prefix" if "invoice_prefix" in changes else "credit_note_prefix": "is that of the other series"}
        )
    update_if_changed(shop, SHOP_ID, changes)
