"""Which records of a list are wanted: its filters, but no pages, since a file holds them all."""

from app.blueprints.service_ticket.schemas import TicketQuery
from app.utils.pagination import SearchQuery

PAGES = ("page", "per_page", "after")


class PartsWanted(SearchQuery):
    """Which parts are wanted."""

    class Meta(SearchQuery.Meta):
        exclude = PAGES


class TicketsWanted(TicketQuery):
    """Which tickets are wanted."""

    class Meta(TicketQuery.Meta):
        exclude = PAGES
