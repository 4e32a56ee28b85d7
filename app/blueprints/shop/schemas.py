"""The shop itself on the wire."""

from types import SimpleNamespace
from typing import Any
from zoneinfo import available_timezones

from marshmallow import Schema, ValidationError, post_load, validate, validates_schema

from app.blueprints.shop.codes import COUNTRIES, CURRENCIES
from app.models import MAX_CENTS
from app.utils.api.fields import Email, LatinText, Money, Percent, Phone, StrictBoolean, StrictInteger, Text
from app.utils.api.input import InputSchema, Object
from app.utils.api.output import OutputSchema

PREFIX = validate.Regexp(r"^[A-Z0-9-]*\Z", error="may hold A-Z, 0-9 and hyphens only")
RULE = validate.OneOf(("lesser", "greater"), error="must be lesser or greater")
COUNTRY = validate.OneOf(COUNTRIES, error="must be an ISO 3166 code of two letters, like US")
CURRENCY = validate.OneOf(CURRENCIES, error="must be an ISO 4217 code of a currency with two decimals, like USD")
TIME_ZONES = available_timezones()


def known_time_zone(name: str) -> None:
    if name not in TIME_ZONES:
        raise ValidationError("must be an IANA time zone, like America/New_York")


class SuppliesFee(InputSchema):
    """A fee for shop supplies, as a percentage of labor and parts."""

    percent = Percent(required=True)
    minimum = Money(attribute="minimum_cents", allow_none=True, load_default=None)
    maximum = Money(attribute="maximum_cents", allow_none=True, load_default=None)

    @validates_schema
    def minimum_up_to_maximum(self, fee: dict[str, Any], **_: Any) -> None:
        if (fee["minimum_cents"] or 0) > (MAX_CENTS if fee["maximum_cents"] is None else fee["maximum_cents"]):
            raise ValidationError("may not be above maximum", "minimum")


class EstimateTolerance(InputSchema):
    """The amount by which a bill may exceed the authorized one: a percentage, an amount, or the lesser or greater of both."""

    percent = Percent(allow_none=True, load_default=None)
    amount = Money(attribute="amount_cents", allow_none=True, load_default=None)
    rule = LatinText(10, load_default="lesser", validate=[RULE], metadata={"example": "lesser"})
    maximum = Money(attribute="maximum_cents", allow_none=True, load_default=None)


class ColumnGroup(Object):
    """An object out of the columns that begin with ``prefix``. None if its percentage is null and ``allow_none``."""

    def __init__(self, schema: type[Schema], prefix: str, **kwargs: Any) -> None:
        super().__init__(schema, **kwargs)
        self.columns = {
            field.attribute or name: f"{prefix}_{field.attribute or name}" for name, field in schema().fields.items()
        }

    def get_value(self, obj: Any, *_args: Any, **_kwargs: Any) -> Any:
        values = {name: getattr(obj, column) for name, column in self.columns.items()}
        return None if self.allow_none and values["percent"] is None else SimpleNamespace(**values)

    def columns_of(self, value: dict[str, Any] | None) -> dict[str, Any]:
        """Return the values of the columns for a loaded object."""
        return {column: (value or {}).get(name) for name, column in self.columns.items()}


class ShopChange(InputSchema):
    """Any subset of the shop's fields; other fields stay. An object is replaced whole."""

    name = Text(255, metadata={"example": "My Mechanic Shop"})
    address = Text(500, breaks=True, allow_none=True, metadata={"example": "1 Main Street\nSpringfield"})
    country = LatinText(2, validate=[COUNTRY], allow_none=True, metadata={"example": "US"})
    email = Email(allow_none=True, metadata={"example": "shop@example.com"})
    phone = Phone(allow_none=True)
    tax_number = Text(50, allow_none=True, metadata={"example": "12-3456789"})
    registration = Text(50, allow_none=True, metadata={"example": "ARD 123456"})
    currency = LatinText(3, validate=[CURRENCY], metadata={"example": "USD"})
    time_zone = LatinText(64, validate=[known_time_zone], metadata={"example": "America/New_York"})
    labor_rate = Money(attribute="labor_rate_cents")
    prices_include_tax = StrictBoolean(metadata={"example": False})
    supplies = ColumnGroup(SuppliesFee, "supplies", allow_none=True)
    estimate_days = StrictInteger(1, 365, metadata={"example": 30})
    estimate_tolerance = ColumnGroup(EstimateTolerance, "tolerance")
    payment_days = StrictInteger(0, 365, metadata={"example": 14})
    invoice_prefix = LatinText(10, 0, validate=[PREFIX], metadata={"example": "INV-"})
    credit_note_prefix = LatinText(10, 0, validate=[PREFIX], metadata={"example": "CN-"})
    document_footer = Text(1000, breaks=True, allow_none=True, metadata={"example": "Thank you."})

    @post_load
    def flatten_objects(self, changes: dict[str, Any], **_: Any) -> dict[str, Any]:
        for name in ("supplies", "estimate_tolerance"):
            if name in changes:
                changes |= self.fields[name].columns_of(changes.pop(name))  # type: ignore[attr-defined]
        return changes


class ShopOut(OutputSchema, ShopChange):
    """The shop. It always exists, with defaults until an admin changes them."""
