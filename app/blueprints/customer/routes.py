"""Customers: they register themselves, and see and change their own record; staff see all."""

from typing import Any

from sqlalchemy import select

from app.blueprints.customer.schemas import A_CHANGE, CustomerChange, CustomerIn, CustomerOut, LoginIn, TokenOut
from app.models import customers
from app.utils.accounts import DELETED_CUSTOMER, EmailTaken, create_account, delete_account, log_in, update_account, with_hash
from app.utils.auth import allow, caller, require_owner
from app.utils.blueprint import Blueprint, conflict, signs_in
from app.utils.conditional import NEVER_STORED, lock_current
from app.utils.database import fetch_one, transaction
from app.utils.errors import Forbidden, NotFound
from app.utils.idempotency import idempotent
from app.utils.limits import address, limit_tries, login_account
from app.utils.pagination import Listing, SearchQuery, matching

blp = Blueprint("customer", __name__, url_prefix="/customers", description="Who brings the cars")

SHOWN = (customers.c.id, customers.c.name, customers.c.email, customers.c.phone, customers.c.created_at)
LIVE = customers.c.deleted_at.is_(None)
ALL = Listing(
    select(*SHOWN).where(LIVE),
    customers.c.id,
    (customers.c.id,),
    filters={"q": matching(customers.c.name, customers.c.email, customers.c.phone)},
)
ONE = select(*SHOWN).where(LIVE)


def read_customer(customer_id: int) -> Any:
    """The customer as the caller may see them; raise NotFound."""
    require_owner(customer_id)
    customer = fetch_one(ONE.where(customers.c.id == customer_id))
    if customer is None:
        raise NotFound
    return customer


@blp.post("")
@allow("anyone")
@transaction
@idempotent
@limit_tries("LIMIT_REGISTER", address)
@conflict("The email is taken.", email=EmailTaken())
@blp.arguments(CustomerIn)
@blp.response(201, CustomerOut)
def register_customer(new: dict[str, Any]) -> Any:
    """Register as a customer."""
    customer_id = create_account(customers, with_hash(new))
    return fetch_one(ONE.where(customers.c.id == customer_id)), {"Location": f"/customers/{customer_id}"}


@blp.post("/login")
@allow("anyone")
@limit_tries("LIMIT_LOGIN", address, login_account)
@signs_in
@blp.arguments(LoginIn)
@blp.response(200, TokenOut)
def log_in_customer(credentials: dict[str, Any]) -> Any:
    """Sign in as a customer."""
    return log_in(customers, **credentials), NEVER_STORED


@blp.get("")
@allow("mechanic", "admin")
@blp.arguments(SearchQuery, location="query")
@blp.response(200, CustomerOut(many=True))
def list_customers(query: dict[str, Any]) -> Any:
    """List the customers; `q` looks in name, email and phone."""
    return ALL.read(query)


@blp.get("/<id:customer_id>")
@allow("customer", "mechanic", "admin")
@blp.response(200, CustomerOut)
def get_customer(customer_id: int) -> Any:
    """Show a customer."""
    return read_customer(customer_id)


@blp.put("/<id:customer_id>")
@allow("customer", "mechanic", "admin")
@transaction
@conflict("The email is taken.", email=EmailTaken())
@blp.arguments(CustomerChange, example=A_CHANGE)
@blp.response(200, CustomerOut)
def update_customer(changes: dict[str, Any], customer_id: int) -> Any:
    """Change a customer; the password only by themselves or an admin."""
    require_owner(customer_id)
    if "password" in changes and caller().role == "mechanic":
        raise Forbidden("Only the customer or an admin may set the password.")
    columns = with_hash(changes)
    lock_current(customers, customer_id, CustomerOut, read_customer)
    update_account(customers, customer_id, columns)
    return read_customer(customer_id)


@blp.delete("/<id:customer_id>")
@allow("customer", "admin")
@transaction
@blp.response(204)
def delete_customer(customer_id: int) -> None:
    """Delete a customer: their personal data is erased, their tickets stay."""
    require_owner(customer_id)
    lock_current(customers, customer_id, CustomerOut, read_customer)
    delete_account(customers, customer_id, name=DELETED_CUSTOMER)
