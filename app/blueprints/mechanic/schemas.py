"""What a mechanic looks like on the wire, coming in and going out."""

from typing import Any

from marshmallow import Schema, fields, post_dump, validate

from app.models import Mechanic
from app.utils.auth import caller
from app.utils.extensions import ma
from app.utils.fields import Email, Money, Password, Phone, Text
from app.utils.shown import Shown

ROLES = validate.OneOf(("mechanic", "admin"), error="must be mechanic or admin")
A_NAME, AN_EMAIL = {"example": "Max Wrench"}, {"example": "max@example.com"}
A_SALARY, A_ROLE = {"example": 40000}, {"example": "mechanic"}


class MechanicIn(Schema):
    """A new mechanic. Without a password they can't sign in."""

    name = Text(255, required=True, metadata=A_NAME)
    email = Email(required=True, metadata=AN_EMAIL)
    phone = Phone(required=True)
    salary = Money(required=True, attribute="salary_cents", metadata=A_SALARY)
    password = Password()
    role = Text(10, load_default="mechanic", validate=[ROLES], metadata=A_ROLE)


class MechanicChange(Schema):
    """Any subset of a mechanic's fields; what is left out stays."""

    name = Text(255, metadata=A_NAME)
    email = Email(metadata=AN_EMAIL)
    phone = Phone()
    salary = Money(attribute="salary_cents", metadata=A_SALARY)
    password = Password()
    role = Text(10, validate=[ROLES], metadata=A_ROLE)


class MechanicOut(Shown, ma.SQLAlchemySchema):
    """A mechanic; the salary only for an admin and for themselves."""

    class Meta:
        model = Mechanic

    id = ma.auto_field()
    name = ma.auto_field(metadata=A_NAME)
    email = ma.auto_field(allow_none=False, metadata=AN_EMAIL)
    phone = ma.auto_field(metadata={"example": "555-0100"})
    role = ma.auto_field(metadata=A_ROLE | {"enum": ["mechanic", "admin"]})
    salary = Money(attribute="salary_cents", allow_none=True, dump_only=True, metadata=A_SALARY)

    def on_bind_field(self, name: str, field: fields.Field[Any]) -> None:
        field.required = name != "salary"

    @post_dump
    def hide_salary(self, shown: dict[str, Any], **_: Any) -> dict[str, Any]:
        if not caller().is_admin and shown["id"] != caller().id:
            del shown["salary"]
        return shown
