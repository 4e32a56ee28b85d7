"""The afternoon and the evening: the customer asks, the office looks things up, and the day is tidied away."""

from tests.support.postman.asking import Ask
from tests.support.postman.opening import REFUSED

MINE = "pm.expect(body.map((each) => each.id)).to.eql([kept('later_ticket_id'), kept('ticket_id')])"
CSV = {"a CSV file": "pm.expect(pm.response.headers.get('Content-Type')).to.include('text/csv')"}
GONE = {"no body": "pm.expect(pm.response.text()).to.eql('')"}

SHOP = {
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

ASKS = [
    Ask(
        "How are my cars?",
        "GET /tickets/my-tickets",
        200,
        "customer",
        shows={"my own, newest first": MINE},
        why="For a customer their own tickets, for staff those that they are assigned to.",
    ),
    Ask(
        "What am I to do?",
        "GET /tickets/my-tickets?per_page=1",
        200,
        "mechanic",
        shows={
            "one a page": "pm.expect(body).to.have.length(1)",
            "there is a next": "pm.expect(header('Link')).to.include('rel=\"next\"')",
        },
    ),
    Ask("Whose? Nobody's without a token", "GET /tickets/my-tickets", 401, shows=REFUSED),
    Ask(
        "What will it cost?",
        "GET /tickets/{ticket_id}",
        200,
        "customer",
        shows={"a pad and two filters": "pm.expect(body.parts_total).to.eql(76.9)"},
    ),
    Ask(
        "The ticket of another? There is none",
        "GET /tickets/{ticket_id}",
        404,
        "customer",
        at={"ticket_id": "{{other_ticket_id}}"},
        shows=REFUSED,
    ),
    Ask("A customer can't tear it up", "DELETE /tickets/{ticket_id}", 403, "customer", shows=REFUSED),
]

OFFICE = [
    Ask(
        "The shop's address",
        "PUT /shop",
        200,
        "admin",
        body=SHOP,
        shows={"the new name": 'pm.expect(body.name).to.eql("Ann\'s Garage")'},
        why="Any subset of the fields; an object, like `supplies`, is replaced whole.",
    ),
    Ask(
        "A country that does not exist",
        "PUT /shop",
        422,
        "admin",
        body={"country": "XX"},
        shows={"the field at fault": "pm.expect(body.errors).to.have.all.keys('country')"},
    ),
    Ask(
        "The shop",
        "GET /shop",
        200,
        "mechanic",
        shows={"money per hour": "pm.expect(body.labor_rate).to.eql(120)"},
    ),
    Ask("No shop without a token", "GET /shop", 401, shows=REFUSED),
    Ask(
        "The mechanics, those with most tickets first",
        "GET /mechanics/popular?page=1&per_page=100",
        200,
        "mechanic",
        shows={
            "Max has two": "pm.expect(body.find((each) => each.id === kept('mechanic_id')).ticket_count).to.eql(2)",
            "a descending count": "const counts = body.map((each) => each.ticket_count); "
            "pm.expect(counts).to.eql([...counts].sort((one, other) => other - one))",
        },
    ),
    Ask("Not for customers", "GET /mechanics/popular", 403, "customer", shows=REFUSED),
    Ask(
        "The tickets of one customer",
        "GET /tickets?customer_id={{customer_id}}",
        200,
        "mechanic",
        shows={"newest first": MINE},
    ),
    Ask(
        "Of one car, this week, with pads",
        "GET /tickets?vin=1HGCM-{{run}}&from=2026-11-23&to=2026-11-24&q=pads"
        "&mechanic_id={{mechanic_id}}&customer_id={{customer_id}}",
        200,
        "mechanic",
        shows={"the one": "pm.expect(body.map((each) => each.id)).to.eql([kept('ticket_id')])"},
    ),
    Ask(
        "The next one, whatever the depth",
        "GET /tickets?customer_id={{customer_id}}&after={{later_ticket_id}}&per_page=1",
        200,
        "mechanic",
        shows={"the one after it": "pm.expect(body.map((each) => each.id)).to.eql([kept('ticket_id')])"},
        why="`after` is the id of the last record seen.",
    ),
    Ask(
        "A page past the end",
        "GET /tickets?customer_id={{customer_id}}&page=9&per_page=100",
        200,
        "mechanic",
        shows={"empty": "pm.expect(body).to.eql([])"},
    ),
    Ask(
        "Too much at once",
        "GET /tickets?per_page=101&from=yesterday",
        422,
        "mechanic",
        shows={"each parameter at fault": "pm.expect(body.errors).to.have.all.keys('per_page', 'from')"},
    ),
]

SHEETS = [
    Ask(
        "The parts, for a spreadsheet",
        "GET /inventory.csv?q={{run}}",
        200,
        "mechanic",
        shows=CSV | {"a line for each": "pm.expect(pm.response.text().trim().split('\\r\\n')).to.have.length(3)"},
    ),
    Ask("No price list for strangers", "GET /inventory.csv", 401, shows=REFUSED),
    Ask(
        "The tickets of a customer, for a spreadsheet",
        "GET /tickets.csv?customer_id={{customer_id}}&from=2026-11-24&to=2026-11-24",
        200,
        "mechanic",
        shows=CSV
        | {"the parts on it": "pm.expect(pm.response.text()).to.include('1 × Brake pad, front (set); 2 × Oil filter')"},
    ),
    Ask("None for customers", "GET /tickets.csv", 403, "customer", shows=REFUSED),
    Ask(
        "The ledger, for a spreadsheet",
        "GET /inventory/{part_id}/movements.csv",
        200,
        "mechanic",
        shows=CSV | {"a line for each step": "pm.expect(pm.response.text().trim().split('\\r\\n')).to.have.length(9)"},
    ),
    Ask(
        "A part that never was has none",
        "GET /inventory/{part_id}/movements.csv",
        404,
        "mechanic",
        at={"part_id": "2147483647"},
        shows=REFUSED,
    ),
]

CLOSING = [
    Ask(
        "The ticket is a mistake",
        "DELETE /tickets/{ticket_id}",
        204,
        "mechanic",
        shows=GONE,
        why="Five a day by one caller, unless LIMIT_TICKET_DELETE says otherwise.",
    ),
    Ask("It is gone", "GET /tickets/{ticket_id}", 404, "mechanic", shows=REFUSED),
    Ask(
        "And its pad is back",
        "GET /inventory/{part_id}",
        200,
        "mechanic",
        shows={"nineteen": "pm.expect(body.quantity).to.eql(19)"},
    ),
    Ask(
        "Tomorrow's goes, too",
        "DELETE /tickets/{ticket_id}",
        204,
        "mechanic",
        at={"ticket_id": "{{later_ticket_id}}"},
        shows=GONE,
    ),
    Ask(
        "And the other customer's",
        "DELETE /tickets/{ticket_id}",
        204,
        "mechanic",
        at={"ticket_id": "{{other_ticket_id}}"},
        shows=GONE,
    ),
    Ask("A mechanic keeps the catalogue as it is", "DELETE /inventory/{part_id}", 403, "mechanic", shows=REFUSED),
    Ask("The owner takes the pads out of it", "DELETE /inventory/{part_id}", 204, "admin", shows=GONE),
    Ask("And the filters", "DELETE /inventory/{part_id}", 204, "admin", at={"part_id": "{{filter_id}}"}, shows=GONE),
    Ask(
        "A new password for who forgot hers",
        "PUT /customers/{customer_id}",
        200,
        "admin",
        {"password": "thirteen horses"},
        shows={"it is not in the answer": "pm.expect(body).to.not.have.property('password')"},
    ),
    Ask("Her token from before is worth nothing", "GET /customers/{customer_id}", 401, "customer", shows=REFUSED),
    Ask("A mechanic can't erase a customer", "DELETE /customers/{customer_id}", 403, "mechanic", shows=REFUSED),
    Ask(
        "A customer asks to be forgotten",
        "DELETE /customers/{customer_id}",
        204,
        "admin",
        shows=GONE,
        why="Their personal data is erased; what tickets they have stay.",
    ),
    Ask(
        "The other one, too",
        "DELETE /customers/{customer_id}",
        204,
        "admin",
        at={"customer_id": "{{other_customer_id}}"},
        shows=GONE,
    ),
    Ask("There is nobody left to forget", "DELETE /customers/{customer_id}", 404, "admin", shows=REFUSED),
    Ask(
        "A mechanic lets nobody go",
        "DELETE /mechanics/{mechanic_id}",
        403,
        "mechanic",
        at={"mechanic_id": "{{colleague_id}}"},
        shows=REFUSED,
    ),
    Ask("Ida goes", "DELETE /mechanics/{mechanic_id}", 204, "admin", at={"mechanic_id": "{{colleague_id}}"}, shows=GONE),
    Ask("Max goes", "DELETE /mechanics/{mechanic_id}", 204, "admin", shows=GONE),
]
