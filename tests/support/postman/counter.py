"""The counter: a customer registers, and the ticket is opened."""

from tests.support.postman.asking import Ask
from tests.support.postman.opening import LOGIN, NO_SECRET, REFUSED

BEA = {"name": "Bea Driver", "email": "bea.{{run}}@example.com", "password": "twelve horses", "phone": "555-0100"}
TICKET = {
    "customer_id": "{{customer_id}}",
    "service_date": "2026-11-24",
    "description": "Replace the front brake pads\nSqueals when cold",
    "vin": "1hgcm-{{run}}",
    "mechanic_ids": ["{{mechanic_id}}"],
    "parts": [{"inventory_id": "{{part_id}}", "quantity": 4}],
}
PADS_ON = (
    "pm.expect(body.parts).to.eql([{inventory_id: kept('part_id'), name: 'Brake pad, front (set)', "
    "quantity: 4, unit_price: 51.9, total: 207.6}])"
)

CUSTOMER = [
    Ask(
        "A customer registers",
        "POST /customers",
        201,
        body=BEA,
        shows={"the email in lower case": "pm.expect(body.email).to.eql(`bea.${kept('run')}@example.com`)"} | NO_SECRET,
        keep={"customer_id": "body.id"},
        why="At most 20 registrations an hour come from one address, unless LIMIT_REGISTER says otherwise.",
    ),
    Ask(
        "Another one does",
        "POST /customers",
        201,
        body={"name": "Cy Clist", "email": "cy.{{run}}@example.com", "password": "two wheels will do"},
        shows={"no phone was given": "pm.expect(body.phone).to.eql(null)"},
        keep={"other_customer_id": "body.id"},
    ),
    Ask(
        "The email is taken",
        "POST /customers",
        409,
        body=BEA | {"name": "Bea Again"},
        shows={"the field at fault": "pm.expect(body.errors).to.have.all.keys('email')"},
    ),
    Ask(
        "A form with faults",
        "POST /customers",
        422,
        body={"name": "", "email": "bea at example.com", "password": "short"},
        shows={"each field at fault": "pm.expect(body.errors).to.have.all.keys('name', 'email', 'password')"},
    ),
    Ask(
        "A stranger tries a password",
        "POST /customers/login",
        401,
        body={"email": "bea.{{run}}@example.com", "password": "thirteen horses"},
        shows=REFUSED,
    ),
    Ask(
        "The customer signs in",
        "POST /customers/login",
        200,
        body={"email": "bea.{{run}}@example.com", "password": "twelve horses"},
        shows=LOGIN,
        keep={"customer_token": "body.token"},
    ),
    Ask(
        "What do you know of me?",
        "GET /customers/{customer_id}",
        200,
        "customer",
        shows={"the phone": 'pm.expect(body.phone).to.eql("555-0100")'} | NO_SECRET,
        keep={"customer_etag": "pm.response.headers.get('ETag')"},
    ),
    Ask(
        "A customer's own record",
        "GET /me",
        200,
        "customer",
        shows={"with my role": 'pm.expect(body.role).to.eql("customer")'},
    ),
    Ask(
        "And of the others? Nothing",
        "GET /customers/{customer_id}",
        404,
        "customer",
        at={"customer_id": "{{other_customer_id}}"},
        shows=REFUSED,
        why="Someone else's record answers as one that does not exist.",
    ),
    Ask(
        "I have moved",
        "PUT /customers/{customer_id}",
        200,
        "customer",
        {"name": "Bea Rider", "email": "bea.rider.{{run}}@example.com", "phone": None},
        headers={"If-Match": "{{customer_etag}}"},
        shows={"as I said": "pm.expect(body).to.include({name: 'Bea Rider', phone: null})"},
    ),
    Ask(
        "A field that is not there",
        "PUT /customers/{customer_id}",
        422,
        "customer",
        {"nickname": "Bee"},
        shows={"it is refused, not ignored": "pm.expect(body.errors).to.have.all.keys('nickname')"},
    ),
    Ask(
        "The counter looks her up",
        "GET /customers?q={{run}}&page=1&per_page=50",
        200,
        "mechanic",
        shows={
            "both of today": 'pm.expect(body.map((each) => each.name)).to.eql(["Bea Rider", "Cy Clist"])',
            "how many there are": 'pm.expect(Number(header("X-Total-Count"))).to.be.at.least(0)',
        },
        why="`X-Total-Count` may lag by 5 seconds.",
    ),
    Ask("A customer may not look", "GET /customers", 403, "customer", shows=REFUSED),
]

TICKETS = [
    Ask(
        "Open a ticket with four pads",
        "POST /tickets",
        201,
        "mechanic",
        TICKET,
        headers={"Idempotency-Key": "open-{{run}}"},
        shows={
            "the VIN in capitals": "pm.expect(body.vin).to.eql(`1hgcm-${kept('run')}`.toUpperCase())",
            "the pads at today's price": PADS_ON,
            "their sum, to the cent": "pm.expect(body.parts_total).to.eql(207.6)",
            "who works on it": 'pm.expect(body.mechanics).to.eql([{id: kept("mechanic_id"), name: "Max Wrench"}])',
        },
        keep={"ticket_id": "body.id"},
        why="An `Idempotency-Key` makes it safe to send the request again when no answer came.",
    ),
    Ask(
        "The line was bad: send it again",
        "POST /tickets",
        201,
        "mechanic",
        TICKET,
        headers={"Idempotency-Key": "open-{{run}}"},
        shows={
            "the first answer again": "pm.expect(body.id).to.eql(kept('ticket_id'))",
            "and it says so": 'pm.expect(header("Idempotency-Replayed")).to.eql("true")',
        },
    ),
    Ask(
        "The pads left the shelf, once",
        "GET /inventory/{part_id}",
        200,
        "mechanic",
        shows={"four of nineteen": "pm.expect(body.quantity).to.eql(15)"},
    ),
    Ask(
        "The key was for another request",
        "POST /tickets",
        422,
        "mechanic",
        TICKET | {"description": "Change the oil"},
        headers={"Idempotency-Key": "open-{{run}}"},
        shows={"what is at fault": "pm.expect(body.errors).to.have.all.keys('Idempotency-Key')"},
    ),
    Ask(
        "More pads than there are",
        "POST /tickets",
        409,
        "mechanic",
        TICKET | {"parts": [{"inventory_id": "{{part_id}}", "quantity": 50}]},
        shows={
            "what is short": "pm.expect(body.shortages).to.eql([{inventory_id: kept('part_id'), requested: 50, available: 15}])"
        },
    ),
    Ask(
        "A ticket for nobody",
        "POST /tickets",
        422,
        "mechanic",
        TICKET | {"customer_id": 2147483647},
        shows={"the field at fault": "pm.expect(body.errors).to.have.all.keys('customer_id')"},
    ),
    Ask("A customer can't open one", "POST /tickets", 403, "customer", TICKET, shows=REFUSED),
    Ask(
        "Another visit, tomorrow",
        "POST /tickets",
        201,
        "mechanic",
        {name: TICKET[name] for name in ("customer_id", "description", "vin")} | {"service_date": "2026-11-25"},
        shows={"without parts": "pm.expect(body.parts).to.eql([])"},
        keep={"later_ticket_id": "body.id"},
    ),
    Ask(
        "And one of the other customer",
        "POST /tickets",
        201,
        "mechanic",
        TICKET | {"customer_id": "{{other_customer_id}}", "parts": [{"inventory_id": "{{filter_id}}"}]},
        shows={"one filter, since no count was given": "pm.expect(body.parts[0].quantity).to.eql(1)"},
        keep={"other_ticket_id": "body.id"},
    ),
    Ask(
        "Show the ticket",
        "GET /tickets/{ticket_id}",
        200,
        "mechanic",
        shows={"the pads": PADS_ON},
        keep={"ticket_etag": "pm.response.headers.get('ETag')"},
    ),
    Ask(
        "Write down more",
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
        shows={"it is there": 'pm.expect(body.description).to.eql("Pads, and the oil")', "the pads, too": PADS_ON},
    ),
    Ask(
        "With an ETag from before",
        "PUT /tickets/{ticket_id}",
        412,
        "mechanic",
        {"description": "Pads alone"},
        headers={"If-Match": "{{ticket_etag}}"},
        shows=REFUSED,
    ),
]
