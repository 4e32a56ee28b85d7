"""Service tickets, their mechanics and their parts on the wire."""

from typing import Any

from marshmallow import Schema, ValidationError, validates_schema

from app.blueprints.mechanic.schemas import MechanicReference
from app.blueprints.records import Subset
from app.extensions import ma
from app.models import MAX_ID, ServiceTicket
from app.utils.api.fields import Id, Ids, IsoDate, Lines, Money, Quantity, QueryInteger, Text, Vin
from app.utils.api.input import InputSchema, Object
from app.utils.api.output import OutputInteger, OutputList, OutputSchema, OutputString, Timestamp
from app.utils.api.pagination import SEARCH_LIMIT, PageQuery

DATE_EXAMPLE, VIN_EXAMPLE = {"example": "2026-11-24"}, {"example": "1HGCM82633A004352"}
DESCRIPTION_EXAMPLE, QUANTITY_EXAMPLE = {"example": "Replace front brake pads"}, {"example": 4}
# Examples of the forms that a change can have.
MECHANICS_EXAMPLES = {
    "all mechanics": {"value": {"mechanic_ids": [1, 2]}},
    "add and remove": {"value": {"add_mechanic_ids": [2], "remove_mechanic_ids": [1]}},
}
PARTS_EXAMPLES = {
    "add parts": {"value": {"add_parts": [{"inventory_id": 1, "quantity": 4}]}},
    "remove some of a part": {"value": {"remove_parts": [{"inventory_id": 1, "quantity": 1}]}},
    "replace a part": {"value": {"remove_parts": [1], "add_parts": [{"inventory_id": 2, "quantity": 4}]}},
    "remove a line": {"value": {"remove_parts": [2]}},
}


class PartLineIn(InputSchema):
    """A quantity of a part."""

    inventory_id = Id(required=True)
    quantity = Quantity(load_default=1, metadata=QUANTITY_EXAMPLE)


PART_ID = Id()


class PartLineOff(InputSchema):
    """A quantity of a part to remove; without a quantity, the whole line."""

    inventory_id = Id(required=True)
    quantity = Quantity(load_default=lambda: None)  # A null is refused: it may be a mistake.


class LineOff(Object):
    """A line to remove: an object, or the bare id of a part."""

    def __init__(self) -> None:
        bare_id = {"type": "integer", "minimum": 1, "maximum": MAX_ID, "description": "Removes the whole line"}
        words: dict[str, Any] = {"type": "must be the id of a part, or an object"}
        super().__init__(PartLineOff, metadata={"anyOf": [bare_id]}, error_messages=words)

    def _deserialize(self, value: Any, attr: str | None, data: Any, *args: Any, **kwargs: Any) -> Any:
        if type(value) is int:
            return {"inventory_id": PART_ID.deserialize(value), "quantity": None, "is_bare": True}
        if not isinstance(value, dict):
            raise self.make_error("type")
        return super()._deserialize(value, attr, data, *args, **kwargs)


class TicketIn(InputSchema):
    """A new ticket; its parts are deducted from the stock."""

    customer_id = Id(required=True)
    service_date = IsoDate(required=True, metadata=DATE_EXAMPLE)
    description = Text(2000, breaks=True, required=True, metadata=DESCRIPTION_EXAMPLE)
    vin = Vin(required=True, metadata=VIN_EXAMPLE)
    mechanic_ids = Ids(load_default=list)
    parts = Lines(Object(PartLineIn), load_default=list)


class MechanicsChange(InputSchema):
    """All mechanics of a ticket, or mechanics to add and to remove."""

    mechanic_ids = Ids()
    add_mechanic_ids = Ids()
    remove_mechanic_ids = Ids()

    @validates_schema
    def one_way(self, change: dict[str, Any], **_: Any) -> None:
        if "mechanic_ids" in change and len(change) > 1:
            raise ValidationError("can't be combined with add_mechanic_ids or remove_mechanic_ids", "mechanic_ids")
        if set(change.get("add_mechanic_ids", ())) & set(change.get("remove_mechanic_ids", ())):
            raise ValidationError("shares an id with add_mechanic_ids", "remove_mechanic_ids")


class PartsChange(InputSchema):
    """The parts to remove, and those to add afterwards."""

    add_parts = Lines(Object(PartLineIn), load_default=list)
    remove_parts = Lines(LineOff(), load_default=list)


class TicketQuery(PageQuery):
    """The tickets that are wanted."""

    customer_id = QueryInteger(1, MAX_ID)
    mechanic_id = QueryInteger(1, MAX_ID)
    vin = Vin()
    from_ = IsoDate(data_key="from", attribute="from", metadata={"description": "First service date"})
    to = IsoDate(metadata={"description": "Last service date"})
    q = Text(255, 0, metadata={"description": f"Text to look for in the description. {SEARCH_LIMIT}"})


class TicketPartOut(OutputSchema, Schema):
    """A line of a ticket: a quantity of a part, at the price of the moment it first went on."""

    inventory_id = OutputInteger()
    name = OutputString(metadata={"example": "Brake pad, front"})
    quantity = OutputInteger(metadata=QUANTITY_EXAMPLE)
    unit_price = Money(attribute="unit_price_cents", dump_only=True)
    total = Money(attribute="total_cents", dump_only=True, metadata={"example": 199.6})


class TicketOut(OutputSchema, ma.SQLAlchemySchema):
    """A service ticket with its mechanics and parts, each by ascending id."""

    class Meta:
        model = ServiceTicket

    id = ma.auto_field()
    customer_id = ma.auto_field()  # Not last: idempotency.customer_reference() looks for the id and a comma.
    customer_name = OutputString(allow_none=True, metadata={"example": "Ann Driver"})
    service_date = IsoDate(metadata=DATE_EXAMPLE)
    description = ma.auto_field(metadata=DESCRIPTION_EXAMPLE)
    vin = ma.auto_field(metadata=VIN_EXAMPLE)
    mechanics = OutputList(MechanicReference)
    parts = OutputList(TicketPartOut)
    parts_total = Money(attribute="parts_total_cents", dump_only=True, metadata={"example": 199.6})
    created_at = Timestamp()
    updated_at = Timestamp()


class TicketChange(Subset, TicketIn):
    """Any subset of a ticket's own fields; other fields stay."""

    shown = TicketOut()

    class Meta:
        exclude = ("mechanic_ids", "parts")
