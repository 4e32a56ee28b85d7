"""Describe the requests to the shop, to filtered lists and to CSV files."""

from tests.support.postman.checks import IS_CSV, PROBLEM
from tests.support.postman.items import Request
from tests.support.postman.tickets import BOTH_TICKETS

SHOP_FIELDS = {
    "name": "Ann's Garage",
    "address": "1 Main Street\nSpringfield",
    "country": "US",
    "email": "shop@example.com",
    "phone": "555-0100",
    "tax_number": "12-3456789",
    "registration": "ARD 123456",
    "currency": "USD",
    "time_zone": "America/New_York",
    "labor_rate": 120,
    "prices_include_tax": False,
    "supplies": {"percent": 5, "minimum": 2, "maximum": 40},
    "estimate_days": 30,
    "estimate_tolerance": {"percent": 10, "amount": 100, "rule": "lesser", "maximum": None},
    "payment_days": 14,
    "invoice_prefix": "INV-",
    "credit_note_prefix": "CN-",
    "document_footer": "Thank you.",
}

LISTS = [
    Request(
        "Change the shop",
        "PUT /shop",
        200,
        "admin",
        body=SHOP_FIELDS,
        checks={"name is as sent": 'pm.expect(body.name).to.eql("Ann\'s Garage")'},
        description="Any subset of the fields; an object, like `supplies`, is replaced whole.",
    ),
    Request(
        "An unknown country is 422",
        "PUT /shop",
        422,
        "admin",
        body={"country": "XX"},
        checks={"errors names the field": "pm.expect(body.errors).to.have.all.keys('country')"},
    ),
    Request(
        "Show the shop",
        "GET /shop",
        200,
        "mechanic",
        checks={"labor_rate is as sent": "pm.expect(body.labor_rate).to.eql(120)"},
    ),
    Request("The shop without a token is 401", "GET /shop", 401, checks=PROBLEM),
    Request(
        "List mechanics, those with most tickets first",
        "GET /mechanics/popular?page=1&per_page=100",
        200,
        "mechanic",
        checks={
            "the mechanic has two tickets": "const row = body.find((each) => each.id === variable('mechanic_id')); "
            "pm.expect(row.ticket_count).to.eql(2)",
            "counts descend": "const counts = body.map((each) => each.ticket_count); "
            "pm.expect(counts).to.eql([...counts].sort((one, other) => other - one))",
        },
    ),
    Request("Popular mechanics as a customer are 403", "GET /mechanics/popular", 403, "customer", checks=PROBLEM),
    Request(
        "List the tickets of a customer",
        "GET /tickets?customer_id={{customer_id}}",
        200,
        "mechanic",
        checks={"newest first": BOTH_TICKETS},
    ),
    Request(
        "List tickets with all filters",
        "GET /tickets?vin=1HGCM-{{run}}&from=2026-11-23&to=2026-11-24&q=pads"
        "&mechanic_id={{mechanic_id}}&customer_id={{customer_id}}",
        200,
        "mechanic",
        checks={"only the matching record": "pm.expect(body.map((each) => each.id)).to.eql([variable('ticket_id')])"},
    ),
    Request(
        "List tickets after an id",
        "GET /tickets?customer_id={{customer_id}}&after={{later_ticket_id}}&per_page=1",
        200,
        "mechanic",
        checks={"the ticket after it": "pm.expect(body.map((each) => each.id)).to.eql([variable('ticket_id')])"},
        description="`after` is the id of the last record seen.",
    ),
    Request(
        "A page past the end is empty",
        "GET /tickets?customer_id={{customer_id}}&page=9&per_page=100",
        200,
        "mechanic",
        checks={"the list is empty": "pm.expect(body).to.eql([])"},
    ),
    Request(
        "Invalid query parameters are 422",
        "GET /tickets?per_page=101&from=yesterday",
        422,
        "mechanic",
        checks={"errors names each parameter": "pm.expect(body.errors).to.have.all.keys('per_page', 'from')"},
    ),
]

CSV_FILES = [
    Request(
        "Parts as CSV",
        "GET /inventory.csv?q={{run}}",
        200,
        "mechanic",
        checks=IS_CSV | {"a line for each part": "pm.expect(pm.response.text().trim().split('\\r\\n')).to.have.length(3)"},
    ),
    Request("Parts as IS_CSV without a token are 401", "GET /inventory.csv", 401, checks=PROBLEM),
    Request(
        "Tickets as CSV",
        "GET /tickets.csv?customer_id={{customer_id}}&from=2026-11-24&to=2026-11-24",
        200,
        "mechanic",
        checks=IS_CSV
        | {"it has the parts": "pm.expect(pm.response.text()).to.include('1 × Brake pad, front (set); 2 × Oil filter')"},
    ),
    Request("Tickets as IS_CSV as a customer are 403", "GET /tickets.csv", 403, "customer", checks=PROBLEM),
    Request(
        "Stock movements as CSV",
        "GET /inventory/{part_id}/movements.csv",
        200,
        "mechanic",
        checks=IS_CSV | {"a line for each movement": "pm.expect(pm.response.text().trim().split('\\r\\n')).to.have.length(9)"},
    ),
    Request(
        "Stock movements of an unknown part as IS_CSV are 404",
        "GET /inventory/{part_id}/movements.csv",
        404,
        "mechanic",
        path_values={"part_id": "2147483647"},
        checks=PROBLEM,
    ),
]
