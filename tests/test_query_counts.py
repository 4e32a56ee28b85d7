"""The number of SQL statements of each GET: the same for thirty records as for two."""

import pytest

from tests.support.endpoints import READS, fill

CALLER = 1
"""One statement looks up the caller, unless the token cache has it from the last second."""
COUNTS = {endpoint.path + query: CALLER + count for endpoint in READS for query, count in endpoint.statements.items()}
"""URL → number of statements."""
STATUSES = {endpoint.path: endpoint.status for endpoint in READS}
CACHED = [endpoint.path + query for endpoint in READS if endpoint.cached for query in endpoint.statements if "q=" not in query]
OWN = {
    endpoint.path: CALLER + endpoint.statements[""]
    for endpoint in READS
    if "customer" in endpoint.roles and "anonymous" not in endpoint.roles
}
"""Paths that a customer may read."""


class GrowingShop:
    """A shop with a mechanic and a customer, and the number of statements of a GET in it."""

    def __init__(self, app, make, statements, database):
        self.app, self.make, self.statements, self.database = app, make, statements, database
        self.mechanic, self.customer, self.part = make.mechanic(), make.customer(), make.part()
        self.add_one_of_each()
        self.ticket = self.add_one_of_each()
        self.ids = {"mechanic_id": self.mechanic.id, "customer_id": self.customer.id, "part_id": self.part.id}
        self.ids |= {"ticket_id": self.ticket.id, "path": "swagger-ui.css"}

    def add_one_of_each(self):
        for kind in (self.make.customer, self.make.mechanic, self.make.part):
            kind()
        line = {"inventory_id": self.part.id, "quantity": 1}
        return self.make.ticket(customer_id=self.customer.id, vin="V", mechanic_ids=[self.mechanic.id], parts=[line])

    def fill(self):
        """Add thirty records of each kind, thirty mechanics and parts on the first ticket, thirty movements of the part."""
        creator = self.make.creator
        creator.put(f"/inventory/{self.part.id}", json={"quantity": 1000})
        for _ in range(28):
            self.add_one_of_each()
        mechanics = [mechanic["id"] for mechanic in creator.get("/mechanics?per_page=30").json]
        parts = [{"inventory_id": part["id"]} for part in creator.get("/inventory?per_page=30").json]
        path = f"/tickets/{self.ticket.id}"
        assert creator.put(f"{path}/mechanics", json={"mechanic_ids": [*mechanics[-29:], self.mechanic.id]}).status_code == 200
        assert creator.put(f"{path}/inventory", json={"add_parts": parts}).status_code == 200

    def count(self, url, *, person=None, token_is_cached=False):
        if not token_is_cached:
            self.app.token_cache.entries.clear()
        self.statements.clear()
        response = (person or self.mechanic).get(fill(url, self.ids))
        assert response.status_code == STATUSES[url.partition("?")[0]], response.get_data(as_text=True)
        response.close()  # A file of the documentation is streamed.
        timeouts = [statement for statement in self.statements if statement.startswith("SET ")]  # Of a search.
        assert len(timeouts) == (4 if "q=" in url and ".csv" not in url and self.database != "sqlite" else 0)
        return len(self.statements) - len(timeouts)


@pytest.fixture
def shop(app, make, statements, database):
    return GrowingShop(app, make, statements, database)


def test_every_get_of_the_endpoint_table_has_a_count():
    assert [endpoint.path for endpoint in READS if "" not in endpoint.statements] == []


def test_thirty_records_take_as_many_statements_as_two(shop):
    assert {url: shop.count(url) for url in COUNTS} == COUNTS
    shop.fill()
    assert {url: shop.count(url) for url in COUNTS} == COUNTS


def test_cached_inventory_takes_only_the_lookup_of_the_caller(shop):
    """The second GET only looks up the caller."""
    for url in CACHED:
        shop.count(url)
        assert shop.count(url) == CALLER, url


def test_cached_token_takes_no_lookup_of_the_caller(shop):
    shop.count("/inventory")
    assert shop.count("/inventory", token_is_cached=True) == 0
    assert shop.count("/tickets", token_is_cached=True) == COUNTS["/tickets"] - CALLER


def test_customer_takes_as_many_statements_as_staff(shop):
    """Ownership is checked on the rows that the GET reads anyway."""
    assert {url: shop.count(url, person=shop.customer) for url in OWN} == OWN
