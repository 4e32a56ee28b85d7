"""Read and change the shop's record."""

from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from app.blueprints.shop.schemas import ShopOut
from app.models.shop import shop
from app.utils.api.etags import lock_if_match
from app.utils.db.statements import fetch_one, insert_if_missing, update_if_changed
from app.utils.errors import Invalid

SHOP_ID = 1
SHOP = select(shop).where(shop.c.id == SHOP_ID)
PREFIXES = ("invoice_prefix", "credit_note_prefix")
DEFAULTS = SimpleNamespace(**{column.name: getattr(column.default, "arg", None) for column in shop.columns})


def read_shop() -> Any:
    """Return the shop, or its defaults if it was never changed."""
    return fetch_one(SHOP) or DEFAULTS


def update_shop(changes: dict[str, Any]) -> None:
    """Change the shop. Raise Invalid if both prefixes would be the same, or PreconditionFailed."""
    insert_if_missing(shop, {"id": SHOP_ID})
    lock_if_match(shop, SHOP_ID, ShopOut, lambda _: read_shop())
    require_different_prefixes(changes)
    update_if_changed(shop, SHOP_ID, changes)


def require_different_prefixes(changes: dict[str, Any]) -> None:
    """Raise Invalid if invoices and credit notes would have the same prefix."""
    current = read_shop()
    invoice, credit_note = (changes.get(name, getattr(current, name)) for name in PREFIXES)
    if invoice == credit_note:
        raise Invalid({name: "must differ from the other prefix" for name in PREFIXES if name in changes})
