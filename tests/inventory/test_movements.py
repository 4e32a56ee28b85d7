"""«GET /inventory/<id>/movements»: the stock ledger. At every moment `quantity` is the sum of the changes."""

import re

from app.blueprints.inventory import stock
from app.models import inventory
from app.utils.db.statements import insert_row
from app.utils.db.transactions import transaction

MOST = 2_147_483_647


def ledger(person, part, query=""):
    answer = person.get(f"/inventory/{part.id}/movements{query}")
    assert answer.status_code == 200
    return answer.json


def test_the_ledger_tells_the_whole_story(staff, make, left):
    """Received, used, returned, counted: each with its change, the balance after it, its ticket and who did it."""
    part, mechanic = make.part(quantity=10), make.mechanic(name="Mia")
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 4}])
    path = f"/tickets/{ticket.id}/inventory"
    mechanic.put(path, json={"remove_parts": [{"inventory_id": part.id, "quantity": 1}]})
    staff.put(f"/inventory/{part.id}", json={"quantity": 5})
    staff.put(f"/inventory/{part.id}", json={"quantity": 9})
    mechanic.delete(f"/tickets/{ticket.id}")
    boss, mia, me = ({"id": who.id, "name": who.record["name"]} for who in (make.boss, mechanic, staff))
    story = [
        (10, 10, "received", None, boss),
        (-4, 6, "used", ticket.id, boss),
        (1, 7, "returned", ticket.id, mia),
        (-2, 5, "counted", None, me),
        (4, 9, "counted", None, me),
        (3, 12, "returned", ticket.id, mia),
    ]
    told = ledger(staff, part)
    keys = ("change", "balance", "reason", "ticket_id", "by")
    assert [tuple(movement[key] for key in keys) for movement in reversed(told)] == story
    assert all(set(movement) == {"id", *keys, "created_at"} for movement in told)
    assert [movement["id"] for movement in told] == sorted((movement["id"] for movement in told), reverse=True)
    assert sum(movement["change"] for movement in told) == left.stock_of(part) == 12


def test_one_request_on_and_off_is_two_movements(staff, make):
    """A part both in `remove_parts` and `add_parts` is taken off first, and the ledger shows both."""
    part = make.part(quantity=3)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 3}])
    body = {"remove_parts": [part.id], "add_parts": [{"inventory_id": part.id, "quantity": 2}]}
    staff.put(f"/tickets/{ticket.id}/inventory", json=body)
    assert [(each["reason"], each["change"], each["balance"]) for each in ledger(staff, part)[:2]] == [
        ("used", -2, 1),
        ("returned", 3, 3),
    ]


def test_the_shop_itself_is_nobody(app, staff):
    """`by` is null for the shop itself: an import, the demo."""

    @transaction
    def import_part():
        part_id = insert_row(inventory, {"name": "Imported", "price_cents": 100, "quantity": 7})
        stock.receive_first_stock(part_id, 7)
        return part_id

    with app.app_context():
        part_id = import_part()
    (movement,) = staff.get(f"/inventory/{part_id}/movements").json
    assert (movement["by"], movement["change"], movement["reason"]) == (None, 7, "received")


def test_one_who_left_stays_in_the_ledger(admin, make):
    """A deleted mechanic is still who did it."""
    leaver = make.mechanic(name="Lee")
    part = make.part()
    leaver.put(f"/inventory/{part.id}", json={"quantity": 3})
    admin.delete(f"/mechanics/{leaver.id}")
    assert ledger(admin, part)[0]["by"] == {"id": leaver.id, "name": "Lee"}


def test_the_whole_range_is_recorded(staff, make):
    """From 0 to 2,147,483,647 and back."""
    part = make.part(quantity=0)
    for quantity in (MOST, 0, MOST):
        assert staff.put(f"/inventory/{part.id}", json={"quantity": quantity}).json["quantity"] == quantity
    assert [movement["change"] for movement in ledger(staff, part)] == [MOST, -MOST, MOST]


def test_the_ledger_is_of_one_part_and_is_walked_like_every_list(staff, make):
    """Newest first; `page` and `after`, the latter only with a movement of this part."""
    part, other = make.part(quantity=1), make.part(quantity=1)
    for quantity in (2, 3, 4):
        staff.put(f"/inventory/{part.id}", json={"quantity": quantity})
    balances = [movement["balance"] for movement in ledger(staff, part)]
    assert balances == [4, 3, 2, 1]
    first, second, third, _ = (movement["id"] for movement in ledger(staff, part))
    assert [each["id"] for each in ledger(staff, part, f"?after={first}&per_page=2")] == [second, third]
    page = staff.get(f"/inventory/{part.id}/movements?page=2&per_page=3")
    assert ([each["balance"] for each in page.json], page.headers["X-Total-Count"]) == ([1], "4")
    (foreign,) = ledger(staff, other)
    refused = staff.get(f"/inventory/{part.id}/movements?after={foreign['id']}")
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["after"])


def test_a_movement_is_dated(staff, make):
    """`created_at` is the time of the change, in UTC."""
    part = make.part()
    (movement,) = ledger(staff, part)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", movement["created_at"])
    assert movement["created_at"] >= part.created_at
