"""What a part and its stock ledger look like on the wire."""

from marshmallow import Schema, fields

from app.models import Inventory, StockMovement
from app.utils.extensions import ma
from app.utils.fields import Money, Quantity, Text, Timestamp


class PartIn(Schema):
    """A new part."""

    name = Text(255, required=True, metadata={"example": "Brake pad, front"})
    price = Money(required=True, attribute="price_cents")
    quantity = Quantity(0, load_default=0, metadata={"description": "How many are in stock", "example": 20})
    sku = Text(64, allow_none=True, load_default=None, metadata={"example": "BP-1042"})


class PartChange(Schema):
    """Any subset of a part's fields; what is left out stays. `quantity` is the stock that was counted."""

    name = Text(255, metadata={"example": "Brake pad, front"})
    price = Money(attribute="price_cents")
    quantity = Quantity(0, metadata={"description": "How many were counted", "example": 20})
    sku = Text(64, allow_none=True, metadata={"example": "BP-1042"})


class PartOut(ma.SQLAlchemySchema):
    """A part and how many of it are in stock."""

    class Meta:
        model = Inventory

    id = ma.auto_field()
    name = ma.auto_field()
    price = Money(attribute="price_cents")
    quantity = ma.auto_field()
    sku = ma.auto_field()
    created_at = Timestamp()
    updated_at = Timestamp()


class NamedOut(Schema):
    """A mechanic as others refer to them."""

    id = fields.Integer()
    name = fields.String()


class MovementOut(ma.SQLAlchemySchema):
    """A line of the stock ledger. `by` is the mechanic who did it, or null for the shop itself."""

    class Meta:
        model = StockMovement

    id = ma.auto_field()
    change = ma.auto_field()
    balance = ma.auto_field()
    reason = ma.auto_field(metadata={"enum": ["received", "counted", "used", "returned"]})
    ticket_id = ma.auto_field()
    by = fields.Method("who", allow_none=True, metadata={"type": "object"})
    created_at = Timestamp()

    def who(self, movement: StockMovement) -> dict[str, object] | None:
        mechanic = {"id": movement.mechanic_id, "name": movement.mechanic_name}  # type: ignore[attr-defined]
        return mechanic if movement.mechanic_id else None
