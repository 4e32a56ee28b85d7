"""`GET /tickets`: newest first, and its filters, alone and combined."""

import pytest


@pytest.fixture
def shop(make):
    """Create six tickets, named by letters, that differ in what can be filtered."""
    ann, bob = make.mechanic(), make.mechanic()
    cora, dan = make.customer(), make.customer()
    rows = {
        "a": (cora, "2026-01-01", "CAR-1", "Brake pads, front", [ann]),
        "b": (cora, "2026-01-02", "CAR-1", "Oil change", [ann, bob]),
        "c": (cora, "2026-01-03", "CAR-2", "100% synthetic oil", []),
        "d": (dan, "2026-01-02", "CAR-3", "BRAKE fluid", [bob]),
        "e": (dan, "2026-01-04", "CAR-3", "Under_coating\nand brakes", [ann]),
        "f": (dan, "2026-01-01", "CAR-10", "Wash", []),
    }
    tickets = {
        name: make.ticket(
            customer_id=customer.id, service_date=day, vin=vin, description=text, mechanic_ids=[each.id for each in assigned]
        )
        for name, (customer, day, vin, text, assigned) in rows.items()
    }
    return tickets, {"ann": ann.id, "bob": bob.id, "cora": cora.id, "dan": dan.id}


CASES = [
    ("", "ecdbfa"),
    ("customer_id={cora}", "cba"),
    ("customer_id=2147483647", ""),
    ("mechanic_id={ann}", "eba"),
    ("mechanic_id={bob}", "db"),
    ("mechanic_id=2147483647", ""),
    ("vin=CAR-1", "ba"),
    ("vin=car-1", "ba"),
    ("vin=CAR", ""),
    ("from=2026-01-02", "ecdb"),
    ("to=2026-01-02", "dbfa"),
    ("from=2026-01-02&to=2026-01-02", "db"),
    ("from=2026-01-03&to=2026-01-02", ""),
    ("q=brake", "eda"),
    ("q=OIL", "cb"),
    ("q=", "ecdbfa"),
    ("from=&to=&vin=&customer_id=&mechanic_id=&q=&page=&per_page=&after=", "ecdbfa"),
    ("customer_id=%20&vin=car-1&from=%E3%80%80&mechanic_id=", "ba"),
    ("q=%25", "c"),
    ("q=r_c", "e"),
    ("q=100%25%20S", "c"),
    ("q=%5C", ""),
    ("customer_id={dan}&mechanic_id={ann}", "e"),
    ("customer_id={cora}&vin=CAR-1&from=2026-01-02", "b"),
    ("mechanic_id={ann}&q=brake&to=2026-01-03", "a"),
    ("customer_id={dan}&mechanic_id={bob}&vin=CAR-3&from=2026-01-01&to=2026-01-31&q=fluid", "d"),
    ("mechanic_id={ann}&from=2026-01-02", "eb"),
    ("mechanic_id={ann}&to=2026-01-02&from=2026-01-02", "b"),
    ("odometer=5&customer_id={cora}", "cba"),
    ("customer_id={cora}&per_page=2", "cb"),
    ("customer_id={cora}&per_page=2&page=2", "a"),
    ("q=brake&after={b}", "a"),
    ("customer_id={dan}&after={e}&per_page=1", "d"),
    ("mechanic_id={ann}&per_page=2&page=2", "a"),
    ("mechanic_id={ann}&after={e}&per_page=1", "b"),
    ("mechanic_id={ann}&after={c}", "ba"),
    ("mechanic_id={ann}&q=brake&after={b}", "a"),
    ("mechanic_id={bob}&after={a}", ""),
]


def test_each_filter_and_their_combinations(staff, shop):
    """By descending service date and id; an unknown parameter is ignored."""
    tickets, people = shop
    names = {ticket.id: name for name, ticket in tickets.items()}
    values = people | {name: ticket.id for name, ticket in tickets.items()}
    for query, expected in CASES:
        response = staff.get(f"/tickets?{query.format(**values)}")
        assert response.status_code == 200, query
        assert "".join(names[ticket["id"]] for ticket in response.json) == expected, query


def test_list_shows_tickets_as_the_single_get_does(staff, make, shop):
    """With mechanics and parts, by ascending id."""
    parts = [make.part() for _ in range(3)]
    make.ticket(parts=[{"inventory_id": part.id, "quantity": 2} for part in reversed(parts)])
    listed = staff.get("/tickets").json
    assert len(listed) == 7
    assert listed == [staff.get(f"/tickets/{ticket['id']}").json for ticket in listed]


def test_number_of_statements_does_not_grow_with_the_list(staff, make, statements):
    """A list takes one statement for the ids and one for the details."""
    counts = []
    for _ in range(2):
        for _ in range(3):
            make.ticket(mechanic_ids=[staff.id], parts=[{"inventory_id": make.part().id}])
        staff.get("/tickets")
        statements.clear()
        staff.get("/tickets")
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 4


@pytest.mark.parametrize(
    "query",
    [
        *(
            f"{name}={value}"
            for name in ("customer_id", "mechanic_id")
            for value in ("0", "-1", "x", "2147483648", "9" * 30, "01", "1.0", "%D9%A1")
        ),
        *(f"{name}={value}" for name in ("from", "to") for value in ("2026-02-30", "yesterday", "2026-1-1")),
        *(f"vin={value}" for value in ("A%20B", "V" * 51)),
        *(f"q={value}" for value in ("x" * 256, "a%00b")),
        *(f"{name}={value}" for name in ("page", "per_page") for value in ("0", "x", "1.5")),
        "per_page=101",
        "after=2147483647",
        "after=1&page=1",
    ],
)
def test_bad_query_parameter_is_422(staff, make, query):
    make.ticket()
    response = staff.get(f"/tickets?{query}")
    assert response.status_code == 422
    assert list(response.json["errors"]) == [query.partition("=")[0]]
