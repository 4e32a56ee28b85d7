"""The mechanics of a ticket: assigning and removing them."""

import pytest

from app.models import service_tickets
from tests.support.part_lines import MOST


@pytest.fixture
def four_mechanics(make):
    """Four mechanics, by ascending id."""
    return [make.mechanic(name=name) for name in ("Ann", "Bob", "Cem", "Dee")]


def mechanic_ids_of(response):
    """Return the ids of the mechanics on the ticket of a response."""
    return [mechanic["id"] for mechanic in response.json["mechanics"]]


@pytest.fixture
def change_mechanics(staff):
    """Return a function that changes the mechanics of a ticket: ``change_mechanics(ticket, mechanic_ids=[…])``."""
    return lambda ticket, **body: staff.put(f"/tickets/{ticket.id}/mechanics", json=body)


def test_mechanic_ids_replace_all_mechanics(staff, make, four_mechanics, change_mechanics):
    ann, bob, cem, _ = four_mechanics
    ticket = make.ticket(mechanic_ids=[ann.id, bob.id])
    response = change_mechanics(ticket, mechanic_ids=[cem.id, bob.id])
    assert response.status_code == 200
    assert response.json["mechanics"] == [{"id": bob.id, "name": "Bob"}, {"id": cem.id, "name": "Cem"}]
    assert staff.get(f"/tickets/{ticket.id}").json == response.json
    assert staff.get(f"/tickets/{ticket.id}/mechanics").json == response.json["mechanics"]
    assert mechanic_ids_of(change_mechanics(ticket, mechanic_ids=[])) == []
    assert staff.get(f"/tickets/{ticket.id}/mechanics").json == []


def test_mechanics_are_added_and_removed(make, four_mechanics, change_mechanics):
    """`add_mechanic_ids` and `remove_mechanic_ids`: one of them, both, or neither; the other mechanics stay."""
    ann, bob, cem, dee = (mechanic.id for mechanic in four_mechanics)
    ticket = make.ticket(mechanic_ids=[bob])
    assert mechanic_ids_of(change_mechanics(ticket, add_mechanic_ids=[dee, ann])) == [ann, bob, dee]
    assert mechanic_ids_of(change_mechanics(ticket, add_mechanic_ids=[cem], remove_mechanic_ids=[ann, dee])) == [bob, cem]
    assert mechanic_ids_of(change_mechanics(ticket, remove_mechanic_ids=[bob])) == [cem]
    assert mechanic_ids_of(change_mechanics(ticket)) == [cem]


def test_repeated_id_counts_once(make, four_mechanics, change_mechanics):
    ann, bob, *_ = (mechanic.id for mechanic in four_mechanics)
    ticket = make.ticket()
    assert mechanic_ids_of(change_mechanics(ticket, mechanic_ids=[bob, ann, bob])) == [ann, bob]
    assert mechanic_ids_of(change_mechanics(ticket, add_mechanic_ids=[ann, ann], remove_mechanic_ids=[bob, bob])) == [ann]


def test_update_without_effect_changes_nothing(make, four_mechanics, change_mechanics, staff, backdate):
    """Adding an assigned mechanic, removing one who is not assigned, and `{}`: `updated_at` stays."""
    ann, bob, cem, _ = (mechanic.id for mechanic in four_mechanics)
    ticket = make.ticket(mechanic_ids=[ann, bob])
    backdate(service_tickets, ticket)
    before = staff.get(f"/tickets/{ticket.id}").json
    for body in (
        {"mechanic_ids": [bob, ann]},
        {"add_mechanic_ids": [ann]},
        {"remove_mechanic_ids": [cem]},
        {"add_mechanic_ids": [], "remove_mechanic_ids": []},
        {},
    ):
        response = change_mechanics(ticket, **body)
        assert (response.status_code, response.json) == (200, before), body


def test_updated_at_changes_with_the_mechanics(staff, make, four_mechanics, change_mechanics, backdate):
    ann, bob, *_ = (mechanic.id for mechanic in four_mechanics)
    ticket = make.ticket()
    for body in ({"mechanic_ids": [ann]}, {"add_mechanic_ids": [bob]}, {"remove_mechanic_ids": [ann]}):
        backdate(service_tickets, ticket)
        response = change_mechanics(ticket, **body)
        assert response.json["updated_at"] > response.json["created_at"]
    backdate(service_tickets, ticket)
    staff.delete(f"/tickets/{ticket.id}/mechanics/{bob}")
    after = staff.get(f"/tickets/{ticket.id}").json
    assert after["updated_at"] > after["created_at"]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"mechanic_ids": ["ann"], "add_mechanic_ids": ["bob"]}, "mechanic_ids"),
        ({"mechanic_ids": ["ann"], "remove_mechanic_ids": []}, "mechanic_ids"),
        ({"add_mechanic_ids": ["bob"], "remove_mechanic_ids": ["ann", "bob"]}, "remove_mechanic_ids"),
        ({"mechanic_ids": ["bob", MOST]}, "mechanic_ids"),
        ({"add_mechanic_ids": ["bob", MOST]}, "add_mechanic_ids"),
        ({"remove_mechanic_ids": ["ann", MOST]}, "remove_mechanic_ids"),
        ({"mechanic_ids": list(range(1, 52))}, "mechanic_ids"),
        ({"add_mechanic_ids": ["bob"] * 51}, "add_mechanic_ids"),
        ({"remove_mechanic_ids": ["ann"] * 51}, "remove_mechanic_ids"),
        ({"mechanic_ids": None}, "mechanic_ids"),
        ({"mechanic_ids": "1"}, "mechanic_ids"),
        ({"add_mechanic_ids": [1, "1"]}, "add_mechanic_ids.1"),
        ({"add_mechanic_ids": [None]}, "add_mechanic_ids.0"),
        ({"remove_mechanic_ids": [0]}, "remove_mechanic_ids.0"),
        ({"mechanics": ["bob"]}, "mechanics"),
    ],
    ids=repr,
)
def test_wrong_update_is_422_and_changes_nothing(make, four_mechanics, change_mechanics, unchanged, body, wrong):
    """Replacing together with adding or removing, an id in both lists, an unknown id, more than 50 ids."""
    names = {"ann": four_mechanics[0].id, "bob": four_mechanics[1].id}
    body = {field: [names.get(each, each) for each in value] if type(value) is list else value for field, value in body.items()}
    ticket = make.ticket(mechanic_ids=[names["ann"]])
    with unchanged():
        response = change_mechanics(ticket, **body)
    assert (response.status_code, list(response.json["errors"])) == (422, [wrong])


def test_ticket_can_have_fifty_mechanics(make, change_mechanics):
    ids = [make.mechanic().id for _ in range(50)]
    assert mechanic_ids_of(change_mechanics(make.ticket(), mechanic_ids=ids)) == ids


def test_deleted_mechanic_stays_on_a_ticket_but_cannot_be_added(admin, make, four_mechanics, change_mechanics, unchanged):
    """A deleted mechanic is still shown, and can be removed from the ticket."""
    ann, bob, *_ = four_mechanics
    ticket = make.ticket(mechanic_ids=[ann.id])
    for mechanic in (ann, bob):
        assert admin.delete(f"/mechanics/{mechanic.id}").status_code == 204
    assert admin.get(f"/tickets/{ticket.id}/mechanics").json == [{"id": ann.id, "name": "Ann"}]
    for body in ({"mechanic_ids": [ann.id, bob.id]}, {"add_mechanic_ids": [bob.id]}):
        with unchanged():
            response = change_mechanics(ticket, **body)
        assert (response.status_code, list(response.json["errors"])) == (422, list(body))
    assert mechanic_ids_of(change_mechanics(ticket, mechanic_ids=[ann.id])) == [ann.id], "an assigned mechanic may stay"
    assert mechanic_ids_of(change_mechanics(ticket, remove_mechanic_ids=[ann.id, bob.id])) == []


def test_unassigning_a_mechanic(staff, make, four_mechanics, unchanged):
    """204, or 404 if the mechanic is not assigned."""
    ann, bob, cem, _ = (mechanic.id for mechanic in four_mechanics)
    ticket, other = make.ticket(mechanic_ids=[ann, bob]), make.ticket(mechanic_ids=[ann, cem])
    response = staff.delete(f"/tickets/{ticket.id}/mechanics/{ann}")
    assert (response.status_code, response.data) == (204, b"")
    assert [mechanic["id"] for mechanic in staff.get(f"/tickets/{ticket.id}/mechanics").json] == [bob]
    assert mechanic_ids_of(staff.get(f"/tickets/{other.id}")) == [ann, cem]
    for unassigned in (ann, cem, MOST):
        with unchanged():
            assert staff.delete(f"/tickets/{ticket.id}/mechanics/{unassigned}").status_code == 404


@pytest.mark.parametrize("line", [{"quantity": 1}, {"quantity": 2}, {"inventory_id": MOST}, {}], ids=str)
def test_deleted_mechanic_is_reported_before_shortages(staff, make, unchanged, line):
    """Errors in the request come before those of the stock: 422, not 409; and a deleted mechanic before an unknown part. No
    part is deducted."""
    part, deleted = make.part(quantity=1), make.mechanic()
    make.boss.delete(f"/mechanics/{deleted.id}")
    body = {"customer_id": make.customer().id, "service_date": "2026-11-24", "description": "Pads", "vin": "V1"}
    body |= {"mechanic_ids": [deleted.id], "parts": [{"inventory_id": part.id} | line] if line else []}
    with unchanged():
        response = staff.post("/tickets", json=body)
    assert response.status_code == 422
    assert list(response.json["errors"]) == ["mechanic_ids"]
