"""Describe the requests that change the mechanics and the parts of a ticket."""

from tests.support.postman.checks import PROBLEM
from tests.support.postman.items import Request

ONE_MECHANIC = 'pm.expect(body.mechanics).to.eql([{id: variable("mechanic_id"), name: "Max Wrench"}])'

BOTH_NAMES = 'pm.expect(body.mechanics.map((each) => each.name)).to.eql(["Max Wrench", "Ida Bench"])'

LIMIT_REACHED = {
    "X-RateLimit-Remaining is 0": 'pm.expect(header("X-RateLimit-Remaining")).to.eql("0")',
    "Retry-After is positive": 'pm.expect(Number(header("Retry-After"))).to.be.above(0)',
}

SWAP = {
    "remove_parts": [{"inventory_id": "{{part_id}}", "quantity": 1}],
    "add_parts": [{"inventory_id": "{{filter_id}}", "quantity": 2}],
}

SWAPPED = (
    "pm.expect(body.parts.map((each) => [each.inventory_id, each.quantity]))"
    ".to.eql([[variable('part_id'), 3], [variable('filter_id'), 2]])"
)

MECHANICS = [
    Request(
        "Add a mechanic to a ticket",
        "PUT /tickets/{ticket_id}/mechanics",
        200,
        "mechanic",
        {"add_mechanic_ids": ["{{colleague_id}}"], "remove_mechanic_ids": []},
        checks={"both mechanics by ascending id": BOTH_NAMES},
    ),
    Request(
        "List the mechanics of a ticket",
        "GET /tickets/{ticket_id}/mechanics",
        200,
        "customer",
        checks={"both mechanics": 'pm.expect(body.map((each) => each.name)).to.eql(["Max Wrench", "Ida Bench"])'},
    ),
    Request(
        "The mechanics of another customer's ticket are 404",
        "GET /tickets/{ticket_id}/mechanics",
        404,
        "customer",
        path_values={"ticket_id": "{{other_ticket_id}}"},
        checks=PROBLEM,
    ),
    Request(
        "Remove a mechanic from a ticket",
        "DELETE /tickets/{ticket_id}/mechanics/{mechanic_id}",
        204,
        "mechanic",
        path_values={"mechanic_id": "{{colleague_id}}"},
        checks={"the body is empty": "pm.expect(pm.response.text()).to.eql('')"},
    ),
    Request(
        "Removing a mechanic who is not assigned is 404",
        "DELETE /tickets/{ticket_id}/mechanics/{mechanic_id}",
        404,
        "mechanic",
        path_values={"mechanic_id": "{{colleague_id}}"},
        checks=PROBLEM,
    ),
    Request(
        "mechanic_ids together with add_mechanic_ids is 422",
        "PUT /tickets/{ticket_id}/mechanics",
        422,
        "mechanic",
        {"mechanic_ids": ["{{mechanic_id}}"], "add_mechanic_ids": ["{{colleague_id}}"]},
        checks={"it has errors": "pm.expect(body.errors).to.be.an('object')"},
        description="Send either the whole new set, or the changes.",
    ),
    Request(
        "Set all mechanics of a ticket",
        "PUT /tickets/{ticket_id}/mechanics",
        200,
        "mechanic",
        {"mechanic_ids": ["{{mechanic_id}}", "{{colleague_id}}"]},
        checks={"both mechanics": "pm.expect(body.mechanics).to.have.length(2)"},
    ),
    Request(
        "Remove a mechanic with PUT, the third change of the day",
        "PUT /tickets/{ticket_id}/mechanics",
        200,
        "mechanic",
        {"remove_mechanic_ids": ["{{colleague_id}}"]},
        checks={"only that mechanic is left": ONE_MECHANIC},
    ),
    Request(
        "A fourth change of mechanics is 429",
        "PUT /tickets/{ticket_id}/mechanics",
        429,
        "mechanic",
        {"mechanic_ids": []},
        checks=LIMIT_REACHED,
        description="The default of LIMIT_TICKET_MECHANICS is 3 per day, by caller and ticket.",
    ),
]

PARTS = [
    Request(
        "Add and remove parts with an Idempotency-Key",
        "PUT /tickets/{ticket_id}/inventory",
        200,
        "mechanic",
        SWAP,
        headers={"Idempotency-Key": "swap-{{run}}"},
        checks={
            "three of the part, two of the other": SWAPPED,
            "parts_total is exact": "pm.expect(body.parts_total).to.eql(180.7)",
        },
    ),
    Request(
        "Adding more than in stock is 409",
        "PUT /tickets/{ticket_id}/inventory",
        409,
        "mechanic",
        {"add_parts": [{"inventory_id": "{{part_id}}"}, {"inventory_id": "{{filter_id}}", "quantity": 50}]},
        checks={
            "shortages has the part": "pm.expect(body.shortages)"
            ".to.eql([{inventory_id: variable('filter_id'), requested: 50, available: 2}])"
        },
        description="A request changes all of its parts or none.",
    ),
    Request(
        "Removing more than the ticket has is 409",
        "PUT /tickets/{ticket_id}/inventory",
        409,
        "mechanic",
        {"remove_parts": [{"inventory_id": "{{part_id}}", "quantity": 4}]},
        checks={"it has a detail": "pm.expect(body.detail).to.be.a('string')"},
    ),
    Request(
        "Refused changes left the stock as it was",
        "GET /inventory/{part_id}",
        200,
        "mechanic",
        checks={"quantity is 19 - 3": "pm.expect(body.quantity).to.eql(16)"},
    ),
    Request(
        "Remove all of a part",
        "PUT /tickets/{ticket_id}/inventory",
        200,
        "mechanic",
        {"remove_parts": ["{{part_id}}"]},
        checks={
            "only the other part is left": "pm.expect(body.parts).to.have.length(1); "
            "pm.expect(body.parts[0].inventory_id).to.eql(variable('filter_id'))"
        },
        description="A bare id removes all of the part.",
    ),
    Request(
        "Add a part, the third change of the day",
        "PUT /tickets/{ticket_id}/inventory",
        200,
        "mechanic",
        {"add_parts": [{"inventory_id": "{{part_id}}"}]},
        checks={"quantity is 1 by default": "pm.expect(body.parts[0].quantity).to.eql(1)"},
    ),
    Request(
        "A fourth change of parts is 429",
        "PUT /tickets/{ticket_id}/inventory",
        429,
        "mechanic",
        {"add_parts": [{"inventory_id": "{{part_id}}"}]},
        checks=LIMIT_REACHED,
        description="The default of LIMIT_TICKET_INVENTORY is 3 per day, by caller and ticket.",
    ),
    Request(
        "A retry returns the stored response in spite of the limit",
        "PUT /tickets/{ticket_id}/inventory",
        200,
        "mechanic",
        SWAP,
        headers={"Idempotency-Key": "swap-{{run}}"},
        checks={
            "it is the first response": SWAPPED,
            "Idempotency-Replayed is true": 'pm.expect(header("Idempotency-Replayed")).to.eql("true")',
        },
        description="A replay changes nothing and counts against no limit.",
    ),
    Request(
        "List the stock movements by ticket",
        "GET /inventory/{part_id}/movements?per_page=5",
        200,
        "mechanic",
        checks={
            "every change, newest first": "pm.expect(body.map((each) => each.change)).to.eql([-1, 3, 1, -4, -5])",
            "ticket_id is the ticket": "pm.expect(body[0].ticket_id).to.eql(variable('ticket_id'))",
            "balance is the sum": "pm.expect(body[0].balance).to.eql(18)",
            "Link has the next page": "pm.expect(header('Link')).to.include('rel=\"next\"')",
        },
    ),
]
