"""The tables of service tickets, their mechanics and their parts."""

from datetime import date

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Model
from app.models.base import TABLE_OPTIONS, Record
from app.models.search import search_column


class ServiceTicket(Record, Model):
    """The work on a car on one day."""

    __tablename__ = "service_tickets"
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    service_date: Mapped[date]
    description: Mapped[str] = mapped_column(String(2000))
    vin: Mapped[str] = mapped_column(String(50))
    search: Mapped[str | None] = search_column("description")
    # Lists are in descending order of service date and id: each index is read backwards. The first index is unique, as
    # ids are, so that a foreign key can refer to both columns.
    __table_args__ = (
        Index("ix_service_tickets_newest", "service_date", "id", unique=True),
        Index("ix_service_tickets_customer", "customer_id", "service_date", "id"),
        Index("ix_service_tickets_vin", "vin", "service_date", "id"),
        TABLE_OPTIONS,
    )


class TicketMechanic(Model):
    """A mechanic on a ticket. The foreign key copies the ticket's date, so that an index finds a mechanic's newest tickets."""

    __tablename__ = "ticket_mechanics"
    ticket_id: Mapped[int] = mapped_column(primary_key=True)
    mechanic_id: Mapped[int] = mapped_column(ForeignKey("mechanics.id"), primary_key=True)
    service_date: Mapped[date]
    __table_args__ = (
        ForeignKeyConstraint(["service_date", "ticket_id"], [ServiceTicket.service_date, ServiceTicket.id], onupdate="CASCADE"),
        Index("ix_ticket_mechanics_newest", "mechanic_id", "service_date", "ticket_id"),
        TABLE_OPTIONS,
    )


class TicketPart(Model):
    """A line of a ticket: a quantity of a part, at the part's price when it first went on the ticket."""

    __tablename__ = "ticket_parts"
    ticket_id: Mapped[int] = mapped_column(ForeignKey("service_tickets.id"), primary_key=True)
    inventory_id: Mapped[int] = mapped_column(ForeignKey("inventory.id"), primary_key=True)
    quantity: Mapped[int]
    unit_price_cents: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (
        CheckConstraint("quantity > 0", "quantity_positive"),
        Index("ix_ticket_parts_part", "inventory_id"),
        TABLE_OPTIONS,
    )


service_tickets = ServiceTicket.__table__
ticket_mechanics = TicketMechanic.__table__
ticket_parts = TicketPart.__table__
