"""What a service ticket, its mechanics and its parts look like on the wire."""

from collections import Counter
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from app.blueprints.inventory.schemas import NamedOut
from app.models import MAX_ID, ServiceTicket
from app.utils.extensions import ma
from app.utils.fields import Day, Digits, Id, Ids, Lines, Money, Quantity, Text, Vin
from app.utils.pagination import SEARCH_BOUND, PageQuery
from app.utils.shown import Shown, ShownList, ShownNumber, ShownText, Timestamp

A_DAY, A_VIN = {"example": "2026-11-24"}, {"example": "1HGCM82633A004352"}
A_DESCRIPTION, A_QUANTITY = {"example": "Replace front brake pads"}, {"example": 4}
CREWS = {
    "the whole crew": {"value": {"mechanic_ids": [1, 2]}},
    "some come and go": {"value": {"add_mechanic_ids": [2], "remove_mechanic_ids": [1]}},
}
CHANGES = {
    "put on": {"value": {"add_parts": [{"inventory_id": 1, "quantity": 4}]}},
    "take off": {"value": {"remove_parts": [{"inventory_id": 1, "quantity": 1}]}},
    "another part instead": {"value": {"remove_parts": [1], "add_parts": [{"inventory_id": 2, "quantity": 4}]}},
    "take a whole line off": {"value": {"remove_parts": [2]}},
}
"""Examples of the changes that can be sent in more ways than one."""


class PartLineIn(Schema):
    """So many of a part."""

    inventory_id = Id(required=True)
    quantity = Quantity(load_default=1, metadata=A_QUANTITY)


class PartLineOff(Schema):
    """So many of a part that come off; without a quantity, the whole line."""

    inventory_id = Id(required=True)
    quantity = Quantity(load_default=lambda: None)  # A null may be a mistake: it takes no whole line.


class LineOff(fields.Nested):
    """A line that comes off: an object, or the bare id of a part."""

    def __init__(self) -> None:
        bare_id = {"type": "integer", "minimum": 1, "maximum": MAX_ID, "description": "Takes the whole line off"}
        super().__init__(PartLineOff, metadata={"anyOf": [bare_id]})

    def _deserialize(self, value: Any, attr: str | None, data: Any, *args: Any, **kwargs: Any) -> Any:
        return super()._deserialize({"inventory_id": value} if type(value) is int else value, attr, data, *args, **kwargs)


class TicketIn(Schema):
    """A new ticket; its parts leave the stock with it."""

    customer_id = Id(required=True)
    service_date = Day(required=True, metadata=A_DAY)
    description = Text(2000, breaks=True, required=True, metadata=A_DESCRIPTION)
    vin = Vin(required=True, metadata=A_VIN)
    mechanic_ids = Ids(load_default=list)
    parts = Lines(fields.Nested(PartLineIn), load_default=list)


class TicketChange(Schema):
    """Any subset of a ticket's fields; what is left out stays."""

    customer_id = Id()
    service_date = Day(metadata=A_DAY)
    description = Text(2000, breaks=True, metadata=A_DESCRIPTION)
    vin = Vin(metadata=A_VIN)


class CrewChange(Schema):
    """The whole new set of mechanics, or who comes and who goes."""

    mechanic_ids = Ids()
    add_mechanic_ids = Ids()
    remove_mechanic_ids = Ids()

    @validates_schema
    def one_way(self, change: dict[str, Any], **_: Any) -> None:
        if "mechanic_ids" in change and len(change) > 1:
            raise ValidationError("is the whole set; add and remove nobody beside it", "mechanic_ids")
        if set(change.get("add_mechanic_ids", ())) & set(change.get("remove_mechanic_ids", ())):
            raise ValidationError("has an id that is in add_mechanic_ids, too", "remove_mechanic_ids")


class PartsChange(Schema):
    """The parts that come off, and those that go on afterwards."""

    add_parts = Lines(fields.Nested(PartLineIn), load_default=list)
    remove_parts = Lines(LineOff(), load_default=list)


class TicketQuery(PageQuery):
    """Which tickets are wanted."""

    customer_id = Digits(1, MAX_ID)
    mechanic_id = Digits(1, MAX_ID)
    vin = Vin()
    from_ = Day(data_key="from", attribute="from", metadata={"description": "First service date"})
    to = Day(metadata={"description": "Last service date"})
    q = Text(255, 0, metadata={"description": f"Text to look for in the description. {SEARCH_BOUND}"})


class TicketPartOut(Shown, Schema):
    """A line of a ticket: so many of a part, at the price of the moment it first went on."""

    inventory_id = ShownNumber()
    name = ShownText(metadata={"example": "Brake pad, front"})
    quantity = ShownNumber(metadata=A_QUANTITY)
    unit_price = Money(attribute="unit_price_cents", dump_only=True)
    total = Money(attribute="total_cents", dump_only=True, metadata={"example": 199.6})


class TicketOut(Shown, ma.SQLAlchemySchema):
    """A service ticket with its mechanics and parts, each by ascending id."""

    class Meta:
        model = ServiceTicket

    id = ma.auto_field()
    customer_id = ma.auto_field()
    service_date = Day(metadata=A_DAY)
    description = ma.auto_field(metadata=A_DESCRIPTION)
    vin = ma.auto_field(metadata=A_VIN)
    mechanics = ShownList(NamedOut)
    parts = ShownList(TicketPartOut)
    parts_total = Money(attribute="parts_total_cents", dump_only=True, metadata={"example": 199.6})
    created_at = Timestamp()
    updated_at = Timestamp()


def merged(lines: list[dict[str, Any]]) -> Counter[int]:
    """Lines of the same part added up: part id → count."""
    counts: Counter[int] = Counter()
    for line in lines:
        counts[line["inventory_id"]] += line["quantity"]
    return counts
