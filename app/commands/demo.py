"""``flask --app run demo --tickets 50000``: fill an empty database with a shop to look at and to measure.

Each row follows from its number, so that a number of tickets gives the same shop on every database. All rows, with the
ledger as the routes would write it, are written in one transaction: a command that is killed leaves nothing.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import Connection, Table, delete, literal, select
from sqlalchemy.exc import DBAPIError

from app.commands.bulk import finish, write
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
from app.utils.db.startup_lock import CantStart, startup_lock

OPENED = date(2024, 1, 1)
DAYS = 700
"""The days that the tickets are spread over."""
RECEIVED, USED = 100_000_000, 20
"""The first stock of each part, and what a ticket uses of a part."""
BATCH_SIZE = 5000
"""Rows of one statement."""
TABLES = (customers, mechanics, inventory, service_tickets, ticket_mechanics, ticket_parts, stock_movements)
Row = dict[str, Any]


class NotEmpty(Exception):
    """The database holds a shop already. The text says what was found."""


def at_eight(day: date) -> datetime:
    return datetime.combine(day, time(8))


@dataclass(frozen=True)
class Demo:
    """The rows of a shop with a number of tickets, from which the other numbers follow.

    The numbers of mechanics and parts are multiples of five, so that a ticket never names one of them twice. ``admin``
    has the columns by which mechanic 1 signs in; empty if nobody can."""

    tickets: int
    admin: Row = field(default_factory=dict)

    @property
    def customers(self) -> int:
        return max(10, self.tickets // 5)

    @property
    def mechanics(self) -> int:
        return max(5, self.tickets // 5000 * 5)

    @property
    def parts(self) -> int:
        return max(25, self.tickets // 125 * 5)

    @property
    def counts(self) -> dict[Table, int]:
        """Return the number of rows of each table."""
        lines = {ticket_mechanics: 2 * self.tickets, ticket_parts: 3 * self.tickets}
        people = {customers: self.customers, mechanics: self.mechanics, inventory: self.parts, service_tickets: self.tickets}
        return people | lines | {stock_movements: self.parts + lines[ticket_parts]}

    def price(self, part: int) -> int:
        return 500 + 37 * part % 50_000

    def parts_on(self, ticket: int) -> list[int]:
        """Return the ids of the parts on a ticket, in ascending order."""
        return sorted((7 * ticket + 131 * place) % self.parts + 1 for place in range(3))

    def customers_rows(self) -> Iterator[Row]:
        for number in range(1, self.customers + 1):
            yield person("Customer", number, "01") | dated(OPENED)

    def mechanics_rows(self) -> Iterator[Row]:
        for number in range(1, self.mechanics + 1):
            job = {"role": "mechanic", "salary_cents": 4_000_000 + 10_000 * number}
            first = {"role": "admin"} | self.admin if number == 1 else {}
            yield person("Mechanic", number, "02") | job | first | dated(OPENED)

    def inventory_rows(self) -> Iterator[Row]:
        tickets_with = Counter(part for ticket in range(1, self.tickets + 1) for part in self.parts_on(ticket))
        for number in range(1, self.parts + 1):
            named = {"id": number, "name": f"Part number {number}", "sku": f"SKU-{number:06}"}
            left = RECEIVED - USED * tickets_with[number]
            yield named | {"price_cents": self.price(number), "quantity": left} | dated(OPENED)

    def service_tickets_rows(self) -> Iterator[Row]:
        for number in range(1, self.tickets + 1):
            day = self.day(number)
            asked = {"service_date": day, "description": f"Brake inspection and oil change, visit {number}"}
            owned = {"id": number, "customer_id": 31 * number % self.customers + 1, "vin": f"VIN{number:014}"}
            yield owned | asked | dated(day)

    def ticket_mechanics_rows(self) -> Iterator[Row]:
        for ticket in range(1, self.tickets + 1):
            for place in range(2):
                mechanic = (ticket + 17 * place) % self.mechanics + 1
                yield {"ticket_id": ticket, "mechanic_id": mechanic, "service_date": self.day(ticket)}

    def ticket_parts_rows(self) -> Iterator[Row]:
        for ticket in range(1, self.tickets + 1):
            for part in self.parts_on(ticket):
                yield {"ticket_id": ticket, "inventory_id": part, "quantity": USED, "unit_price_cents": self.price(part)}

    def stock_movements_rows(self) -> Iterator[Row]:
        """Yield the ledger: first what was received of each part, then what each ticket used."""
        received = {"change": RECEIVED, "balance": RECEIVED, "reason": "received", "ticket_id": None, "mechanic_id": None}
        for number in range(1, self.parts + 1):
            yield {"id": number, "inventory_id": number, "created_at": at_eight(OPENED)} | received
        number, balances = self.parts, [RECEIVED] * (self.parts + 1)
        for ticket in range(1, self.tickets + 1):
            used = {"change": -USED, "reason": "used", "ticket_id": ticket, "mechanic_id": None}
            used["created_at"] = at_eight(self.day(ticket))
            for part in self.parts_on(ticket):
                number += 1
                balances[part] -= USED
                yield {"id": number, "inventory_id": part, "balance": balances[part]} | used

    def day(self, ticket: int) -> date:
        return OPENED + timedelta(days=ticket % DAYS)

    def rows(self, table: Table) -> Iterator[Row]:
        found: Iterator[Row] = getattr(self, f"{table.name}_rows")()
        return (row | search_value(table, row) for row in found)


def person(kind: str, number: int, prefix: str) -> Row:
    """Return an account without a password."""
    reached = {"email": f"{kind.lower()}{number}@example.com", "phone": f"555-{prefix}{number % 10_000:04}"}
    return {"id": number, "name": f"{kind} {number}", "password_hash": None, "token_version": 1} | reached


def dated(day: date) -> Row:
    return {"version": 1, "created_at": at_eight(day), "updated_at": at_eight(day), "deleted_at": None}


# ---------------------------------------------------------------- writing it
def fill(connection: Connection, demo: Demo, bar: Any = None) -> None:
    """Write the shop in the transaction of a connection, and advance a progress bar."""
    connection.execute(delete(mechanics))
    for table in TABLES:
        rows = demo.rows(table)
        while batch := list(islice(rows, BATCH_SIZE)):
            write(connection, table, batch)
            if bar:
                bar.update(len(batch))
        if connection.dialect.name == "postgresql":  # Without statistics, each foreign key check may scan the whole table.
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
@click.command("demo")
@click.option("--tickets", type=click.IntRange(1, 10_000_000), default=200, show_default=True, help="How many tickets.")
@click.option("--if-empty", is_flag=True, help="Exit with 0 if the database is not empty.")
@with_appcontext
def command(tickets: int, if_empty: bool) -> None:
    """Fill an empty database with a shop to look at: customers, mechanics, parts, tickets, and the stock's ledger.

    The first admin becomes mechanic 1, and keeps their email and password."""
    try:
        prepare(current_app)
        with db.engines["reads"].connect() as connection, startup_lock(connection):
            shop = fill_at_once(tickets)
            finish(connection, TABLES)
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("VACUUM")  # For index-only scans.
    except NotEmpty as error:
        if not if_empty:
            raise click.ClickException(f"The database is not empty: {error}. Nothing was changed.") from None
        click.echo(f"The database is left as it is: {error}.")
        return
    except (CantStart, DBAPIError, db.engine.dialect.loaded_dbapi.Error) as error:  # COPY raises the driver's own error.
        raise click.ClickException(" ".join(str(getattr(error, "orig", error)).split())) from None
    people = f"{shop.customers:,} customers, {shop.mechanics:,} mechanics"
    click.echo(f"The shop has {people}, {shop.parts:,} parts and {shop.tickets:,} tickets.")
    admin = shop.admin.get("email")
    click.echo(f"Sign in as {admin}, an admin." if admin else "Nobody can sign in: there was no first admin (ADMIN_EMAIL).")


def fill_at_once(tickets: int) -> Demo:
    """Fill the database of the app in one transaction, with a progress bar on a terminal; raise NotEmpty."""
    with db.engine.begin() as connection:
        demo = Demo(tickets, first_admin(connection))
        with click.progressbar(length=sum(demo.counts.values()), label="Filling the shop") as bar:
            fill(connection, demo, bar)
    return demo
