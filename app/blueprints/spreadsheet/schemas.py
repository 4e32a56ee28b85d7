"""Which records of a list are wanted: its filters, but no pages, since a file holds them all."""

from app.blueprints.service_ticket.schemas import TicketQuery
from app.utils.fields import Text
from app.utils.pagination import SearchQuery

PAGES = ("page", "per_page", "after")


class PartsWanted(SearchQuery):
    """Which parts are wanted."""

    class Meta(SearchQuery.Meta):
        exclude = PAGES

    q = Text(255, 0, metadata={"description": "Text to look for, however long that takes"})


class TicketsWanted(TicketQuery):
    """Which tickets are wanted."""

    class Meta(TicketQuery.Meta):
        exclude = PAGES

    q = Text(255, 0, metadata={"description": "Text to look for in the description, however long that takes"})
