"""How tickets are opened and changed. Their mechanics and parts change in ``mechanics.py`` and ``parts.py``."""

from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from app.blueprints.service_ticket.queries import read_ticket
from app.models import customers, service_tickets
from app.utils.db.statements import execute, fetch_one, update_if_changed
from app.utils.errors import Invalid

CUSTOMER = select(customers.c.id).where(customers.c.id == bindparam("of_customer"), customers.c.deleted_at.is_(None))
TICKET_VALUES: dict[str, Any] = {name: bindparam(name) for name in ("service_date", "description", "vin")}
INSERT_TICKET = insert(service_tickets).values(customer_id=CUSTOMER.scalar_subquery(), **TICKET_VALUES)


class NoCustomer(Invalid):
    def __init__(self) -> None:
        super().__init__({"customer_id": "names no customer"})


def add_ticket(customer_id: int, values: dict[str, Any]) -> int:
    """Insert a ticket and return its id. Raise NoCustomer if the customer is missing or deleted."""
    try:
        key = execute(INSERT_TICKET, values | {"of_customer": customer_id}).inserted_primary_key
    except IntegrityError as error:
        if "customer_id" not in str(error.orig):
            raise
        raise NoCustomer from None  # service_tickets.customer_id is NOT NULL.
    return int(key[0]) if key else 0


def change_ticket(ticket_id: int, changes: dict[str, Any]) -> None:
    """Change a locked ticket. Raise NoCustomer for a new customer who is missing or deleted."""
    current = read_ticket(ticket_id).customer_id
    new = changes.get("customer_id", current)
    # A concurrent delete of the customer may still win; the ticket then keeps the customer.
    if new != current and fetch_one(CUSTOMER, {"of_customer": new}) is None:
        raise NoCustomer
    update_if_changed(service_tickets, ticket_id, changes)
