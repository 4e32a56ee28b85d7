"""Mechanics on the wire."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.blueprints.records import Subset
from app.extensions import ma
from app.models import Mechanic
from app.utils.api.fields import Email, LatinText, Money, Password, Phone, Text
from app.utils.api.input import InputSchema
from app.utils.api.output import OutputInteger, OutputSchema, OutputString
from app.utils.context import caller

ROLE = validate.OneOf(("mechanic", "admin"), error="must be mechanic or admin")
NAME_EXAMPLE, EMAIL_EXAMPLE = {"example": "Max Wrench"}, {"example": "max@example.com"}
SALARY_EXAMPLE, ROLE_EXAMPLE = {"example": 40000}, {"example": "mechanic"}


class MechanicIn(InputSchema):
    """A new mechanic. Without a password they can't sign in."""

    name = Text(255, required=True, metadata=NAME_EXAMPLE)
    email = Email(required=True, metadata=EMAIL_EXAMPLE)
    phone = Phone(required=True)
    salary = Money(required=True, attribute="salary_cents", metadata=SALARY_EXAMPLE)
    password = Password()
    role = LatinText(10, load_default="mechanic", validate=[ROLE], metadata=ROLE_EXAMPLE)


class MechanicOut(OutputSchema, ma.SQLAlchemySchema):
    """A mechanic; the salary only for an admin and for themselves."""

    class Meta:
        model = Mechanic

    id = ma.auto_field()
    name = ma.auto_field(metadata=NAME_EXAMPLE)
    email = ma.auto_field(allow_none=False, metadata=EMAIL_EXAMPLE)
    phone = ma.auto_field(metadata={"example": "555-0100"})
    role = ma.auto_field(metadata=ROLE_EXAMPLE | {"enum": ["mechanic", "admin"]})
    salary = Money(attribute="salary_cents", allow_none=True, dump_only=True, metadata=SALARY_EXAMPLE)

    def on_bind_field(self, name: str, field: fields.Field[Any]) -> None:
        field.required = name != "salary"

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        shown = super().dump(obj, many=many)
        if isinstance(shown, dict) and not caller().is_admin and shown["id"] != caller().id:
            del shown["salary"]
        return shown


class PopularMechanicOut(MechanicOut):
    """A mechanic, and the number of tickets that they are assigned to."""

    ticket_count = OutputInteger(metadata={"minimum": 0, "example": 12})


class MechanicChange(Subset, MechanicIn):
    """Any subset of a mechanic's fields; other fields stay."""

    shown = MechanicOut()


class MechanicReference(OutputSchema, Schema):
    """A mechanic in another record."""

    id = OutputInteger()
    name = OutputString(metadata=NAME_EXAMPLE)
