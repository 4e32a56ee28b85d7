"""What a mechanic looks like on the wire, coming in and going out."""

from typing import Any

from marshmallow import Schema, fields, post_dump, validate

from app.models import Mechanic
from app.utils.auth import caller
from app.utils.extensions import ma
from app.utils.fields import Email, Money, Password, Phone, Text
from app.utils.shown import Shown

ROLES = validate.OneOf(("mechanic", "admin"), error="must be mechanic or admin")


class MechanicIn(Schema):
    """A new mechanic. Without a password they can't sign in."""

    name = Text(255, required=True, metadata={"example": "Max Wrench"})
    email = Email(required=True)
    phone = Phone(required=True)
    salary = Money(required=True, attribute="salary_cents")
    password = Password()
    role = Text(10, load_default="mechanic", validate=[ROLES])


class MechanicChange(Schema):
    """Any subset of a mechanic's fields; what is left out stays."""

    name = Text(255, metadata={"example": "Max Wrench"})
    email = Email()
    phone = Phone()
    salary = Money(attribute="salary_cents")
    password = Password()
    role = Text(10, validate=[ROLES])


class MechanicOut(Shown, ma.SQLAlchemySchema):
    """A mechanic; the salary only for an admin and for themselves."""

    class Meta:
        model = Mechanic

    id = ma.auto_field()
    name = ma.auto_field()
    email = ma.auto_field(allow_none=False)
    phone = ma.auto_field()
    role = ma.auto_field(metadata={"enum": ["mechanic", "admin"]})
    salary = Money(attribute="salary_cents", allow_none=True, dump_only=True)

    def on_bind_field(self, name: str, field: fields.Field[Any]) -> None:
        field.required = name != "salary"

    @post_dump
    def hide_salary(self, shown: dict[str, Any], **_: Any) -> dict[str, Any]:
        if not caller().is_admin and shown["id"] != caller().id:
            del shown["salary"]
        return shown
