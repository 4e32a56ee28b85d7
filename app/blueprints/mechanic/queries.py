"""Read mechanics."""

from sqlalchemy import func, select

from app.blueprints.records import listing_of, reader_of
from app.models import mechanics, service_tickets, ticket_mechanics
from app.utils.api.pagination import Listing

COLUMNS = ("id", "name", "email", "phone", "role", "salary_cents")
MECHANICS = listing_of(mechanics, COLUMNS)
read_mechanic = reader_of(MECHANICS)
COUNTS = (
    select(ticket_mechanics.c.mechanic_id, func.count().label("ticket_count"))
    .join_from(ticket_mechanics, service_tickets, service_tickets.c.id == ticket_mechanics.c.ticket_id)
    .where(service_tickets.c.deleted_at.is_(None))
    .group_by(ticket_mechanics.c.mechanic_id)
    .subquery()
)
TICKET_COUNT = func.coalesce(COUNTS.c.ticket_count, 0)
POPULAR_MECHANICS = Listing(
    MECHANICS.rows.outerjoin(COUNTS, COUNTS.c.mechanic_id == mechanics.c.id).add_columns(TICKET_COUNT.label("ticket_count")),
    mechanics.c.id,
    (-TICKET_COUNT, mechanics.c.id),
)
