"""Parts that cannot be added to a ticket or removed from it: a refusal changes nothing."""

import pytest

from tests.support.part_lines import MOST, off, on


def test_shortage_deducts_nothing(staff, make, left):
    filters, pads = make.part(quantity=5), make.part(quantity=1)
    ticket = make.ticket()
    lines = [{"inventory_id": filters.id, "quantity": 2}, {"inventory_id": pads.id, "quantity": 2}]
    response = staff.put(f"/tickets/{ticket.id}/inventory", json={"add_parts": lines})
    assert response.status_code == 409
    assert response.json["shortages"] == [{"inventory_id": pads.id, "requested": 2, "available": 1}]
    assert left.stock_of(filters) == 5
    assert left.movements_of(filters) == [("received", 5)]
    assert left.lines_of(ticket) == {}


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_every_shortage_is_listed(staff, make, unchanged, method):
    """By ascending id, lines of the same part added up. Nothing is removed either."""
    enough, some, none = make.part(quantity=5), make.part(quantity=2), make.part(quantity=0)
    removed = make.part()
    ticket = make.ticket(parts=[{"inventory_id": removed.id}])
    lines = on((none, 1), (some, 2), (enough, 5), (some, 1))["add_parts"]
    with unchanged():
        if method == "POST":
            body = {"customer_id": ticket.customer_id, "service_date": "2026-11-24", "description": "Oil", "vin": "V1"}
            response = staff.post("/tickets", json=body | {"parts": lines})
        else:
            response = staff.put(f"/tickets/{ticket.id}/inventory", json={"add_parts": lines, "remove_parts": [removed.id]})
    assert response.status_code == 409
    assert response.json["shortages"] == [
        {"inventory_id": some.id, "requested": 3, "available": 2},
        {"inventory_id": none.id, "requested": 1, "available": 0},
    ]


def test_available_includes_what_the_request_returns(make, unchanged, change_parts):
    part = make.part(quantity=5)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 3}])
    with unchanged():
        response = change_parts(ticket, on((part, 5)), off((part, 2)))
    assert (response.status_code, response.json["shortages"]) == (
        409,
        [{"inventory_id": part.id, "requested": 5, "available": 4}],
    )


def test_removing_more_than_the_ticket_has_is_409(make, unchanged, change_parts):
    """Quantities of the same part are added up. A part that is not on the ticket is refused as well."""
    part, other, on_other_ticket = make.part(), make.part(), make.part()
    make.ticket(parts=[{"inventory_id": on_other_ticket.id, "quantity": 5}])
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 3}, {"inventory_id": other.id}])
    for body in (
        off((part, 4)),
        off((part, 2), (part, 2)),
        off(part, (part, 1)),
        off(other, (part, 4)),
        off(on_other_ticket),
        off((on_other_ticket, 1)),
        off((part, MOST), (part, MOST)),
    ):
        with unchanged():
            assert change_parts(ticket, body).status_code == 409, body
            assert change_parts(ticket, body, on((other, 1))).status_code == 409, body


def test_return_beyond_the_largest_stock_is_409(staff, make, left, unchanged, change_parts):
    """The line of the other part stays too. With room for it, the same return works."""
    part, other = make.part(quantity=3), make.part()
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 3}, {"inventory_id": other.id}])
    staff.put(f"/inventory/{part.id}", json={"quantity": MOST - 2})
    with unchanged():
        response = change_parts(ticket, off(other, part))
    assert (response.status_code, "shortages" in response.json) == (409, False)
    assert change_parts(ticket, off((part, 2))).status_code == 200
    assert left.stock_of(part) == MOST


def test_line_beyond_the_largest_quantity_is_409(staff, make, left, unchanged, change_parts):
    """A ticket with 2,147,483,647 of a part accepts no more of it."""
    part = make.part(quantity=MOST)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": MOST}])
    staff.put(f"/inventory/{part.id}", json={"quantity": 5})
    with unchanged():
        assert change_parts(ticket, on((part, 1))).status_code == 409
    assert change_parts(ticket, on((part, 1)), off((part, 1))).status_code == 200
    assert left.lines_of(ticket) == {part.id: MOST}


def test_deleted_part_can_be_removed_but_not_added(admin, make, left, unchanged, change_parts):
    """It is still shown on old tickets."""
    part = make.part(name="Pads", quantity=5)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 3}])
    other_ticket = make.ticket()
    admin.delete(f"/inventory/{part.id}")
    assert admin.get(f"/tickets/{ticket.id}").json["parts"][0]["name"] == "Pads"
    with unchanged():
        response = change_parts(ticket, off((part, 1)), on((part, 1)))
        assert (response.status_code, list(response.json["errors"])) == (422, ["add_parts.0.inventory_id"])
        assert change_parts(other_ticket, off(part)).status_code == 422
    assert change_parts(ticket, off((part, 1))).json["parts"][0]["quantity"] == 2
    assert change_parts(ticket, off(part)).json["parts"] == []
    assert left.stock_of(part) == 5


LISTS = ("add_parts", "remove_parts")
WRONG_QUANTITIES = (0, -1, 1.0, "1", True, None, MOST + 1)
WRONG_LINES = [
    ("add_parts", [{"inventory_id": MOST}], ["add_parts.0.inventory_id"]),
    ("add_parts", ["known", {"inventory_id": MOST}, "known", {"inventory_id": 1, "quantity": 0}], ["add_parts.3.quantity"]),
    (
        "add_parts",
        ["known", {"inventory_id": MOST}, {"inventory_id": MOST - 1}],
        [f"add_parts.{n}.inventory_id" for n in (1, 2)],
    ),
    ("remove_parts", ["known", {"inventory_id": MOST, "quantity": 1}], ["remove_parts.1.inventory_id"]),
    ("remove_parts", ["known", MOST, {"inventory_id": MOST}], ["remove_parts.1", "remove_parts.2.inventory_id"]),
    ("remove_parts", [0], ["remove_parts.0"]),
    *(("remove_parts", [value], ["remove_parts.0"]) for value in ("1", True, 1.0, None, [1])),
    *(("add_parts", [value], ["add_parts.0"]) for value in (1, "1", None)),
    *((name, [{"inventory_id": 1, "quantity": n}], [f"{name}.0.quantity"]) for name in LISTS for n in WRONG_QUANTITIES),
    *((name, [{"inventory_id": 1, "price": 1}], [f"{name}.0.price"]) for name in LISTS),
    *((name, [{"quantity": 1}], [f"{name}.0.inventory_id"]) for name in LISTS),
    *((name, ["known"] * 101, [name]) for name in LISTS),
    *((name, value, [name]) for name in LISTS for value in ({}, None, 1, "1")),
    ("parts", [], ["parts"]),
]


@pytest.mark.parametrize(("field", "value", "wrong"), WRONG_LINES, ids=lambda value: f"{value!r:.40}")
def test_wrong_line_is_422_and_named_by_its_number(staff, make, unchanged, field, value, wrong):
    """So is an unknown id. Nothing is changed."""
    part = make.part()
    ticket = make.ticket(parts=[{"inventory_id": part.id}])
    known = {"inventory_id": part.id, "quantity": 1}
    if isinstance(value, list):
        value = [known if line == "known" else line for line in value]
    with unchanged():
        response = staff.put(f"/tickets/{ticket.id}/inventory", json={"add_parts": [known]} | {field: value})
    assert response.status_code == 422
    assert list(response.json["errors"]) == wrong


def test_hundred_lines_are_accepted(make, left, change_parts):
    part, ticket = make.part(quantity=100), make.ticket()
    assert change_parts(ticket, on(*[(part, 1)] * 100)).status_code == 200
    assert change_parts(ticket, off(*[(part, 1)] * 100)).status_code == 200
    assert left.stock_of(part) == 100
