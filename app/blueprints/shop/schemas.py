"""The shop itself on the wire."""

from types import SimpleNamespace
from typing import Any
from zoneinfo import available_timezones

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from app.blueprints.shop.codes import COUNTRIES, CURRENCIES
from app.extensions import ma
from app.models import MAX_CENTS
from app.models.shop import Shop
from app.utils.api.fields import Code, Email, Flag, Money, Percent, Phone, StrictInteger, Text
from app.utils.api.output import OutputSchema

PREFIX = validate.Regexp(r"^[A-Z0-9-]*\Z", error="may hold A-Z, 0-9 and hyphens only")
RULE = validate.OneOf(("lesser", "greater"), error="must be lesser or greater")
COUNTRY = validate.OneOf(COUNTRIES, error="must be an ISO 3166 code of two letters, like US")
CURRENCY = validate.OneOf(CURRENCIES, error="must be an ISO 4217 code of a currency with two decimals, like USD")
TIME_ZONES = available_timezones()
FEE_COLUMNS = {"percent": "supplies_percent", "minimum": "supplies_minimum_cents", "maximum": "supplies_maximum_cents"}
TOLERANCE_COLUMNS = {
    "percent": "tolerance_percent",
    "amount": "tolerance_amount_cents",
    "rule": "tolerance_rule",
    "maximum": "tolerance_maximum_cents",
}
"""Field of an object → its column."""


def known_time_zone(name: str) -> None:
    if name not in TIME_ZONES:
        raise ValidationError("must be an IANA time zone, like America/New_York")


class SuppliesFee(Schema):
    """A fee for shop supplies, as a percentage of labor and parts."""

    percent = Percent(required=True)
    minimum = Money(allow_none=True, load_default=None)
    maximum = Money(allow_none=True, load_default=None)

    @validates_schema
    def minimum_up_to_maximum(self, fee: dict[str, Any], **_: Any) -> None:
        if (fee["minimum"] or 0) > (MAX_CENTS if fee["maximum"] is None else fee["maximum"]):
            raise ValidationError("may not be above maximum", "minimum")


class EstimateTolerance(Schema):
    """How far a bill may pass what was authorized: a percentage, an amount, or the lesser or greater of both."""

    percent = Percent(allow_none=True, load_default=None)
    amount = Money(allow_none=True, load_default=None)
    rule = Code(10, load_default="lesser", validate=[RULE], metadata={"example": "lesser"})
    maximum = Money(allow_none=True, load_default=None)


class ColumnGroup(fields.Nested):
    """An object out of several columns. None if its first column is null and ``allow_none``."""

    def __init__(self, schema: type[Schema], columns: dict[str, str], **kwargs: Any) -> None:
        super().__init__(schema, **kwargs)
        self.columns = columns

    def get_value(self, obj: Any, *_args: Any, **_kwargs: Any) -> Any:
        values = {name: getattr(obj, column) for name, column in self.columns.items()}
        return None if self.allow_none and values["percent"] is None else SimpleNamespace(**values)

    def columns_of(self, value: dict[str, Any] | None) -> dict[str, Any]:
        """Return the values of the columns for a loaded object."""
        return {column: (value or {}).get(name) for name, column in self.columns.items()}


EXAMPLES: dict[str, dict[str, Any]] = {
    "name": {"example": "My Mechanic Shop"},
    "address": {"example": "1 Main Street\nSpringfield"},
    "country": {"example": "US"},
    "email": {"example": "shop@example.com"},
    "phone": {"example": "555-0100"},
    "tax_number": {"example": "12-3456789"},
    "registration": {"example": "ARD 123456"},
    "currency": {"example": "USD"},
    "time_zone": {"example": "America/New_York"},
    "prices_include_tax": {"example": False},
    "estimate_days": {"example": 30},
    "payment_days": {"example": 14},
    "invoice_prefix": {"example": "INV-"},
    "credit_note_prefix": {"example": "CN-"},
    "document_footer": {"example": "Thank you."},
}


class ShopChange(Schema):
    """Any subset of the shop's fields; other fields stay. An object is replaced whole."""

    name = Text(255, metadata=EXAMPLES["name"])
    address = Text(500, breaks=True, allow_none=True, metadata=EXAMPLES["address"])
    country = Code(2, validate=[COUNTRY], allow_none=True, metadata=EXAMPLES["country"])
    email = Email(allow_none=True, metadata=EXAMPLES["email"])
    phone = Phone(allow_none=True)
    tax_number = Text(50, allow_none=True, metadata=EXAMPLES["tax_number"])
    registration = Text(50, allow_none=True, metadata=EXAMPLES["registration"])
    currency = Code(3, validate=[CURRENCY], metadata=EXAMPLES["currency"])
    time_zone = Code(64, validate=[known_time_zone], metadata=EXAMPLES["time_zone"])
    labor_rate = Money(attribute="labor_rate_cents")
    prices_include_tax = Flag(metadata=EXAMPLES["prices_include_tax"])
    supplies = ColumnGroup(SuppliesFee, FEE_COLUMNS, allow_none=True)
    estimate_days = StrictInteger(1, 365, metadata=EXAMPLES["estimate_days"])
    estimate_tolerance = ColumnGroup(EstimateTolerance, TOLERANCE_COLUMNS)
    payment_days = StrictInteger(0, 365, metadata=EXAMPLES["payment_days"])
    invoice_prefix = Code(10, 0, validate=[PREFIX], metadata=EXAMPLES["invoice_prefix"])
    credit_note_prefix = Code(10, 0, validate=[PREFIX], metadata=EXAMPLES["credit_note_prefix"])
    document_footer = Text(1000, breaks=True, allow_none=True, metadata=EXAMPLES["document_footer"])

    @post_load
    def flatten_objects(self, changes: dict[str, Any], **_: Any) -> dict[str, Any]:
        for name in ("supplies", "estimate_tolerance"):
            if name in changes:
                changes |= self.fields[name].columns_of(changes.pop(name))  # type: ignore[attr-defined]
        return changes


class ShopOut(OutputSchema, ma.SQLAlchemySchema):
    """The shop. It always exists, with defaults until an admin changes them."""

    class Meta:
        model = Shop

    name = ma.auto_field(metadata=EXAMPLES["name"])
    address = ma.auto_field(metadata=EXAMPLES["address"])
    country = ma.auto_field(metadata=EXAMPLES["country"])
    email = ma.auto_field(metadata=EXAMPLES["email"])
    phone = ma.auto_field(metadata=EXAMPLES["phone"])
    tax_number = ma.auto_field(metadata=EXAMPLES["tax_number"])
    registration = ma.auto_field(metadata=EXAMPLES["registration"])
    currency = ma.auto_field(metadata=EXAMPLES["currency"])
    time_zone = ma.auto_field(metadata=EXAMPLES["time_zone"])
    labor_rate = Money(attribute="labor_rate_cents", dump_only=True)
    prices_include_tax = ma.auto_field(metadata=EXAMPLES["prices_include_tax"])
    supplies = ColumnGroup(SuppliesFee, FEE_COLUMNS, allow_none=True)
    estimate_days = ma.auto_field(metadata=EXAMPLES["estimate_days"])
    estimate_tolerance = ColumnGroup(EstimateTolerance, TOLERANCE_COLUMNS)
    payment_days = ma.auto_field(metadata=EXAMPLES["payment_days"])
    invoice_prefix = ma.auto_field(metadata=EXAMPLES["invoice_prefix"])
    credit_note_prefix = ma.auto_field(metadata=EXAMPLES["credit_note_prefix"])
    document_footer = ma.auto_field(metadata=EXAMPLES["document_footer"])
