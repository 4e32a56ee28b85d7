"""The morning: the shop is up, the owner hires, a mechanic starts the shift, and parts arrive."""

from tests.support.postman.asking import Ask

RUN = """\
// What this run makes has names of its own, so that the next run finds them free.
pm.collectionVariables.set("run", Date.now().toString(36));"""
FILLED_IN = """\
if (!pm.variables.get("admin_password")) {
    pm.execution.setNextRequest(null);
    throw new Error("Fill in admin_email and admin_password in the environment: the first `make run` prints them");
}"""
REFUSED = {"nothing but a word of what is wrong": 'pm.expect(body).to.have.all.keys("type", "title", "status", "detail")'}
NO_SECRET = {"no answer holds a password": "pm.expect(pm.response.text()).to.not.include('password')"}
LOGIN = {
    "a bearer token": 'pm.expect(body.token_type).to.eql("Bearer")',
    "it says how long it is good for": "pm.expect(body.expires_in).to.be.above(0)",
    "no cache may keep it": 'pm.expect(header("Cache-Control")).to.eql("no-store")',
}
MAX = {"name": "Max Wrench", "email": "max.{{run}}@example.com", "phone": "555-0142", "salary": 48500.5}

DOORS = [
    Ask(
        "What is this?",
        "GET /",
        200,
        before=RUN,
        shows={"it links to its parts": 'pm.expect(body.links).to.include({docs: "/docs", tickets: "/tickets"})'},
        why="Start here. This request also begins a new run: what the run makes gets names of its own.",
    ),
    Ask("Is it alive?", "GET /health/live", 200, shows={"it is": 'pm.expect(body).to.eql({status: "ok"})'}),
    Ask(
        "Is it ready?", "GET /health/ready", 200, shows={"the database answers": 'pm.expect(body.checks.database).to.eql("ok")'}
    ),
    Ask(
        "The documentation page",
        "GET /docs",
        200,
        shows={"a page": 'pm.expect(header("Content-Type")).to.include("text/html")'},
        why="The saved example is cut short.",
    ),
    Ask(
        "The documentation page, where others have it",
        "GET /api/docs",
        200,
        shows={"a page": 'pm.expect(header("Content-Type")).to.include("text/html")'},
        why="A redirect to `/docs`. The saved example is cut short.",
    ),
    Ask(
        "The documentation for programs",
        "GET /openapi.json",
        200,
        shows={"OpenAPI 3.1": "pm.expect(body.openapi).to.match(/^3\\.1\\./)"},
        why="The saved example is cut short.",
    ),
]

OWNER = [
    Ask(
        "The owner signs in",
        "POST /mechanics/login",
        200,
        before=FILLED_IN,
        body={"email": "{{admin_email}}", "password": "{{admin_password}}"},
        shows={
            "admin_email and admin_password are those of an admin": "if (pm.response.code !== 200) "
            "pm.execution.setNextRequest(null); pm.expect(pm.response.code).to.eql(200)"
        }
        | LOGIN,
        keep={"admin_token": "body.token"},
        why="With the admin's email and password, which you fill in in the environment.",
    ),
    Ask(
        "Hire a mechanic who can sign in",
        "POST /mechanics",
        201,
        "admin",
        MAX | {"password": "open the hood"},
        shows={
            "a mechanic, unless said otherwise": 'pm.expect(body.role).to.eql("mechanic")',
            "an admin sees the salary, to the cent": "pm.expect(body.salary).to.eql(48500.5)",
            "Location names the record": "pm.expect(header('Location')).to.eql(`/mechanics/${body.id}`)",
        }
        | NO_SECRET,
        keep={"mechanic_id": "body.id"},
    ),
    Ask(
        "Hire another, for the front desk",
        "POST /mechanics",
        201,
        "admin",
        {"name": "Ida Desk", "email": "ida.{{run}}@example.com", "phone": "555-0143", "salary": 41000, "role": "mechanic"},
        shows={"the one who was asked for": 'pm.expect(body.name).to.eql("Ida Desk")'},
        keep={"colleague_id": "body.id"},
        why="Without a password: she can be put on tickets, but can't sign in.",
    ),
    Ask(
        "The same email can't be hired twice",
        "POST /mechanics",
        409,
        "admin",
        MAX | {"email": "MAX.{{run}}@Example.com"},
        shows={"the field at fault": "pm.expect(body.errors).to.have.all.keys('email')"},
        why="Nor in capital letters.",
    ),
    Ask(
        "What is wrong with a form is said for each field",
        "POST /mechanics",
        422,
        "admin",
        MAX | {"phone": "call me", "salary": -1, "boss": True},
        shows={"each field at fault": "pm.expect(body.errors).to.have.all.keys('phone', 'salary', 'boss')"},
    ),
    Ask(
        "Who works here?",
        "GET /mechanics?q={{run}}",
        200,
        "admin",
        shows={"both, by ascending id": 'pm.expect(body.map((each) => each.name)).to.eql(["Max Wrench", "Ida Desk"])'},
    ),
    Ask(
        "Nobody is told without a token",
        "GET /mechanics",
        401,
        shows={"what is needed": 'pm.expect(header("WWW-Authenticate")).to.eql("Bearer")'},
    ),
    Ask(
        "A raise, and a new name",
        "PUT /mechanics/{mechanic_id}",
        200,
        "admin",
        {"name": "Ida Bench", "email": "ida.bench.{{run}}@example.com", "phone": "555-0144", "salary": 43000.25}
        | {"role": "mechanic", "password": "all is on the bench"},
        at={"mechanic_id": "{{colleague_id}}"},
        shows={"it is as it was sent": 'pm.expect(body).to.include({name: "Ida Bench", phone: "555-0144", salary: 43000.25})'},
    ),
]

SHIFT = [
    Ask(
        "A mistyped password",
        "POST /mechanics/login",
        401,
        body={"email": "max.{{run}}@example.com", "password": "open the door"},
        shows=REFUSED,
        why="The answer is the same for an unknown email.",
    ),
    Ask(
        "The mechanic signs in",
        "POST /mechanics/login",
        200,
        body={"email": "max.{{run}}@example.com", "password": "open the hood"},
        shows=LOGIN,
        keep={"mechanic_token": "body.token"},
    ),
    Ask(
        "My own record",
        "GET /mechanics/{mechanic_id}",
        200,
        "mechanic",
        shows={"with my salary": "pm.expect(body.salary).to.eql(48500.5)"},
    ),
    Ask(
        "My own record, without my id",
        "GET /me",
        200,
        "mechanic",
        shows={"the same, with my role": 'pm.expect(body).to.include({name: "Max Wrench", role: "mechanic", salary: 48500.5})'},
    ),
    Ask("Nobody's record without a token", "GET /me", 401, shows=REFUSED),
    Ask(
        "A colleague's record, without the salary",
        "GET /mechanics/{mechanic_id}",
        200,
        "mechanic",
        at={"mechanic_id": "{{colleague_id}}"},
        shows={"no salary": "pm.expect(body).to.not.have.property('salary')"},
    ),
    Ask(
        "A mechanic who never was",
        "GET /mechanics/{mechanic_id}",
        404,
        "mechanic",
        at={"mechanic_id": "2147483647"},
        shows=REFUSED,
    ),
    Ask(
        "My new phone",
        "PUT /mechanics/{mechanic_id}",
        200,
        "mechanic",
        {"phone": "+1 555 0145"},
        shows={"what was left out stays": 'pm.expect(body).to.include({name: "Max Wrench", phone: "+1 555 0145"})'},
    ),
    Ask("My salary is not mine to set", "PUT /mechanics/{mechanic_id}", 403, "mechanic", {"salary": 99999}, shows=REFUSED),
]

PARTS = [
    Ask(
        "Twenty brake pads arrive",
        "POST /inventory",
        201,
        "mechanic",
        {"name": "Brake pad, front", "price": 49.9, "quantity": 20, "sku": "PAD-{{run}}"},
        shows={
            "all twenty": "pm.expect(body.quantity).to.eql(20)",
            "Location names the record": "pm.expect(header('Location')).to.eql(`/inventory/${body.id}`)",
        },
        keep={"part_id": "body.id"},
    ),
    Ask(
        "Five oil filters",
        "POST /inventory",
        201,
        "mechanic",
        {"name": "Oil filter", "price": 12.5, "quantity": 5, "sku": "OIL-{{run}}"},
        shows={"all five": "pm.expect(body.quantity).to.eql(5)"},
        keep={"filter_id": "body.id"},
    ),
    Ask(
        "A sku is taken once",
        "POST /inventory",
        409,
        "mechanic",
        {"name": "Brake pad, rear", "price": 39.9, "sku": "PAD-{{run}}"},
        shows={"the field at fault": "pm.expect(body.errors).to.have.all.keys('sku')"},
    ),
    Ask(
        "A count is a whole number",
        "POST /inventory",
        422,
        "mechanic",
        {"name": "Wiper", "price": 9.999, "quantity": 1.5},
        shows={"each field at fault": "pm.expect(body.errors).to.have.all.keys('price', 'quantity')"},
    ),
    Ask(
        "Look it up by its sku",
        "GET /inventory?q=PAD-{{run}}",
        200,
        "mechanic",
        shows={"the one": "pm.expect(body.map((each) => each.id)).to.eql([kept('part_id')])"},
    ),
    Ask("A price list is not for strangers", "GET /inventory", 401, shows=REFUSED),
    Ask(
        "Show the pads",
        "GET /inventory/{part_id}",
        200,
        "mechanic",
        shows={"what came": "pm.expect(body).to.include({price: 49.9, quantity: 20})"},
        keep={"part_etag": "pm.response.headers.get('ETag')"},
    ),
    Ask(
        "Has anything changed?",
        "GET /inventory/{part_id}",
        304,
        "mechanic",
        headers={"If-None-Match": "{{part_etag}}"},
        shows={"no body": "pm.expect(pm.response.text()).to.eql('')"},
        why="Send the ETag of what you hold: as long as it is current, the answer is empty.",
    ),
    Ask("A part that never was", "GET /inventory/{part_id}", 404, "mechanic", at={"part_id": "2147483647"}, shows=REFUSED),
    Ask(
        "The count on the shelf is one less",
        "PUT /inventory/{part_id}",
        200,
        "mechanic",
        {"name": "Brake pad, front (set)", "price": 51.9, "quantity": 19, "sku": "PAD-{{run}}"},
        headers={"If-Match": "{{part_etag}}"},
        shows={"as counted": 'pm.expect(body).to.include({name: "Brake pad, front (set)", price: 51.9, quantity: 19})'},
        why="`quantity` is what was counted; the difference is in the ledger. `If-Match` guards against a colleague's change.",
    ),
    Ask(
        "Two of us changed the same part",
        "PUT /inventory/{part_id}",
        412,
        "mechanic",
        {"price": 44.9},
        headers={"If-Match": "{{part_etag}}"},
        shows=REFUSED,
        why="The ETag is the one from before the count: read the part again, and decide.",
    ),
    Ask(
        "The ledger of the pads",
        "GET /inventory/{part_id}/movements",
        200,
        "mechanic",
        shows={
            "newest first": "pm.expect(body.map((each) => [each.reason, each.change, each.balance]))"
            '.to.eql([["counted", -1, 19], ["received", 20, 20]])',
            "who did it": "pm.expect(body[0].by.id).to.eql(kept('mechanic_id'))",
        },
    ),
    Ask(
        "Five more sets arrive",
        "POST /inventory/{part_id}/movements",
        201,
        "mechanic",
        {"change": 5, "reason": "received", "note": "Delivery of 24 November"},
        headers={"Idempotency-Key": "delivery-{{run}}"},
        shows={"the new balance": "pm.expect(body).to.include({change: 5, balance: 24, reason: 'received'})"},
        why="`received` and `found` add to the stock, `scrapped` and `lost` take away from it.",
    ),
    Ask(
        "Five sets were damaged in transit",
        "POST /inventory/{part_id}/movements",
        201,
        "mechanic",
        {"change": -5, "reason": "scrapped", "note": "Damaged in transit"},
        shows={"the new balance": "pm.expect(body.balance).to.eql(19)"},
    ),
    Ask(
        "More can't be scrapped than there are",
        "POST /inventory/{part_id}/movements",
        409,
        "mechanic",
        {"change": -20, "reason": "scrapped"},
        shows={"what is there": "pm.expect(body.shortages[0].available).to.eql(19)"},
    ),
    Ask(
        "No part, no ledger", "GET /inventory/{part_id}/movements", 404, "mechanic", at={"part_id": "2147483647"}, shows=REFUSED
    ),
]
