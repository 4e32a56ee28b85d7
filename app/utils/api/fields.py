"""The fields of requests: what each accepts.

marshmallow's own fields accept ``"1_000"`` as a number and full-width digits as an id. Messages say what is wrong in
words that a person can act on, and never repeat the value.
"""

import re
from decimal import Decimal
from typing import Any
from unicodedata import normalize

import orjson
from marshmallow import ValidationError, fields, validate

from app.models import MAX_CENTS, MAX_COUNT, MAX_ID
from app.models.search import INVISIBLE, characters
from config import PLAIN_EMAIL

SPACES = characters("20 A0 1680 2000-200A 202F 205F 3000")
OVERRIDES = characters("202D-202E")
VARIANTS = characters("FE00-FE0F E0020-E007F E0100-E01EF")  # Variation selectors and tags: part of the preceding emoji.
TRIMMED_BEFORE = "".join(sorted({*SPACES, *INVISIBLE, *"\t\r\n"} - {*OVERRIDES}))
TRIMMED_AFTER = "".join(sorted({*TRIMMED_BEFORE} - {*VARIANTS}))
"""White space and invisible characters, which are trimmed at both ends of a text."""
BREAKS, CONTROLS, BIDI_CONTROLS = r"\x0A\x0D\u2028\u2029", r"\x00-\x09\x0B\x0C\x0E-\x1F\x7F-\x9F", r"\u202A-\u202E\u2066-\u2069"
"""Characters that a text may not hold, in regular expressions of Python and of the OpenAPI document (ECMA-262) alike: line
breaks, control characters, and those that turn the direction of a text, so that it reads as another one."""
SURROGATES = r"\uD800-\uDFFF"
INVISIBLE_PATTERN = (
    r"\xAD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u2060-\u206F\u2800\u3164\uFEFF\uFFA0\uFFF0-\uFFFB"
)
"""The invisible characters that a trimmed text neither begins nor ends with, in the OpenAPI document."""
HYPHENS = characters("2010-2015 2212")
PLAIN_PHONE = str.maketrans(dict.fromkeys(SPACES, " ") | dict.fromkeys(HYPHENS, "-"))
EXACT_FLOAT = 10**15  # Below this integer, the shortest form of a float is the exact number. Only sums of money are above.

MESSAGES: dict[str, Any] = {
    "required": "is required",
    "null": "may not be null",
    "invalid": "must be a string",
    "latin": "must be written in Latin letters (A-Z) and digits (0-9)",  # А and １ look right, and are others.
}


def trim(text: str) -> str:
    """Return a text without white space and invisible characters at both ends."""
    return text.lstrip(TRIMMED_BEFORE).rstrip(TRIMMED_AFTER)


class PassThrough:
    """A mixin for fields whose value orjson can write without conversion."""

    attribute: str | None

    def serialize(self, attr: str, obj: Any, accessor: Any = None, **kwargs: Any) -> Any:
        return getattr(obj, self.attribute or attr)


class ComposedLength(validate.Length):
    """The length of a text in composed letters (NFC), in which passwords are hashed."""

    def __call__(self, value: Any) -> Any:
        super().__call__(normalize("NFC", value))
        return value


class Text(fields.String):
    """Text of ``low`` to ``high`` characters after trimming, without control characters; with line breaks if ``breaks``."""

    default_error_messages = MESSAGES | {"control": "may not hold control characters"}
    length = validate.Length
    forbidden = CONTROLS + BIDI_CONTROLS
    latin = False

    def __init__(self, high: int, low: int = 1, *, breaks: bool = False, **kwargs: Any) -> None:
        size = self.length(low, high, error=f"must have {low} to {high} characters")
        forbidden = self.forbidden if breaks else self.forbidden + BREAKS
        kwargs["metadata"] = {"pattern": self.pattern(forbidden, low)} | kwargs.get("metadata", {})
        super().__init__(validate=[size, *kwargs.pop("validate", [])], **kwargs)
        self.control = re.compile(f"[{forbidden}{SURROGATES}]")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        text = self.clean(value)
        if self.control.search(text):
            raise self.make_error("control")
        if self.latin and not text.isascii():
            raise self.make_error("latin")
        return text

    def clean(self, value: str) -> str:
        return trim(value)

    def pattern(self, forbidden: str, low: int) -> str:
        """Return the pattern of the trimmed text for the OpenAPI document."""
        trimmed = rf"[^\s{forbidden}{INVISIBLE_PATTERN}\uFE00-\uFE0F]([^{forbidden}]*[^\s{forbidden}{INVISIBLE_PATTERN}])?"
        return f"^{trimmed}$" if low else f"^({trimmed})?$"


class LatinText(Text):
    """A text out of Latin letters, digits and signs, such as a code or one of a few words."""

    latin = True


class Email(LatinText):
    """A plain address (``user@host.tld``), kept in lower case."""

    def __init__(self, **kwargs: Any) -> None:
        shown = PLAIN_EMAIL.pattern.replace("a-z", "A-Za-z")
        documented = {"format": "email", "pattern": f"^{shown}$", "example": "ann@example.com"}
        kwargs["metadata"] = documented | kwargs.get("metadata", {})
        super().__init__(255, 3, validate=[self.is_plain], **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return super()._deserialize(value, attr, data, **kwargs).lower()

    def is_plain(self, value: str) -> None:
        if value and not PLAIN_EMAIL.fullmatch(value):
            raise ValidationError("must be an email address like ann@example.com")


class Phone(LatinText):
    """3–20 characters out of digits, spaces and ``+()-.x``; other spaces and hyphens become these."""

    def __init__(self, **kwargs: Any) -> None:
        plain = validate.Regexp(r"^[0-9 +().x-]*\Z", error="may hold digits, spaces and +()-.x only")
        kwargs.setdefault("metadata", {"pattern": r"^[0-9+().x-][0-9 +().x-]+[0-9+().x-]$", "example": "555-0100"})
        super().__init__(20, 3, validate=[plain], **kwargs)

    def clean(self, value: str) -> str:
        return trim(value).translate(PLAIN_PHONE)


class Vin(LatinText):
    """A vehicle identification number: 1–50 letters, digits and hyphens, kept in upper case."""

    def __init__(self, **kwargs: Any) -> None:
        plain = validate.Regexp(r"^[A-Za-z0-9-]*\Z", error="may hold letters, digits and hyphens only")
        kwargs["metadata"] = {"pattern": "^[A-Za-z0-9-]+$"} | kwargs.get("metadata", {})
        super().__init__(50, validate=[plain], **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return super()._deserialize(value, attr, data, **kwargs).upper()


class Password(Text):
    """8–128 characters, never trimmed and never in a response."""

    length = ComposedLength
    forbidden = CONTROLS

    def __init__(self, low: int = 8, **kwargs: Any) -> None:
        kwargs.setdefault("metadata", {"format": "password", "example": "correct horse battery"})
        super().__init__(128, low, load_only=True, **kwargs)

    def clean(self, value: str) -> str:
        return value

    def pattern(self, forbidden: str, low: int) -> str:
        return f"^[^{forbidden}]*$"


class StrictInteger(fields.Integer):
    """A JSON integer from ``low`` to ``high``: ``1.0``, ``"1"`` and ``true`` are refused."""

    def __init__(self, low: int, high: int, **kwargs: Any) -> None:
        kwargs["error_messages"] = MESSAGES | {"invalid": "must be a whole number"}
        super().__init__(validate=validate.Range(low, high, error=f"must be from {low} to {high}"), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if type(value) is not int:
            raise self.make_error("invalid")
        return value


class StrictBoolean(fields.Boolean):
    """JSON's true or false: ``1`` and ``"true"`` are refused."""

    default_error_messages = MESSAGES | {"invalid": "must be true or false"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if type(value) is not bool:
            raise self.make_error("invalid")
        return value


class Id(StrictInteger):
    """The id of a record, which may not exist."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("metadata", {"example": 1})
        super().__init__(1, MAX_ID, **kwargs)


class Quantity(StrictInteger):
    """A count of a part, at most 2,147,483,647."""

    def __init__(self, low: int = 1, **kwargs: Any) -> None:
        super().__init__(low, MAX_COUNT, **kwargs)


class FixedPoint(fields.Float):
    """A number from 0 to ``maximum`` with a fixed number of decimals, stored as an integer of its last decimal."""

    def __init__(self, maximum: int, places: int, most: str, words: str, **kwargs: Any) -> None:
        kwargs["error_messages"] = MESSAGES | {"invalid": "must be a number"}
        # In words: as multipleOf, validators that compute with floats refuse 19.99.
        limits = {"maximum": maximum / 10**places, "description": f"At most {words} decimals"}
        kwargs["metadata"] = {"minimum": 0} | ({} if kwargs.get("dump_only") else limits) | kwargs.get("metadata", {})
        super().__init__(**kwargs)
        self.maximum, self.places, self.most, self.words = maximum, places, most, words

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if type(value) is not int and not isinstance(value, Decimal):
            raise self.make_error("invalid")
        if not 0 <= value <= Decimal(self.maximum).scaleb(-self.places):
            raise ValidationError(f"must be from 0 to {self.most}")
        _, digits, exponent = Decimal(value).as_tuple()
        if isinstance(exponent, int) and exponent < -self.places and any(digits[exponent + self.places :]):
            raise ValidationError(f"may have {self.words} decimals at most")
        return int(value * 10**self.places)

    def serialize(self, attr: str, obj: Any, accessor: Any = None, **kwargs: Any) -> Any:
        stored = getattr(obj, self.attribute or attr)
        if stored is None or stored < EXACT_FLOAT:
            return None if stored is None else stored / 10**self.places
        whole, rest = divmod(stored, 10**self.places)
        return orjson.Fragment(f"{whole}.{rest:0{self.places}}")


class Money(FixedPoint):
    """An amount from 0 to 99,999,999.99 with at most two decimals, stored in cents. A total has no maximum."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs["metadata"] = {"example": 49.9} | kwargs.get("metadata", {})
        super().__init__(MAX_CENTS, 2, "99,999,999.99", "two", **kwargs)


class Percent(FixedPoint):
    """A percentage from 0 to 100 with at most four decimals, stored in ten-thousandths of a percent."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs["metadata"] = {"example": 7.5} | kwargs.get("metadata", {})
        super().__init__(1_000_000, 4, "100", "four", **kwargs)


class IsoDate(PassThrough, fields.Date):
    """A date like ``2026-11-24``."""

    default_error_messages = MESSAGES | {"invalid": "must be a date like 2026-11-24"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise self.make_error("latin" if isinstance(value, str) and not value.isascii() else "invalid")
        return super()._deserialize(value, attr, data, **kwargs)


class QueryInteger(StrictInteger):
    """An integer of a query string: ASCII digits, from ``low`` to ``high``."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not re.fullmatch(r"0|[1-9][0-9]{0,17}", value):
            raise self.make_error("invalid" if value.isascii() else "latin")
        return int(value)


class Lines(fields.List[Any]):
    """At most 100 lines of parts."""

    def __init__(self, line: Any, most: int = 100, noun: str = "lines", **kwargs: Any) -> None:
        kwargs["error_messages"] = MESSAGES | {"invalid": f"must be a list of {noun}"}
        self.size = validate.Length(max=most, error=f"may have {most} {noun} at most")
        super().__init__(line, validate=self.size, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list):
            self.size(value)  # Before 10,000 lines are validated.
        return super()._deserialize(value, attr, data, **kwargs)


class Ids(Lines):
    """At most 50 ids, loaded in ascending order without duplicates."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Id(), 50, "ids", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        return sorted(set(super()._deserialize(value, attr, data, **kwargs)))
