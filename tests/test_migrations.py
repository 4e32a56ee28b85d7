"""The migrations: they create the tables of the models, and keep the rows on the way up and down."""

from datetime import date, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.command import downgrade, upgrade
from alembic.migration import MigrationContext
from sqlalchemy import Column, LargeBinary, MetaData, Table, inspect, text

from app import create_app
from app.extensions import db
from app.models import search_value
from app.startup.prepare import migrate
from config import Settings
from tests.support import services
from tests.support.environment import ENVIRONMENT

DAYS = {1: date(2026, 3, 1), 2: date(2024, 2, 29), 3: date(2026, 3, 1)}
CREW = [(1, 1), (1, 2), (2, 2), (3, 1)]
"""(ticket id, mechanic id). Ticket 3 is deleted, and ticket 4 has no mechanic."""


class Migrated:
    """An empty database, and the app whose migrations it gets."""

    def __init__(self, app):
        self.app = app
        migrate.init_app(app, db)
        with app.app_context():
            self.engine = db.engine

    def to(self, version, way=upgrade):
        with self.app.app_context():
            way(migrate.get_config(), version)

    def rows(self, sql):
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    def run(self, sql, **values):
        with self.engine.begin() as connection:
            connection.execute(text(sql), values)

    def add(self, table, **values):
        names = ", ".join(values)
        self.run(f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in values)})", **values)

    def differences(self):
        """In what the tables are not the models'. MySQL's word for a text of bytes is another in each length."""
        opts = {"compare_type": lambda *types: False if isinstance(types[-1], LargeBinary) else None}
        with self.engine.connect() as connection:
            return compare_metadata(MigrationContext.configure(connection, opts=opts), db.metadata)

    def described(self):
        """The columns, keys and indexes of the two tables that the third migration changes."""
        looked = inspect(self.engine)
        found = {}
        for table in ("service_tickets", "ticket_mechanics"):
            columns = [(each["name"], str(each["type"]), each["nullable"]) for each in looked.get_columns(table)]
            indexes = [(each["name"], each["column_names"], bool(each["unique"])) for each in looked.get_indexes(table)]
            keys = [(each["name"], each["constrained_columns"], each["options"]) for each in looked.get_foreign_keys(table)]
            found[table] = (looked.get_pk_constraint(table)["constrained_columns"], *map(sorted, (columns, indexes, keys)))
        return found


@pytest.fixture
def tables(database, worker_id):
    name = f"shop_migrations_{worker_id}"
    app = create_app(Settings.load(ENVIRONMENT | {"DATABASE_URL": services.fresh_database(database, name)}))
    migrated = Migrated(app)
    yield migrated
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()
    services.drop_database(database, name)


def test_migrated_tables_equal_the_models(tables):
    tables.to("0002")
    assert tables.differences() != [], "control: an older revision must differ"
    tables.to("head")
    assert tables.differences() == []


@pytest.fixture
def crew(tables):
    """A shop of revision 0002, with tickets and their mechanics."""
    tables.to("0002")
    dated = {"version": 1, "created_at": datetime(2026, 1, 1), "updated_at": datetime(2026, 1, 1)}
    person = {"name": "Ann", "token_version": 1} | dated
    tables.add("customers", id=1, email="cora@example.org", **person)
    for number in (1, 2):
        tables.add("mechanics", id=number, role="mechanic", email=f"ann{number}@example.org", **person)
    for number, day in (DAYS | {4: date(2025, 1, 1)}).items():
        gone = {"deleted_at": datetime(2026, 2, 1)} if number == 3 else {}
        tables.add("service_tickets", id=number, customer_id=1, vin="V", description="D", service_date=day, **dated | gone)
    for ticket, mechanic in CREW:
        tables.add("ticket_mechanics", ticket_id=ticket, mechanic_id=mechanic)
    return tables


def test_migration_0003_adds_service_dates_and_downgrade_removes_them(crew):
    before = crew.described()
    tickets = crew.rows("SELECT * FROM service_tickets ORDER BY id")
    crew.to("0003")
    found = crew.rows("SELECT ticket_id, mechanic_id, service_date FROM ticket_mechanics ORDER BY 1, 2")
    assert [(ticket, mechanic, str(day)) for ticket, mechanic, day in found] == [
        (ticket, mechanic, str(DAYS[ticket])) for ticket, mechanic in CREW
    ]
    crew.run("UPDATE service_tickets SET service_date = '2027-01-01' WHERE id = 1")
    dates = crew.rows("SELECT ticket_id, service_date FROM ticket_mechanics WHERE mechanic_id = 2 ORDER BY 1")
    assert [str(day) for _, day in dates] == ["2027-01-01", "2024-02-29"], "the date does not follow the ticket"
    crew.run("UPDATE service_tickets SET service_date = '2026-03-01' WHERE id = 1")
    crew.to("0002", downgrade)
    assert crew.rows("SELECT * FROM ticket_mechanics ORDER BY 1, 2") == CREW
    assert crew.rows("SELECT * FROM service_tickets ORDER BY id") == tickets
    assert crew.described() == before
    crew.to("head")
    assert len(crew.rows("SELECT * FROM ticket_mechanics WHERE service_date IS NOT NULL")) == len(CREW)


def test_migration_0006_makes_old_records_searchable_and_downgrade_removes_the_column(tables):
    """More records than a batch; a deleted record, whose texts are erased, has nothing to be found by."""
    tables.to("0005")
    dated = {"version": 1, "created_at": datetime(2026, 1, 1), "updated_at": datetime(2026, 1, 1)}
    person = {"token_version": 1} | dated
    tables.add("customers", id=7, name="Ärzte GmbH", email="a@b.cd", phone="(555) 867-5309", **person)
    tables.add("customers", id=8, name="Deleted customer", deleted_at=datetime(2026, 2, 1), **person)
    tables.add("mechanics", id=1, name="ZO\u00cb", email="z@b.cd", role="admin", **person)
    tables.add("service_tickets", id=1, customer_id=7, vin="V", description="КОЛОДКА", service_date=DAYS[1], **dated)
    parts = [{"id": number, "name": f"Größe {number}", "sku": f"S{number}"} for number in range(1, 1003)]
    with tables.engine.begin() as connection:
        table = db.metadata.tables["inventory"]
        columns = [column for column in table.columns if column.name != "search"]
        old = Table("inventory", MetaData(), *(Column(each.name, each.type) for each in columns))
        connection.execute(old.insert(), [part | {"price_cents": 1, "quantity": 0} | dated for part in parts])
    before = {name: tables.rows(f"SELECT * FROM {name} ORDER BY id") for name in ("customers", "inventory", "service_tickets")}
    tables.to("0006")
    assert tables.rows("SELECT id, search FROM customers ORDER BY id") == [
        (7, "ärzte gmbh\na@b.cd\n(555) 867-5309\n\t5558675309"),
        (8, None),
    ]
    assert tables.rows("SELECT search FROM mechanics") == [("zoë\nz@b.cd",)]
    assert tables.rows("SELECT search FROM service_tickets") == [("колодка",)]
    assert tables.rows("SELECT id, search FROM inventory ORDER BY id") == [
        (number, f"grösse {number}\ns{number}") for number in range(1, 1003)
    ]
    with tables.engine.connect() as connection:
        for name in ("customers", "mechanics", "inventory", "service_tickets"):
            table = db.metadata.tables[name]
            for row in connection.execute(table.select().where(table.c.deleted_at.is_(None))):
                assert row.search == search_value(table, row._mapping)["search"], "the migration folds as the models do"
    tables.to("0005", downgrade)
    assert {name: tables.rows(f"SELECT * FROM {name} ORDER BY id") for name in before} == before
