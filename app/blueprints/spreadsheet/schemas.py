"""The queries of the CSV lists: the filters of the lists, without pages."""

from app.blueprints.service_ticket.schemas import TicketQuery
from app.utils.api.fields import Text
from app.utils.api.pagination import SearchQuery

PAGE_FIELDS = ("page", "per_page", "after")


class PartsCsvQuery(SearchQuery):
    """The parts that are wanted."""

    class Meta(SearchQuery.Meta):
        exclude = PAGE_FIELDS

    q = Text(255, 0, metadata={"description": "Text to look for, however long that takes"})


class TicketsCsvQuery(TicketQuery):
    """The tickets that are wanted."""

    class Meta(TicketQuery.Meta):
        exclude = PAGE_FIELDS

    q = Text(255, 0, metadata={"description": "Text to look for in the description, however long that takes"})
