"""The stock ledger, `/inventory/<id>/movements`. At every moment `quantity` is the sum of the changes."""

import re

import pytest

from app.blueprints.inventory import stock
from app.models import inventory
from app.utils.db.statements import insert_row
from app.utils.db.transactions import transaction

MAX_QUANTITY = 2_147_483_647


def ledger(person, part, query=""):
    response = person.get(f"/inventory/{part.id}/movements{query}")
    assert response.status_code == 200
    return response.json


def test_ledger_has_every_movement(staff, make, left):
    """Received, used, returned, counted: each with its change, the balance after it, its ticket and the person."""
    part, mechanic = make.part(quantity=10), make.mechanic(name="Mia")
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 4}])
    path = f"/tickets/{ticket.id}/inventory"
    mechanic.put(path, json={"remove_parts": [{"inventory_id": part.id, "quantity": 1}]})
    staff.put(f"/inventory/{part.id}", json={"quantity": 5})
    staff.put(f"/inventory/{part.id}", json={"quantity": 9})
    mechanic.delete(f"/tickets/{ticket.id}")
    creator, mia, me = ({"id": person.id, "name": person.record["name"]} for person in (make.creator, mechanic, staff))
    expected = [
        (10, 10, "received", None, creator),
        (-4, 6, "used", ticket.id, creator),
        (1, 7, "returned", ticket.id, mia),
        (-2, 5, "counted", None, me),
        (4, 9, "counted", None, me),
        (3, 12, "returned", ticket.id, mia),
    ]
    movements = ledger(staff, part)
    keys = ("change", "balance", "reason", "ticket_id", "by")
    assert [tuple(movement[key] for key in keys) for movement in reversed(movements)] == expected
    assert all(set(movement) == {"id", *keys, "note", "created_at"} for movement in movements)
    assert [movement["id"] for movement in movements] == sorted((movement["id"] for movement in movements), reverse=True)
    assert sum(movement["change"] for movement in movements) == left.stock_of(part) == 12


def test_part_removed_and_added_in_one_request_has_two_movements(staff, make):
    """A part in both `remove_parts` and `add_parts` is removed first."""
    part = make.part(quantity=3)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 3}])
    body = {"remove_parts": [part.id], "add_parts": [{"inventory_id": part.id, "quantity": 2}]}
    staff.put(f"/tickets/{ticket.id}/inventory", json=body)
    assert [(each["reason"], each["change"], each["balance"]) for each in ledger(staff, part)[:2]] == [
        ("used", -2, 1),
        ("returned", 3, 3),
    ]


def test_movement_without_a_caller_has_by_null(app, staff):
    """The shop itself: an import, the demo."""

    @transaction
    def import_part():
        part_id = insert_row(inventory, {"name": "Imported", "price_cents": 100, "quantity": 7})
        stock.receive_first_stock(part_id, 7)
        return part_id

    with app.app_context():
        part_id = import_part()
    (movement,) = staff.get(f"/inventory/{part_id}/movements").json
    assert (movement["by"], movement["change"], movement["reason"]) == (None, 7, "received")


def test_deleted_mechanic_stays_in_the_ledger(admin, make):
    mechanic = make.mechanic(name="Lee")
    part = make.part()
    mechanic.put(f"/inventory/{part.id}", json={"quantity": 3})
    admin.delete(f"/mechanics/{mechanic.id}")
    assert ledger(admin, part)[0]["by"] == {"id": mechanic.id, "name": "Lee"}


def test_largest_change_is_recorded(staff, make):
    """From 0 to 2,147,483,647 and back."""
    part = make.part(quantity=0)
    for quantity in (MAX_QUANTITY, 0, MAX_QUANTITY):
        assert staff.put(f"/inventory/{part.id}", json={"quantity": quantity}).json["quantity"] == quantity
    assert [movement["change"] for movement in ledger(staff, part)] == [MAX_QUANTITY, -MAX_QUANTITY, MAX_QUANTITY]


def test_ledger_of_a_part_is_paginated(staff, make):
    """Newest first. `after` accepts only a movement of this part."""
    part, other = make.part(quantity=1), make.part(quantity=1)
    for quantity in (2, 3, 4):
        staff.put(f"/inventory/{part.id}", json={"quantity": quantity})
    balances = [movement["balance"] for movement in ledger(staff, part)]
    assert balances == [4, 3, 2, 1]
    first, second, third, _ = (movement["id"] for movement in ledger(staff, part))
    assert [each["id"] for each in ledger(staff, part, f"?after={first}&per_page=2")] == [second, third]
    page = staff.get(f"/inventory/{part.id}/movements?page=2&per_page=3")
    assert ([each["balance"] for each in page.json], page.headers["X-Total-Count"]) == ([1], "4")
    (other_movement,) = ledger(staff, other)
    response = staff.get(f"/inventory/{part.id}/movements?after={other_movement['id']}")
    assert (response.status_code, list(response.json["errors"])) == (422, ["after"])


def test_movement_has_its_time_in_utc(staff, make):
    part = make.part()
    (movement,) = ledger(staff, part)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", movement["created_at"])
    assert movement["created_at"] >= part.created_at


# ---------------------------------------------------------------- movements without a ticket
@pytest.mark.parametrize(("reason", "change"), [("received", 20), ("found", 1), ("scrapped", -2), ("lost", -10)])
def test_movement_changes_the_stock_and_is_in_the_ledger(staff, make, left, reason, change):
    part = make.part(quantity=10)
    response = staff.post(f"/inventory/{part.id}/movements", json={"change": change, "reason": reason, "note": " Box 7 "})
    assert (response.status_code, response.headers["Location"]) == (201, f"/inventory/{part.id}/movements")
    newest = ledger(staff, part)[0]
    assert response.json == newest
    by = {"id": staff.id, "name": staff.record["name"]}
    expected = {"change": change, "balance": 10 + change, "reason": reason, "note": "Box 7", "ticket_id": None, "by": by}
    assert newest == newest | expected
    assert left.stock_of(part) == staff.get(f"/inventory/{part.id}").json["quantity"] == 10 + change


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"change": -11, "reason": "scrapped"}, "out_of_stock"),
        ({"change": -MAX_QUANTITY, "reason": "lost"}, "out_of_stock"),
        ({"change": MAX_QUANTITY - 9, "reason": "received"}, "stock_full"),
        ({"change": MAX_QUANTITY, "reason": "found"}, "stock_full"),
    ],
)
def test_movement_beyond_the_bounds_is_409_and_changes_nothing(staff, make, unchanged, body, code):
    part = make.part(quantity=10)
    with unchanged():
        response = staff.post(f"/inventory/{part.id}/movements", json=body)
    assert (response.status_code, response.json["code"]) == (409, code)
    if code == "out_of_stock":
        assert response.json["shortages"] == [{"inventory_id": part.id, "requested": -body["change"], "available": 10}]


@pytest.mark.parametrize(
    "body",
    [
        {"change": 0, "reason": "received"},
        {"change": -1, "reason": "received"},
        {"change": -1, "reason": "found"},
        {"change": 1, "reason": "scrapped"},
        {"change": 1, "reason": "lost"},
        {"change": 0, "reason": "lost"},
    ],
)
def test_movement_in_the_other_direction_is_422(staff, make, unchanged, body):
    part = make.part(quantity=10)
    with unchanged():
        response = staff.post(f"/inventory/{part.id}/movements", json=body)
    assert (response.status_code, list(response.json["errors"])) == (422, ["change"])


def test_movement_of_a_missing_or_deleted_part_is_404(staff, admin, make, unchanged):
    part = make.part(quantity=10)
    admin.delete(f"/inventory/{part.id}")
    with unchanged():
        for part_id in (part.id, part.id + 1000):
            response = staff.post(f"/inventory/{part_id}/movements", json={"change": 1, "reason": "found"})
            assert response.status_code == 404


def test_repeated_movement_is_done_once(staff, make, left):
    part = make.part(quantity=10)
    responses = [
        staff.post(
            f"/inventory/{part.id}/movements",
            json={"change": 5, "reason": "received"},
            headers={"Idempotency-Key": "delivery"},
        )
        for _ in range(2)
    ]
    assert [response.status_code for response in responses] == [201, 201]
    assert responses[0].data == responses[1].data
    assert left.stock_of(part) == 15
