"""How many SQL statements each GET takes: as many for thirty records as for two."""

import pytest

CALLER = 1
"""Who calls is looked up by one statement, where they did not call within the last second."""
COUNTS = {
    "/": CALLER,
    "/openapi.json": CALLER,
    "/docs": CALLER,
    "/health/live": CALLER,
    "/health/ready": CALLER + 1,
    "/customers": CALLER + 2,  # The page, and the count.
    "/customers?page=2&per_page=1": CALLER + 2,
    "/customers?after={customer}": CALLER + 1,
    "/customers?q=person": CALLER + 2,
    "/customers/{customer}": CALLER + 1,
    "/mechanics": CALLER + 2,
    "/mechanics?after={mechanic}": CALLER + 1,
    "/mechanics?q=person": CALLER + 2,
    "/mechanics/{mechanic}": CALLER + 1,
    "/inventory": CALLER + 2,
    "/inventory?after={part}": CALLER + 1,
    "/inventory?q=part": CALLER + 2,
    "/inventory/{part}": CALLER + 1,
    "/inventory/{part}/movements": CALLER + 3,  # The part, the page, and the count.
    "/inventory/{part}/movements?per_page=1": CALLER + 3,
    "/shop": CALLER + 1,
    "/tickets": CALLER + 3,  # The ids of the page, the count, and the tickets with all that is on them.
    "/tickets?after={ticket}": CALLER + 2,
    "/tickets?customer_id={customer}&mechanic_id={mechanic}&q=visit&vin=v&from=2026-01-01&to=2026-12-31": CALLER + 3,
    "/tickets/my-tickets": CALLER + 3,
    "/tickets/{ticket}": CALLER + 1,
    "/tickets/{ticket}/mechanics": CALLER + 1,
    "/inventory.csv": CALLER + 1,
    "/inventory/{part}/movements.csv": CALLER + 2,  # The part, and its ledger.
    "/tickets.csv": CALLER + 2,  # The ids, and the tickets with all that is on them.
    "/tickets.csv?customer_id={customer}&mechanic_id={mechanic}&q=visit&vin=v&from=2026-01-01&to=2026-12-31": CALLER + 2,
}
KEPT = [
    path for path in COUNTS if path.startswith("/inventory") and not any(word in path for word in ("movements", "q=", ".csv"))
]


@pytest.fixture
def shop(app, make, statements, database):
    """A shop that grows, and the statements that a caller's GET takes in it."""

    class Shop:
        def __init__(self):
            self.who, self.owner = make.mechanic(), make.customer()
            self.part = make.part()
            self.grow()
            self.ticket = self.grow()
            self.ids = {"mechanic": self.who.id, "customer": self.owner.id, "part": self.part.id, "ticket": self.ticket.id}

        def grow(self):
            """One more of each: the ticket has one more mechanic and part on it than the one before."""
            for kind in (make.customer, make.mechanic, make.part):
                kind()
            line = {"inventory_id": self.part.id, "quantity": 1}
            return make.ticket(customer_id=self.owner.id, vin="V", mechanic_ids=[self.who.id], parts=[line])

        def fill(self):
            """Thirty of each, thirty mechanics and parts on the first ticket, and thirty movements of the part."""
            make.boss.put(f"/inventory/{self.part.id}", json={"quantity": 1000})
            for _ in range(28):
                self.grow()
            crew = [mechanic["id"] for mechanic in make.boss.get("/mechanics?per_page=30").json]
            parts = [{"inventory_id": part["id"]} for part in make.boss.get("/inventory?per_page=30").json]
            path = f"/tickets/{self.ticket.id}"
            assert make.boss.put(f"{path}/mechanics", json={"mechanic_ids": [*crew[-29:], self.who.id]}).status_code == 200
            assert make.boss.put(f"{path}/inventory", json={"add_parts": parts}).status_code == 200

        def statements_of(self, path, *, forget=True):
            if forget:
                app.token_cache.entries.clear()
            statements.clear()
            answer = self.who.get(path.format(**self.ids))
            assert answer.status_code == 200, answer.text
            ends = [each for each in statements if each.startswith("SET ")]  # They say how long a search may take.
            assert len(ends) == (4 if "q=" in path and ".csv" not in path and database != "sqlite" else 0)
            return len(statements) - len(ends)

    return Shop()


def test_a_get_takes_as_many_statements_for_thirty_records_as_for_two(shop):
    assert {path: shop.statements_of(path) for path in COUNTS} == COUNTS
    shop.fill()
    assert {path: shop.statements_of(path) for path in COUNTS} == COUNTS


def test_the_inventory_is_read_once_and_then_kept(shop):
    """«Cached»: the second GET asks only who calls."""
    for path in KEPT:
        shop.statements_of(path)
        assert shop.statements_of(path) == CALLER, path


def test_who_calls_again_is_not_looked_up_again(shop):
    shop.statements_of("/inventory")
    assert shop.statements_of("/inventory", forget=False) == 0
    assert shop.statements_of("/tickets", forget=False) == COUNTS["/tickets"] - CALLER


def test_a_customers_gets_take_as_many(app, shop, statements):
    """Who may see it is found out from what is read anyway."""
    for path, count in {"/tickets/my-tickets": 3, "/tickets/{ticket}": 1, "/tickets/{ticket}/mechanics": 1}.items():
        app.token_cache.entries.clear()
        statements.clear()
        assert shop.owner.get(path.format(**shop.ids)).status_code == 200
        assert len(statements) == CALLER + count, path
