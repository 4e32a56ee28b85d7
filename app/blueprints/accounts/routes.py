"""The caller's own account."""

from flask import Response, jsonify

from app.blueprints.customer.queries import read_customer
from app.blueprints.customer.schemas import CustomerAccountOut
from app.blueprints.mechanic.queries import read_mechanic
from app.blueprints.mechanic.schemas import MechanicOut
from app.utils.api.blueprint import Blueprint, schema_example
from app.utils.auth.policy import allow
from app.utils.context import caller

blp = Blueprint("account", __name__, description="The caller's own account")


@blp.get("/me")
@allow("customer", "mechanic", "admin")
@blp.response(200, {"anyOf": [CustomerAccountOut, MechanicOut]}, example=schema_example(CustomerAccountOut()))
def get_own_account() -> Response:
    """Show the caller's own record, and their role."""
    if caller().is_staff:
        return jsonify(MechanicOut().dump(read_mechanic(caller().id)))
    return jsonify(CustomerAccountOut().dump(read_customer(caller().id)))
