"""``flask --app run demo --tickets 50000``: fill an empty database with a shop to look at and to measure.

Each row follows from its number, so that a number of tickets gives the same shop on every database. All rows, with the
ledger as the routes would write it, are written in one transaction: a command that is killed leaves nothing.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any

import click
from flask import current_app
from sqlalchemy import Connection, delete, literal, select

from app.commands.bulk import finish, write
from app.commands.errors import exit_with_message
from app.commands.words import counted
from app.extensions import db
from app.models import (
    customers,
    inventory,
    mechanics,
    search_value,
    service_tickets,
    stock_movements,
    ticket_mechanics,
    ticket_parts,
)
from app.startup.prepare import prepare
from app.utils.db.startup_lock import startup_lock

OPENED = datetime(2024, 1, 1, 8)
RECEIVED, USED = 100_000_000, 20  # The first stock of each part, and what a ticket uses of a part.
BATCH_SIZE = 5000  # Rows of one statement.
TABLES = (customers, mechanics, inventory, service_tickets, ticket_mechanics, ticket_parts, stock_movements)
Row = dict[str, Any]


class NotEmpty(Exception):
    """The database holds a shop already. The text says what was found."""


class Demo:
    """The rows of a shop with a number of tickets, from which the other numbers follow.

    The numbers of mechanics and parts are multiples of five, so that a ticket never names one of them twice. ``admin``
    has the columns by which mechanic 1 signs in; empty if nobody can."""

    def __init__(self, tickets: int, admin: Row | None = None) -> None:
        self.tickets = tickets
        self.customers = max(10, tickets // 5)
        self.mechanics = max(5, tickets // 5000 * 5)
        self.parts = max(25, tickets // 125 * 5)
        self.admin = admin or {}
        numbers = (self.customers, self.mechanics, self.parts, tickets, 2 * tickets, 3 * tickets, self.parts + 3 * tickets)
        self.counts = dict(zip(TABLES, numbers, strict=True))
        """The number of rows of each table."""

    def day(self, ticket: int) -> datetime:
        return OPENED + timedelta(days=ticket % 700)  # The tickets are spread over 700 days.

    def price(self, part: int) -> int:
        return 500 + 37 * part % 50_000

    def lines(self) -> Iterator[tuple[int, int]]:
        """Yield the ids of ticket and part for each line of the tickets, in ascending order."""
        for ticket in range(1, self.tickets + 1):
            for part in sorted((7 * ticket + 131 * place) % self.parts + 1 for place in range(3)):
                yield ticket, part

    def customers_rows(self) -> Iterator[Row]:
        for number in range(1, self.customers + 1):
            yield person("Customer", number, "01")

    def mechanics_rows(self) -> Iterator[Row]:
        for number in range(1, self.mechanics + 1):
            job = {"role": "mechanic", "salary_cents": 4_000_000 + 10_000 * number}
            yield person("Mechanic", number, "02") | job | ({"role": "admin"} | self.admin if number == 1 else {})

    def inventory_rows(self) -> Iterator[Row]:
        used = Counter(part for _, part in self.lines())
        for number in range(1, self.parts + 1):
            named = {"id": number, "name": f"Part number {number}", "sku": f"SKU-{number:06}"}
            yield named | {"price_cents": self.price(number), "quantity": RECEIVED - USED * used[number]} | dated(OPENED)

    def service_tickets_rows(self) -> Iterator[Row]:
        for number in range(1, self.tickets + 1):
            asked = {"service_date": self.day(number).date(), "description": f"Brake inspection and oil change, visit {number}"}
            owned = {"id": number, "customer_id": 31 * number % self.customers + 1, "vin": f"VIN{number:014}"}
            yield owned | asked | dated(self.day(number))

    def ticket_mechanics_rows(self) -> Iterator[Row]:
        for ticket in range(1, self.tickets + 1):
            for mechanic in (ticket % self.mechanics + 1, (ticket + 17) % self.mechanics + 1):
                yield {"ticket_id": ticket, "mechanic_id": mechanic, "service_date": self.day(ticket).date()}

    def ticket_parts_rows(self) -> Iterator[Row]:
        for ticket, part in self.lines():
            yield {"ticket_id": ticket, "inventory_id": part, "quantity": USED, "unit_price_cents": self.price(part)}

    def stock_movements_rows(self) -> Iterator[Row]:
        """Yield the ledger: first what was received of each part, then what each ticket used."""
        received = ((OPENED, part, RECEIVED, None) for part in range(1, self.parts + 1))
        used = ((self.day(ticket), part, -USED, ticket) for ticket, part in self.lines())
        balances: Counter[int] = Counter()
        for number, (day, part, change, ticket) in enumerate(chain(received, used), 1):
            balances[part] += change
            moved = {"change": change, "balance": balances[part], "reason": "used" if ticket else "received"}
            yield {"id": number, "inventory_id": part, "ticket_id": ticket, "created_at": day} | moved


def person(kind: str, number: int, prefix: str) -> Row:
    """Return an account without a password."""
    reached = {"email": f"{kind.lower()}{number}@example.com", "phone": f"555-{prefix}{number % 10_000:04}"}
    return {"id": number, "name": f"{kind} {number}", "password_hash": None, "token_version": 1} | reached | dated(OPENED)


def dated(day: datetime) -> Row:
    return {"version": 1, "created_at": day, "updated_at": day, "deleted_at": None}


# ---------------------------------------------------------------- writing it
def fill(connection: Connection, demo: Demo) -> None:
    """Write the shop in the transaction of a connection, with a progress bar on a terminal."""
    connection.execute(delete(mechanics))
    with click.progressbar(length=sum(demo.counts.values()), label="Filling the shop") as bar:
        for table in TABLES:
            rows = (row | search_value(table, row) for row in getattr(demo, f"{table.name}_rows")())
            while batch := list(islice(rows, BATCH_SIZE)):
                write(connection, table, batch)
                bar.update(len(batch))
            if connection.dialect.name == "postgresql":  # Without statistics, a foreign key check may scan the whole table.
                connection.exec_driver_sql(f"ANALYZE {table.name}")


def first_admin(connection: Connection) -> Row:
    """Return the columns by which the first admin signs in; empty if there is no admin. Raise NotEmpty."""
    for table in TABLES:
        if table is not mechanics and connection.execute(select(literal(1)).select_from(table).limit(1)).first():
            raise NotEmpty(f"it has {table.name.replace('_', ' ')} already")
    found = connection.execute(select(mechanics).limit(2)).all()
    if len(found) > 1 or any(row.role != "admin" or row.deleted_at for row in found):
        raise NotEmpty("it has mechanics besides the first admin already")
    return {name: getattr(row, name) for row in found for name in ("email", "password_hash", "token_version")}


# ---------------------------------------------------------------- the command
@click.option("--tickets", type=click.IntRange(1, 10_000_000), default=200, show_default=True, help="How many tickets.")
@click.option("--if-empty", is_flag=True, help="Exit with 0 if the database is not empty.")
def demo(tickets: int, if_empty: bool) -> None:
    """Fill an empty database with a shop to look at: customers, mechanics, parts, tickets, and the stock's ledger.

    The first admin becomes mechanic 1, and keeps their email and password."""
    try:
        with exit_with_message():
            prepare(current_app)
            with db.engines["reads"].connect() as connection, startup_lock(connection):
                with db.engine.begin() as filled:
                    shop = Demo(tickets, first_admin(filled))
                    fill(filled, shop)
                finish(connection, TABLES)
                if connection.dialect.name == "postgresql":
                    connection.exec_driver_sql("VACUUM")  # For index-only scans.
    except NotEmpty as error:
        if not if_empty:
            raise click.ClickException(f"The database is not empty: {error}. Nothing was changed.") from None
        click.echo(f"The database is left as it is: {error}.")
        return
    people = f"{shop.customers:,} customers, {shop.mechanics:,} mechanics"
    click.echo(f"The shop has {people}, {shop.parts:,} parts and {counted(shop.tickets, 'ticket')}.")
    admin = shop.admin.get("email")
    click.echo(f"Sign in as {admin}, an admin." if admin else "Nobody can sign in: there was no first admin (ADMIN_EMAIL).")
