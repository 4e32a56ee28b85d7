"""What may not go on a ticket or come off it, and that a refusal does nothing of what was asked."""

import pytest

from tests.support.lines import MOST, off, on


def test_a_short_part_takes_nothing(staff, make, left):
    filters, pads = make.part(quantity=5), make.part(quantity=1)
    ticket = make.ticket()
    lines = [{"inventory_id": filters.id, "quantity": 2}, {"inventory_id": pads.id, "quantity": 2}]
    answer = staff.put(f"/tickets/{ticket.id}/inventory", json={"add_parts": lines})
    assert answer.status_code == 409
    assert answer.json["shortages"] == [{"inventory_id": pads.id, "requested": 2, "available": 1}]
    assert left.stock_of(filters) == 5
    assert left.movements_of(filters) == [("received", 5)]
    assert left.lines_of(ticket) == {}


@pytest.mark.parametrize("through", ["POST", "PUT"])
def test_every_shortage_is_listed(staff, make, unchanged, through):
    """409 with `shortages`, by ascending id, lines of the same part added up; nothing is taken off either."""
    enough, some, none = make.part(quantity=5), make.part(quantity=2), make.part(quantity=0)
    held = make.part()
    ticket = make.ticket(parts=[{"inventory_id": held.id}])
    lines = on((none, 1), (some, 2), (enough, 5), (some, 1))["add_parts"]
    with unchanged():
        if through == "POST":
            body = {"customer_id": ticket.customer_id, "service_date": "2026-11-24", "description": "Oil", "vin": "V1"}
            answer = staff.post("/tickets", json=body | {"parts": lines})
        else:
            answer = staff.put(f"/tickets/{ticket.id}/inventory", json={"add_parts": lines, "remove_parts": [held.id]})
    assert answer.status_code == 409
    assert answer.json["shortages"] == [
        {"inventory_id": some.id, "requested": 3, "available": 2},
        {"inventory_id": none.id, "requested": 1, "available": 0},
    ]


def test_a_shortage_counts_what_comes_off_first(make, unchanged, parts_of):
    part = make.part(quantity=5)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 3}])
    with unchanged():
        answer = parts_of(ticket, on((part, 5)), off((part, 2)))
    assert (answer.status_code, answer.json["shortages"]) == (
        409,
        [{"inventory_id": part.id, "requested": 5, "available": 4}],
    )


def test_no_more_comes_off_than_the_ticket_holds(make, unchanged, parts_of):
    """«taking off more than the ticket holds» is 409, added up over lines; so is a part that isn't on it."""
    part, other, elsewhere = make.part(), make.part(), make.part()
    make.ticket(parts=[{"inventory_id": elsewhere.id, "quantity": 5}])
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 3}, {"inventory_id": other.id}])
    for body in (
        off((part, 4)),
        off((part, 2), (part, 2)),
        off(part, (part, 1)),
        off(other, (part, 4)),
        off(elsewhere),
        off((elsewhere, 1)),
        off((part, MOST), (part, MOST)),
    ):
        with unchanged():
            assert parts_of(ticket, body).status_code == 409, body
            assert parts_of(ticket, body, on((other, 1))).status_code == 409, body


def test_a_return_that_would_pass_the_largest_stock_is_refused(staff, make, left, unchanged, parts_of):
    """409, and the line of the other part stays, too; with room for it the same return works."""
    part, other = make.part(quantity=3), make.part()
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 3}, {"inventory_id": other.id}])
    staff.put(f"/inventory/{part.id}", json={"quantity": MOST - 2})
    with unchanged():
        answer = parts_of(ticket, off(other, part))
    assert (answer.status_code, "shortages" in answer.json) == (409, False)
    assert parts_of(ticket, off((part, 2))).status_code == 200
    assert left.stock_of(part) == MOST


def test_a_line_never_passes_the_largest_count(staff, make, left, unchanged, parts_of):
    """A ticket that holds 2,147,483,647 of a part takes no more of it: 409."""
    part = make.part(quantity=MOST)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": MOST}])
    staff.put(f"/inventory/{part.id}", json={"quantity": 5})
    with unchanged():
        assert parts_of(ticket, on((part, 1))).status_code == 409
    assert parts_of(ticket, on((part, 1)), off((part, 1))).status_code == 200
    assert left.lines_of(ticket) == {part.id: MOST}


def test_a_deleted_part_comes_off_but_never_on(admin, make, left, unchanged, parts_of):
    """Taking a deleted part off a ticket still works, putting one on is 422; it still shows on old tickets."""
    part = make.part(name="Pads", quantity=5)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 3}])
    never_on = make.ticket()
    admin.delete(f"/inventory/{part.id}")
    assert admin.get(f"/tickets/{ticket.id}").json["parts"][0]["name"] == "Pads"
    with unchanged():
        refused = parts_of(ticket, off((part, 1)), on((part, 1)))
        assert (refused.status_code, list(refused.json["errors"])) == (422, ["add_parts.0.inventory_id"])
        assert parts_of(never_on, off(part)).status_code == 422
    assert parts_of(ticket, off((part, 1))).json["parts"][0]["quantity"] == 2
    assert parts_of(ticket, off(part)).json["parts"] == []
    assert left.stock_of(part) == 5


LISTS = ("add_parts", "remove_parts")
NO_COUNTS = (0, -1, 1.0, "1", True, None, MOST + 1)
NO_PARTS = [
    ("add_parts", [{"inventory_id": MOST}], ["add_parts.0.inventory_id"]),
    ("add_parts", ["known", {"inventory_id": MOST}, "known", {"inventory_id": 1, "quantity": 0}], ["add_parts.3.quantity"]),
    (
        "add_parts",
        ["known", {"inventory_id": MOST}, {"inventory_id": MOST - 1}],
        [f"add_parts.{n}.inventory_id" for n in (1, 2)],
    ),
    ("remove_parts", ["known", {"inventory_id": MOST, "quantity": 1}], ["remove_parts.1.inventory_id"]),
    ("remove_parts", ["known", MOST], ["remove_parts.1.inventory_id"]),
    ("remove_parts", [0], ["remove_parts.0.inventory_id"]),
    *(("remove_parts", [value], ["remove_parts.0"]) for value in ("1", True, 1.0, None, [1])),
    *(("add_parts", [value], ["add_parts.0"]) for value in (1, "1", None)),
    *((name, [{"inventory_id": 1, "quantity": n}], [f"{name}.0.quantity"]) for name in LISTS for n in NO_COUNTS),
    *((name, [{"inventory_id": 1, "price": 1}], [f"{name}.0.price"]) for name in LISTS),
    *((name, [{"quantity": 1}], [f"{name}.0.inventory_id"]) for name in LISTS),
    *((name, ["known"] * 101, [name]) for name in LISTS),
    *((name, value, [name]) for name in LISTS for value in ({}, None, 1, "1")),
    ("parts", [], ["parts"]),
]


@pytest.mark.parametrize(("field", "value", "wrong"), NO_PARTS, ids=lambda value: f"{value!r:.40}")
def test_a_wrong_line_is_named_and_nothing_is_done(staff, make, unchanged, field, value, wrong):
    """An id in a body that names nothing is 422, and each wrong line is named by its number."""
    part = make.part()
    ticket = make.ticket(parts=[{"inventory_id": part.id}])
    known = {"inventory_id": part.id, "quantity": 1}
    if isinstance(value, list):
        value = [known if line == "known" else line for line in value]
    with unchanged():
        answer = staff.put(f"/tickets/{ticket.id}/inventory", json={"add_parts": [known]} | {field: value})
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == wrong


def test_a_hundred_lines_are_taken(make, left, parts_of):
    part, ticket = make.part(quantity=100), make.ticket()
    assert parts_of(ticket, on(*[(part, 1)] * 100)).status_code == 200
    assert parts_of(ticket, off(*[(part, 1)] * 100)).status_code == 200
    assert left.stock_of(part) == 100
