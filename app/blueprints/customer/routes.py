"""Customers: they register, and see and change their own record; staff see all."""

from typing import Any

from sqlalchemy import bindparam, select

from app.blueprints.accounts import service as accounts
from app.blueprints.accounts.schemas import CHANGE_EXAMPLE, LoginIn, TokenOut
from app.blueprints.customer.queries import CUSTOMERS, read_customer
from app.blueprints.customer.schemas import CustomerChange, CustomerIn, CustomerOut
from app.models import customers, service_tickets
from app.utils.api.blueprint import Blueprint
from app.utils.api.etags import NO_STORE, lock_if_match
from app.utils.api.openapi import documented
from app.utils.api.pagination import SearchQuery
from app.utils.auth.policy import allow, require_owner
from app.utils.context import caller
from app.utils.db.statements import fetch_all
from app.utils.errors import Forbidden
from app.utils.limits.decorators import limit_attempts
from app.utils.write import write

LOCK_TICKETS = (
    select(service_tickets.c.id)
    .where(service_tickets.c.customer_id == bindparam("of_customer"))
    .order_by(service_tickets.c.id)
    .with_for_update()
)
blp = Blueprint("customer", __name__, url_prefix="/customers", description="The owners of the cars")


@blp.post("")
@allow("anyone")
@limit_attempts("LIMIT_REGISTER")
@blp.arguments(CustomerIn)
@blp.response(201, CustomerOut)
@write(idempotent=True, conflicts=[accounts.EmailTaken])
def register_customer(new: dict[str, Any]) -> Any:
    """Register as a customer."""
    customer_id = accounts.add_account(customers, accounts.with_hash(new))
    return read_customer(customer_id), {"Location": f"/customers/{customer_id}"}


@blp.post("/login")
@allow("anyone")
@limit_attempts("LIMIT_LOGIN")
@documented(issues_token=True)
@blp.arguments(LoginIn)
@blp.response(200, TokenOut)
def log_in_customer(credentials: dict[str, Any]) -> Any:
    """Sign in as a customer."""
    return accounts.log_in(customers, **credentials), NO_STORE


@blp.get("")
@allow("mechanic", "admin")
@blp.arguments(SearchQuery, location="query")
@blp.response(200, CustomerOut(many=True))
def list_customers(query: dict[str, Any]) -> Any:
    """List the customers; `q` looks in name, email and phone."""
    return CUSTOMERS.page(query)


@blp.get("/<id:customer_id>")
@allow("customer", "mechanic", "admin")
@blp.response(200, CustomerOut)
def get_customer(customer_id: int) -> Any:
    """Show a customer."""
    require_owner(customer_id)
    return read_customer(customer_id)


@blp.put("/<id:customer_id>")
@allow("customer", "mechanic", "admin")
@blp.arguments(CustomerChange, example=CHANGE_EXAMPLE)
@blp.response(200, CustomerOut)
@write(conflicts=[accounts.EmailTaken])
def update_customer(changes: dict[str, Any], customer_id: int) -> Any:
    """Change a customer; the password only by themselves or an admin."""
    require_owner(customer_id)
    if "password" in changes and caller().role == "mechanic":
        raise Forbidden("Only the customer or an admin may set the password.")
    columns = accounts.with_hash(changes)
    lock_if_match(customers, customer_id, CustomerOut, read_customer)
    accounts.change_account(customers, customer_id, columns)
    return read_customer(customer_id)


@blp.delete("/<id:customer_id>")
@allow("customer", "admin")
@blp.response(204)
@write()
def delete_customer(customer_id: int) -> None:
    """Delete a customer: their personal data is erased, their tickets stay."""
    require_owner(customer_id)
    lock_if_match(customers, customer_id, CustomerOut, read_customer)
    # A change of a ticket that is under way stores a response with the customer's name: wait for it, to find the response.
    fetch_all(LOCK_TICKETS, {"of_customer": customer_id})
    accounts.remove_account(customers, customer_id, name=accounts.DELETED_CUSTOMER)
