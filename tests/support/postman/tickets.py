"""Describe the requests that open, show and change tickets."""

from tests.support.postman.checks import PROBLEM
from tests.support.postman.items import Request

TICKET = {
    "customer_id": "{{customer_id}}",
    "service_date": "2026-11-24",
    "description": "Replace the front brake pads\nSqueals when cold",
    "vin": "1hgcm-{{run}}",
    "mechanic_ids": ["{{mechanic_id}}"],
    "parts": [{"inventory_id": "{{part_id}}", "quantity": 4}],
}

FOUR_PADS = (
    "pm.expect(body.parts).to.eql([{inventory_id: variable('part_id'), name: 'Brake pad, front (set)', "
    "quantity: 4, unit_price: 51.9, total: 207.6}])"
)

TICKETS = [
    Request(
        "Open a ticket with an Idempotency-Key",
        "POST /tickets",
        201,
        "mechanic",
        TICKET,
        headers={"Idempotency-Key": "open-{{run}}"},
        checks={
            "VIN is in capitals": "pm.expect(body.vin).to.eql(`1hgcm-${variable('run')}`.toUpperCase())",
            "parts have the current price": FOUR_PADS,
            "parts_total is exact": "pm.expect(body.parts_total).to.eql(207.6)",
            "mechanics are as sent": 'pm.expect(body.mechanics).to.eql([{id: variable("mechanic_id"), name: "Max Wrench"}])',
        },
        saves={"ticket_id": "body.id"},
        description="An `Idempotency-Key` makes the request safe to retry if no response arrived.",
    ),
    Request(
        "Retry with the same Idempotency-Key",
        "POST /tickets",
        201,
        "mechanic",
        TICKET,
        headers={"Idempotency-Key": "open-{{run}}"},
        checks={
            "it is the same ticket": "pm.expect(body.id).to.eql(variable('ticket_id'))",
            "Idempotency-Replayed is true": 'pm.expect(header("Idempotency-Replayed")).to.eql("true")',
        },
    ),
    Request(
        "The parts of the ticket left the stock once",
        "GET /inventory/{part_id}",
        200,
        "mechanic",
        checks={"quantity is 19 - 4": "pm.expect(body.quantity).to.eql(15)"},
    ),
    Request(
        "An Idempotency-Key of another request is 422",
        "POST /tickets",
        422,
        "mechanic",
        TICKET | {"description": "Change the oil"},
        headers={"Idempotency-Key": "open-{{run}}"},
        checks={"errors names the header": "pm.expect(body.errors).to.have.all.keys('Idempotency-Key')"},
    ),
    Request(
        "A ticket with more parts than in stock is 409",
        "POST /tickets",
        409,
        "mechanic",
        TICKET | {"parts": [{"inventory_id": "{{part_id}}", "quantity": 50}]},
        checks={
            "shortages has the part": "pm.expect(body.shortages)"
            ".to.eql([{inventory_id: variable('part_id'), requested: 50, available: 15}])"
        },
    ),
    Request(
        "A ticket of an unknown customer is 422",
        "POST /tickets",
        422,
        "mechanic",
        TICKET | {"customer_id": 2147483647},
        checks={"errors names the field": "pm.expect(body.errors).to.have.all.keys('customer_id')"},
    ),
    Request("A ticket opened by a customer is 403", "POST /tickets", 403, "customer", TICKET, checks=PROBLEM),
    Request(
        "Open a ticket without parts",
        "POST /tickets",
        201,
        "mechanic",
        {name: TICKET[name] for name in ("customer_id", "description", "vin")} | {"service_date": "2026-11-25"},
        checks={"it has no parts": "pm.expect(body.parts).to.eql([])"},
        saves={"later_ticket_id": "body.id"},
    ),
    Request(
        "Open a ticket of the second customer",
        "POST /tickets",
        201,
        "mechanic",
        TICKET | {"customer_id": "{{other_customer_id}}", "parts": [{"inventory_id": "{{filter_id}}"}]},
        checks={"quantity is 1 by default": "pm.expect(body.parts[0].quantity).to.eql(1)"},
        saves={"other_ticket_id": "body.id"},
    ),
    Request(
        "Show a ticket",
        "GET /tickets/{ticket_id}",
        200,
        "mechanic",
        checks={"parts are as sent": FOUR_PADS},
        saves={"ticket_etag": "pm.response.headers.get('ETag')"},
    ),
    Request(
        "Change a ticket with If-Match",
        "PUT /tickets/{ticket_id}",
        200,
        "mechanic",
        {
            "customer_id": "{{customer_id}}",
            "service_date": "2026-11-24",
            "vin": "1HGCM-{{run}}",
            "description": "Pads, and the oil",
        },
        headers={"If-Match": "{{ticket_etag}}"},
        checks={"description is as sent": 'pm.expect(body.description).to.eql("Pads, and the oil")', "parts stay": FOUR_PADS},
    ),
    Request(
        "A change of a ticket with a stale ETag is 412",
        "PUT /tickets/{ticket_id}",
        412,
        "mechanic",
        {"description": "Pads alone"},
        headers={"If-Match": "{{ticket_etag}}"},
        checks=PROBLEM,
    ),
]

BOTH_TICKETS = "pm.expect(body.map((each) => each.id)).to.eql([variable('later_ticket_id'), variable('ticket_id')])"

OWN_TICKETS = [
    Request(
        "List the customer's own tickets",
        "GET /tickets/my-tickets",
        200,
        "customer",
        checks={"own tickets, newest first": BOTH_TICKETS},
        description="Customers get their own tickets, staff the tickets they are assigned to.",
    ),
    Request(
        "List the mechanic's own tickets",
        "GET /tickets/my-tickets?per_page=1",
        200,
        "mechanic",
        checks={
            "one ticket": "pm.expect(body).to.have.length(1)",
            "Link has the next page": "pm.expect(header('Link')).to.include('rel=\"next\"')",
        },
    ),
    Request("Own tickets without a token are 401", "GET /tickets/my-tickets", 401, checks=PROBLEM),
    Request(
        "Show the customer's own ticket",
        "GET /tickets/{ticket_id}",
        200,
        "customer",
        checks={"parts_total is exact": "pm.expect(body.parts_total).to.eql(76.9)"},
    ),
    Request(
        "Another customer's ticket is 404",
        "GET /tickets/{ticket_id}",
        404,
        "customer",
        path_values={"ticket_id": "{{other_ticket_id}}"},
        checks=PROBLEM,
    ),
    Request("A ticket deleted by a customer is 403", "DELETE /tickets/{ticket_id}", 403, "customer", checks=PROBLEM),
]
