"""The tables of the shop, each as a model and as a table for Core statements."""

from typing import Any

from sqlalchemy import ColumnElement, Table, literal

from app.extensions import Model, db
from app.models.base import MAX_CENTS, MAX_COUNT, MAX_ID, Account, Record, utcnow
from app.models.customer import Customer, customers
from app.models.idempotency_key import IdempotencyKey, idempotency_keys
from app.models.inventory import Inventory, StockMovement, inventory, stock_movements
from app.models.known_address import KnownAddress, known_addresses
from app.models.mechanic import Mechanic, mechanics
from app.models.search import search_value
from app.models.service_ticket import ServiceTicket, TicketPart, service_tickets, ticket_mechanics, ticket_parts
from app.models.shop import Shop, shop

ACCOUNT_KINDS: dict[Table, str] = {customers: "customer", mechanics: "mechanic"}
ROLES: dict[Table, ColumnElement[Any]] = {customers: literal("customer").label("role"), mechanics: mechanics.c.role}
