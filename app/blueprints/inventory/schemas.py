"""Parts and the stock ledger on the wire."""

from types import SimpleNamespace
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from app.blueprints.inventory import stock
from app.blueprints.mechanic.schemas import MechanicReference
from app.blueprints.records import Subset
from app.extensions import ma
from app.models import MAX_COUNT, Inventory, StockMovement
from app.utils.api.fields import LatinText, Money, Quantity, StrictInteger, Text
from app.utils.api.input import InputSchema
from app.utils.api.output import OutputSchema, Timestamp

COUNT_EXAMPLE = {"minimum": 0, "maximum": MAX_COUNT, "example": 20}
REASONS = validate.OneOf((*stock.ADDED, *stock.REMOVED), error="must be received, found, scrapped or lost")
NOTE_EXAMPLE = {"example": "Delivery of 24 November"}
NAME_EXAMPLE, SKU_EXAMPLE = {"example": "Brake pad, front"}, {"example": "BP-1042"}


class PartIn(InputSchema):
    """A new part."""

    name = Text(255, required=True, metadata=NAME_EXAMPLE)
    price = Money(required=True, attribute="price_cents")
    quantity = Quantity(0, load_default=0, metadata={"description": "How many are in stock", "example": 20})
    sku = Text(64, allow_none=True, load_default=None, metadata=SKU_EXAMPLE)


class PartOut(OutputSchema, ma.SQLAlchemySchema):
    """A part and its stock."""

    class Meta:
        model = Inventory

    id = ma.auto_field()
    name = ma.auto_field(metadata=NAME_EXAMPLE)
    price = Money(attribute="price_cents", dump_only=True)
    quantity = ma.auto_field(metadata=COUNT_EXAMPLE)
    sku = ma.auto_field(metadata=SKU_EXAMPLE)
    created_at = Timestamp()
    updated_at = Timestamp()


class PartChange(Subset, PartIn):
    """Any subset of a part's fields; other fields stay. `quantity` is the stock that was counted."""

    shown = PartOut()
    quantity = Quantity(0, metadata={"description": "How many were counted", "example": 20})


class MovementIn(InputSchema):
    """A change of the stock without a ticket. `received` and `found` add to it, `scrapped` and `lost` take away."""

    change = StrictInteger(-MAX_COUNT, MAX_COUNT, required=True, metadata={"example": 20})
    reason = LatinText(10, required=True, validate=[REASONS], metadata={"example": "received"})
    note = Text(500, allow_none=True, load_default=None, metadata=NOTE_EXAMPLE)

    @validates_schema
    def change_follows_reason(self, movement: dict[str, Any], **_: Any) -> None:
        if movement["reason"] in stock.ADDED and movement["change"] < 1:
            raise ValidationError("must be positive: this reason adds to the stock", "change")
        if movement["reason"] in stock.REMOVED and movement["change"] > -1:
            raise ValidationError("must be negative: this reason takes away from the stock", "change")


class MovedBy(fields.Nested):
    """The mechanic of a movement, from its columns; None for the shop itself."""

    def get_value(self, obj: Any, *_args: Any, **_kwargs: Any) -> SimpleNamespace | None:
        return SimpleNamespace(id=obj.mechanic_id, name=obj.mechanic_name) if obj.mechanic_id else None


class MovementOut(OutputSchema, ma.SQLAlchemySchema):
    """A line of the stock ledger. `by` is the mechanic who did it, or null for the shop itself."""

    class Meta:
        model = StockMovement

    id = ma.auto_field()
    change = ma.auto_field(metadata={"example": -4})
    balance = ma.auto_field(metadata=COUNT_EXAMPLE | {"example": 16})
    reason = ma.auto_field(metadata={"enum": list(stock.REASONS), "example": "scrapped"})
    note = ma.auto_field(metadata={"example": "Damaged in transit"})
    ticket_id = ma.auto_field()
    by = MovedBy(MechanicReference, allow_none=True)
    created_at = Timestamp()
