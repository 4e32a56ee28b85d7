"""What a part and its stock ledger look like on the wire."""

from types import SimpleNamespace
from typing import Any

from marshmallow import Schema, fields

from app.models import MAX_COUNT, Inventory, StockMovement
from app.utils.extensions import ma
from app.utils.fields import Money, Quantity, Text
from app.utils.shown import Shown, ShownNumber, ShownText, Timestamp

A_COUNT = {"minimum": 0, "maximum": MAX_COUNT, "example": 20}
A_NAME, A_SKU = {"example": "Brake pad, front"}, {"example": "BP-1042"}


class PartIn(Schema):
    """A new part."""

    name = Text(255, required=True, metadata=A_NAME)
    price = Money(required=True, attribute="price_cents")
    quantity = Quantity(0, load_default=0, metadata={"description": "How many are in stock", "example": 20})
    sku = Text(64, allow_none=True, load_default=None, metadata=A_SKU)


class PartChange(Schema):
    """Any subset of a part's fields; what is left out stays. `quantity` is the stock that was counted."""

    name = Text(255, metadata=A_NAME)
    price = Money(attribute="price_cents")
    quantity = Quantity(0, metadata={"description": "How many were counted", "example": 20})
    sku = Text(64, allow_none=True, metadata=A_SKU)


class PartOut(Shown, ma.SQLAlchemySchema):
    """A part and how many of it are in stock."""

    class Meta:
        model = Inventory

    id = ma.auto_field()
    name = ma.auto_field(metadata=A_NAME)
    price = Money(attribute="price_cents", dump_only=True)
    quantity = ma.auto_field(metadata=A_COUNT)
    sku = ma.auto_field(metadata=A_SKU)
    created_at = Timestamp()
    updated_at = Timestamp()


class NamedOut(Shown, Schema):
    """A mechanic as others refer to them."""

    id = ShownNumber()
    name = ShownText(metadata={"example": "Max Wrench"})


class Doer(fields.Nested):
    """Who changed the stock, out of the columns of a movement; none where it was the shop itself."""

    def get_value(self, obj: Any, *_args: Any, **_kwargs: Any) -> SimpleNamespace | None:
        return SimpleNamespace(id=obj.mechanic_id, name=obj.mechanic_name) if obj.mechanic_id else None


class MovementOut(Shown, ma.SQLAlchemySchema):
    """A line of the stock ledger. `by` is the mechanic who did it, or null for the shop itself."""

    class Meta:
        model = StockMovement

    id = ma.auto_field()
    change = ma.auto_field(metadata={"example": -4})
    balance = ma.auto_field(metadata=A_COUNT | {"example": 16})
    reason = ma.auto_field(metadata={"enum": ["received", "counted", "used", "returned"], "example": "used"})
    ticket_id = ma.auto_field()
    by = Doer(NamedOut, allow_none=True)
    created_at = Timestamp()
