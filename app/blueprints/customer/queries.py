"""Read customers."""

from app.blueprints.records import listing_of, reader_of
from app.models import customers

CUSTOMERS = listing_of(customers, ("id", "name", "email", "phone", "created_at"))
read_customer = reader_of(CUSTOMERS)
