"""The mechanics on a ticket: who comes, who goes, and who may be there."""

import pytest

from app.models import service_tickets
from tests.support.lines import MOST


@pytest.fixture
def crew(make):
    """Four mechanics, by ascending id."""
    return [make.mechanic(name=name) for name in ("Ann", "Bob", "Cem", "Dee")]


def ids(answer):
    """The ids of the mechanics on an answered ticket."""
    return [mechanic["id"] for mechanic in answer.json["mechanics"]]


@pytest.fixture
def change(staff):
    """Change the mechanics of a ticket: ``change(ticket, mechanic_ids=[…])``."""
    return lambda ticket, **body: staff.put(f"/tickets/{ticket.id}/mechanics", json=body)


def test_the_whole_new_set_replaces_the_old_one(staff, make, crew, change):
    """`{mechanic_ids: [...]}` is the whole new set; mechanics stand by ascending id."""
    ann, bob, cem, _ = crew
    ticket = make.ticket(mechanic_ids=[ann.id, bob.id])
    answer = change(ticket, mechanic_ids=[cem.id, bob.id])
    assert answer.status_code == 200
    assert answer.json["mechanics"] == [{"id": bob.id, "name": "Bob"}, {"id": cem.id, "name": "Cem"}]
    assert staff.get(f"/tickets/{ticket.id}").json == answer.json
    assert staff.get(f"/tickets/{ticket.id}/mechanics").json == answer.json["mechanics"]
    assert ids(change(ticket, mechanic_ids=[])) == []
    assert staff.get(f"/tickets/{ticket.id}/mechanics").json == []


def test_some_come_and_some_go(make, crew, change):
    """`{add_mechanic_ids?, remove_mechanic_ids?}`: each alone, both, or neither; the others stay."""
    ann, bob, cem, dee = (mechanic.id for mechanic in crew)
    ticket = make.ticket(mechanic_ids=[bob])
    assert ids(change(ticket, add_mechanic_ids=[dee, ann])) == [ann, bob, dee]
    assert ids(change(ticket, add_mechanic_ids=[cem], remove_mechanic_ids=[ann, dee])) == [bob, cem]
    assert ids(change(ticket, remove_mechanic_ids=[bob])) == [cem]
    assert ids(change(ticket)) == [cem]


def test_one_twice_counts_once(make, crew, change):
    ann, bob, *_ = (mechanic.id for mechanic in crew)
    ticket = make.ticket()
    assert ids(change(ticket, mechanic_ids=[bob, ann, bob])) == [ann, bob]
    assert ids(change(ticket, add_mechanic_ids=[ann, ann], remove_mechanic_ids=[bob, bob])) == [ann]


def test_what_is_so_already_changes_nothing(make, crew, change, staff, backdate):
    """Adding who is there and «removing one who is not assigned changes nothing», nor does `{}`: `updated_at` stays."""
    ann, bob, cem, _ = (mechanic.id for mechanic in crew)
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
        answer = change(ticket, **body)
        assert (answer.status_code, answer.json) == (200, before), body


def test_the_tickets_time_moves_with_its_mechanics(staff, make, crew, change, backdate):
    """`updated_at` moves with them."""
    ann, bob, *_ = (mechanic.id for mechanic in crew)
    ticket = make.ticket()
    for body in ({"mechanic_ids": [ann]}, {"add_mechanic_ids": [bob]}, {"remove_mechanic_ids": [ann]}):
        backdate(service_tickets, ticket)
        answer = change(ticket, **body)
        assert answer.json["updated_at"] > answer.json["created_at"]
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
def test_a_wrong_change_moves_nobody(make, crew, change, unchanged, body, wrong):
    """Not both ways at once, no id in both lists, none that names nothing, 50 at most: 422, and nobody comes or goes."""
    names = {"ann": crew[0].id, "bob": crew[1].id}
    body = {field: [names.get(each, each) for each in value] if type(value) is list else value for field, value in body.items()}
    ticket = make.ticket(mechanic_ids=[names["ann"]])
    with unchanged():
        answer = change(ticket, **body)
    assert (answer.status_code, list(answer.json["errors"])) == (422, [wrong])


def test_fifty_mechanics_fit_on_a_ticket(make, change):
    many = [make.mechanic().id for _ in range(50)]
    assert ids(change(make.ticket(), mechanic_ids=many)) == many


def test_one_who_left_stays_on_old_tickets_but_comes_on_none(admin, make, crew, change, unchanged):
    """A deleted mechanic still shows on old tickets, may be taken off, and is 422 where they would come on."""
    ann, bob, *_ = crew
    ticket = make.ticket(mechanic_ids=[ann.id])
    for leaver in (ann, bob):
        assert admin.delete(f"/mechanics/{leaver.id}").status_code == 204
    assert admin.get(f"/tickets/{ticket.id}/mechanics").json == [{"id": ann.id, "name": "Ann"}]
    for body in ({"mechanic_ids": [ann.id, bob.id]}, {"add_mechanic_ids": [bob.id]}):
        with unchanged():
            answer = change(ticket, **body)
        assert (answer.status_code, list(answer.json["errors"])) == (422, list(body))
    assert ids(change(ticket, mechanic_ids=[ann.id])) == [ann.id], "who is there already may stay"
    assert ids(change(ticket, remove_mechanic_ids=[ann.id, bob.id])) == []


def test_one_mechanic_is_taken_off_by_address(staff, make, crew, unchanged):
    """«DELETE /tickets/<id>/mechanics/<mechanic_id>»: 204; 404 where not assigned."""
    ann, bob, cem, _ = (mechanic.id for mechanic in crew)
    ticket, other = make.ticket(mechanic_ids=[ann, bob]), make.ticket(mechanic_ids=[ann, cem])
    answer = staff.delete(f"/tickets/{ticket.id}/mechanics/{ann}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert [mechanic["id"] for mechanic in staff.get(f"/tickets/{ticket.id}/mechanics").json] == [bob]
    assert ids(staff.get(f"/tickets/{other.id}")) == [ann, cem]
    for absent in (ann, cem, MOST):
        with unchanged():
            assert staff.delete(f"/tickets/{ticket.id}/mechanics/{absent}").status_code == 404


@pytest.mark.parametrize("line", [{"quantity": 1}, {"quantity": 2}, {"inventory_id": MOST}, {}], ids=str)
def test_a_mechanic_who_is_none_is_said_before_what_is_wrong_with_parts(staff, make, unchanged, line):
    """What is wrong with the request comes before what the shop is short of: 422, not 409; and the mechanic before a part that
    is none. Where the part is there, none of it is taken."""
    part, gone = make.part(quantity=1), make.mechanic()
    make.boss.delete(f"/mechanics/{gone.id}")
    body = {"customer_id": make.customer().id, "service_date": "2026-11-24", "description": "Pads", "vin": "V1"}
    body |= {"mechanic_ids": [gone.id], "parts": [{"inventory_id": part.id} | line] if line else []}
    with unchanged():
        answer = staff.post("/tickets", json=body)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == ["mechanic_ids"]
