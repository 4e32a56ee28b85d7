"""The bay: who works on the ticket, what goes on it and comes off again, and how often a day."""

from tests.support.postman.asking import Ask
from tests.support.postman.opening import REFUSED

MAX_ALONE = 'pm.expect(body.mechanics).to.eql([{id: kept("mechanic_id"), name: "Max Wrench"}])'
LIMITED = {
    "nothing is left of the limit": 'pm.expect(header("X-RateLimit-Remaining")).to.eql("0")',
    "when to come back": 'pm.expect(Number(header("Retry-After"))).to.be.above(0)',
}
SWAP = {
    "remove_parts": [{"inventory_id": "{{part_id}}", "quantity": 1}],
    "add_parts": [{"inventory_id": "{{filter_id}}", "quantity": 2}],
}
SWAPPED = (
    "pm.expect(body.parts.map((each) => [each.inventory_id, each.quantity]))"
    ".to.eql([[kept('part_id'), 3], [kept('filter_id'), 2]])"
)

CREW = [
    Ask(
        "Ida helps",
        "PUT /tickets/{ticket_id}/mechanics",
        200,
        "mechanic",
        {"add_mechanic_ids": ["{{colleague_id}}"], "remove_mechanic_ids": []},
        shows={
            "both, by ascending id": 'pm.expect(body.mechanics.map((each) => each.name)).to.eql(["Max Wrench", "Ida Bench"])'
        },
    ),
    Ask(
        "Who is on it?",
        "GET /tickets/{ticket_id}/mechanics",
        200,
        "customer",
        shows={"both": 'pm.expect(body.map((each) => each.name)).to.eql(["Max Wrench", "Ida Bench"])'},
    ),
    Ask(
        "Who is on that of another? Nothing",
        "GET /tickets/{ticket_id}/mechanics",
        404,
        "customer",
        at={"ticket_id": "{{other_ticket_id}}"},
        shows=REFUSED,
    ),
    Ask(
        "Ida is done",
        "DELETE /tickets/{ticket_id}/mechanics/{mechanic_id}",
        204,
        "mechanic",
        at={"mechanic_id": "{{colleague_id}}"},
        shows={"no body": "pm.expect(pm.response.text()).to.eql('')"},
    ),
    Ask(
        "She can't be done twice",
        "DELETE /tickets/{ticket_id}/mechanics/{mechanic_id}",
        404,
        "mechanic",
        at={"mechanic_id": "{{colleague_id}}"},
        shows=REFUSED,
    ),
    Ask(
        "One way of saying it at a time",
        "PUT /tickets/{ticket_id}/mechanics",
        422,
        "mechanic",
        {"mechanic_ids": ["{{mechanic_id}}"], "add_mechanic_ids": ["{{colleague_id}}"]},
        shows={"it says what is at fault": "pm.expect(body.errors).to.be.an('object')"},
        why="Either the whole new set, or who comes and who goes.",
    ),
    Ask(
        "The whole set at once",
        "PUT /tickets/{ticket_id}/mechanics",
        200,
        "mechanic",
        {"mechanic_ids": ["{{mechanic_id}}", "{{colleague_id}}"]},
        shows={"both": "pm.expect(body.mechanics).to.have.length(2)"},
    ),
    Ask(
        "Max alone, the third change today",
        "PUT /tickets/{ticket_id}/mechanics",
        200,
        "mechanic",
        {"remove_mechanic_ids": ["{{colleague_id}}"]},
        shows={"he is": MAX_ALONE},
    ),
    Ask(
        "A fourth change must wait",
        "PUT /tickets/{ticket_id}/mechanics",
        429,
        "mechanic",
        {"mechanic_ids": []},
        shows=LIMITED,
        why="Three a day by one caller on one ticket, unless LIMIT_TICKET_MECHANICS says otherwise.",
    ),
]

LINES = [
    Ask(
        "A pad comes off, two filters go on",
        "PUT /tickets/{ticket_id}/inventory",
        200,
        "mechanic",
        SWAP,
        headers={"Idempotency-Key": "swap-{{run}}"},
        shows={
            "three pads, two filters": SWAPPED,
            "their sum, to the cent": "pm.expect(body.parts_total).to.eql(180.7)",
        },
    ),
    Ask(
        "More filters than there are",
        "PUT /tickets/{ticket_id}/inventory",
        409,
        "mechanic",
        {"add_parts": [{"inventory_id": "{{part_id}}"}, {"inventory_id": "{{filter_id}}", "quantity": 50}]},
        shows={
            "what is short": "pm.expect(body.shortages)"
            ".to.eql([{inventory_id: kept('filter_id'), requested: 50, available: 2}])"
        },
        why="All lines of a request happen, or none does: the pad stays on the shelf, too.",
    ),
    Ask(
        "More off than are on it",
        "PUT /tickets/{ticket_id}/inventory",
        409,
        "mechanic",
        {"remove_parts": [{"inventory_id": "{{part_id}}", "quantity": 4}]},
        shows={"it says why": "pm.expect(body.detail).to.be.a('string')"},
    ),
    Ask(
        "Nothing happened",
        "GET /inventory/{part_id}",
        200,
        "mechanic",
        shows={"three of nineteen are on the ticket": "pm.expect(body.quantity).to.eql(16)"},
    ),
    Ask(
        "Take the pads off again",
        "PUT /tickets/{ticket_id}/inventory",
        200,
        "mechanic",
        {"remove_parts": ["{{part_id}}"]},
        shows={
            "only the filters are left": "pm.expect(body.parts.map((each) => each.inventory_id)).to.eql([kept('filter_id')])"
        },
        why="A bare id takes the whole line off.",
    ),
    Ask(
        "A pad after all, the third change today",
        "PUT /tickets/{ticket_id}/inventory",
        200,
        "mechanic",
        {"add_parts": [{"inventory_id": "{{part_id}}"}]},
        shows={"one, since no count was given": "pm.expect(body.parts[0].quantity).to.eql(1)"},
    ),
    Ask(
        "Another change must wait",
        "PUT /tickets/{ticket_id}/inventory",
        429,
        "mechanic",
        {"add_parts": [{"inventory_id": "{{part_id}}"}]},
        shows=LIMITED,
        why="Three a day by one caller on one ticket, unless LIMIT_TICKET_INVENTORY says otherwise.",
    ),
    Ask(
        "But a first answer can be had again",
        "PUT /tickets/{ticket_id}/inventory",
        200,
        "mechanic",
        SWAP,
        headers={"Idempotency-Key": "swap-{{run}}"},
        shows={"as it was": SWAPPED, "and it says so": 'pm.expect(header("Idempotency-Replayed")).to.eql("true")'},
        why="A replay does nothing, and so no limit keeps it back.",
    ),
    Ask(
        "Which tickets used this part?",
        "GET /inventory/{part_id}/movements?per_page=5",
        200,
        "mechanic",
        shows={
            "every step, newest first": "pm.expect(body.map((each) => each.change)).to.eql([-1, 3, 1, -4, -5])",
            "the ticket": "pm.expect(body[0].ticket_id).to.eql(kept('ticket_id'))",
            "the count is the sum": "pm.expect(body[0].balance).to.eql(18)",
            "more on the next page": "pm.expect(header('Link')).to.include('rel=\"next\"')",
        },
    ),
]
