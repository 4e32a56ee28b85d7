"""Create and change tickets. Their mechanics and parts change in ``ticket_mechanics.py`` and ``ticket_parts.py``."""

from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from app.models import customers, service_tickets
from app.utils.db.statements import execute, fetch_one, inserted_id, update_if_changed
from app.utils.errors import Invalid

CUSTOMER = select(customers.c.id).where(customers.c.id == bindparam("of_customer"), customers.c.deleted_at.is_(None))
CURRENT = select(service_tickets.c.customer_id).where(service_tickets.c.id == bindparam("ticket_id"))
TICKET_VALUES: dict[str, Any] = {name: bindparam(name) for name in ("service_date", "description", "vin")}
INSERT_TICKET = insert(service_tickets).values(customer_id=CUSTOMER.scalar_subquery(), **TICKET_VALUES)
NO_CUSTOMER = {"customer_id": "must be the id of a customer"}


def add_ticket(customer_id: int, values: dict[str, Any]) -> int:
    """Insert a ticket and return its id. Raise Invalid if the customer is missing or deleted."""
    try:
        return inserted_id(execute(INSERT_TICKET, values | {"of_customer": customer_id}))
    except IntegrityError as error:
        if "customer_id" not in str(error.orig):
            raise
        raise Invalid(NO_CUSTOMER) from None  # service_tickets.customer_id is NOT NULL.


def change_ticket(ticket_id: int, changes: dict[str, Any]) -> None:
    """Change a locked ticket. Raise Invalid for a new customer who is missing or deleted."""
    current: Any = fetch_one(CURRENT, {"ticket_id": ticket_id})
    new = changes.get("customer_id", current.customer_id)
    # A concurrent delete of the customer may still win; the ticket then keeps the customer.
    if new != current.customer_id and fetch_one(CUSTOMER, {"of_customer": new}) is None:
        raise Invalid(NO_CUSTOMER)
    update_if_changed(service_tickets, ticket_id, changes)
