"""Read-only fields: a record that was read can be edited and sent back whole, by PUT or PATCH."""

import pytest

from tests.support.endpoints import fill

TIMES = ("created_at", "updated_at")
EDITED = {
    "/customers/{customer_id}": {"name": "New Name"},
    "/mechanics/{mechanic_id}": {"name": "New Name"},
    "/tickets/{ticket_id}": {"description": "New text"},
    "/inventory/{part_id}": {"quantity": 7},
    "/shop": {"name": "New Name"},
}
READ_ONLY = [
    ("/customers/{customer_id}", "id", 2_000_000_000),
    ("/customers/{customer_id}", "id", True),
    ("/customers/{customer_id}", "id", "1"),
    ("/customers/{customer_id}", "id", None),
    ("/mechanics/{mechanic_id}", "id", 2_000_000_000),
    ("/tickets/{ticket_id}", "customer_name", "Somebody Else"),
    ("/tickets/{ticket_id}", "mechanics", []),
    ("/tickets/{ticket_id}", "parts", [{"inventory_id": 1}]),
    ("/tickets/{ticket_id}", "parts_total", 0.01),
    ("/inventory/{part_id}", "id", 0),
]


@pytest.fixture
def records(make, ids):
    """Return the ids of a shop whose ticket has a mechanic and a part."""
    mechanic, part = make.mechanic(), make.part(price=49.9, quantity=10)
    lines = [{"inventory_id": part.id, "quantity": 2}]
    return ids | {"ticket_id": make.ticket(mechanic_ids=[mechanic.id], parts=lines).id, "part_id": part.id}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("path", EDITED)
def test_record_can_be_edited_and_sent_back_whole(admin, records, path, method):
    url, edited = fill(path, records), EDITED[path]
    before = admin.get(url).json
    response = admin.open(method, url, json=before | edited)
    assert response.status_code == 200, response.text
    assert {name: value for name, value in response.json.items() if name not in TIMES} == {
        name: value for name, value in (before | edited).items() if name not in TIMES
    }
    assert admin.get(url).json == response.json


def test_times_are_ignored(admin, records):
    url = fill("/inventory/{part_id}", records)
    before = admin.get(url).json
    for value in ("2020-01-01T00:00:00Z", "yesterday", None, 5, []):
        assert admin.put(url, json=dict.fromkeys(TIMES, value)).json == before


@pytest.mark.parametrize(("path", "field", "value"), READ_ONLY)
def test_other_value_of_a_read_only_field_is_422(admin, records, unchanged, path, field, value):
    url = fill(path, records)
    with unchanged():
        response = admin.put(url, json=admin.get(url).json | EDITED[path] | {field: value})
    assert response.status_code == 422
    assert response.json["errors"] == {field: ["can't be changed"]}


def test_read_only_fields_of_a_new_record_are_refused(admin, unchanged):
    with unchanged():
        response = admin.post("/inventory", json={"name": "Pad", "price": 1, "id": 1, "created_at": "2026-11-24T08:00:00Z"})
    assert sorted(response.json["errors"]) == ["created_at", "id"]


def test_mechanic_can_send_their_own_record_back(staff, left):
    """Their salary and role stand in it; they may not change either."""
    url = f"/mechanics/{staff.id}"
    record = staff.get(url).json
    assert staff.put(url, json=record | {"phone": "555-0199"}).json == record | {"phone": "555-0199"}
    for change in ({"salary": record["salary"] + 1}, {"role": "admin"}):
        assert staff.put(url, json=record | change).status_code == 403
    assert staff.get(url).json == record | {"phone": "555-0199"}


def test_first_admin_can_send_their_own_record_back(app, anyone, make):
    """Their phone and salary are null, which no other mechanic's are."""
    admin = make.mechanic(role="admin", phone=None, salary_cents=None)
    url = f"/mechanics/{admin.id}"
    record = admin.get(url).json
    assert (record["phone"], record["salary"]) == (None, None)
    assert admin.put(url, json=record | {"name": "New Name"}).json == record | {"name": "New Name"}
    assert admin.put(url, json={"phone": "555-0100"}).status_code == 200
    response = admin.put(url, json={"phone": None})
    assert (response.status_code, response.json["errors"]) == (422, {"phone": ["can't be changed"]})


def test_own_record_shows_the_role(customer, staff, admin):
    for person, role in ((customer, "customer"), (staff, "mechanic"), (admin, "admin")):
        area = "customers" if role == "customer" else "mechanics"
        response = person.get("/me")
        assert response.json == person.get(f"/{area}/{person.id}").json | {"role": role}
        assert person.get("/me", headers={"If-None-Match": response.headers["ETag"]}).status_code == 304


def test_own_record_can_be_edited_and_sent_back_whole(customer, staff, admin, unchanged):
    for person, area in ((customer, "customers"), (staff, "mechanics"), (admin, "mechanics")):
        own, url = person.get("/me").json, f"/{area}/{person.id}"
        assert person.put(url, own | {"name": "New Name"}).status_code == 200
        assert person.get("/me").json == own | {"name": "New Name"}
    with unchanged():
        for role in ("admin", "mechanic", None, True):
            response = customer.put(f"/customers/{customer.id}", {"role": role})
            assert (response.status_code, response.json["errors"]) == (422, {"role": ["can't be changed"]})


def test_popular_mechanics_are_ordered_by_number_of_tickets(staff, admin, make):
    few, most, none = make.mechanic(), make.mechanic(), make.mechanic()
    tickets = [make.ticket(mechanic_ids=[most.id, few.id]), *(make.ticket(mechanic_ids=[most.id]) for _ in range(2))]
    deleted = make.ticket(mechanic_ids=[few.id])
    staff.delete(f"/tickets/{deleted.id}")
    listed = admin.get("/mechanics/popular?per_page=100").json
    assert [(each["id"], each["ticket_count"]) for each in listed[:2]] == [(most.id, len(tickets)), (few.id, 1)]
    assert [each["ticket_count"] for each in listed[2:]] == [0] * (len(listed) - 2)
    assert [each["id"] for each in listed[2:]] == sorted(each["id"] for each in listed[2:])
    assert none.id in [each["id"] for each in listed]
    for each in listed:
        assert {name: each[name] for name in each if name != "ticket_count"} == admin.get(f"/mechanics/{each['id']}").json
    assert ["salary" in each for each in staff.get("/mechanics/popular?per_page=2").json] == [False, False]
    second = staff.get("/mechanics/popular?page=2&per_page=1")
    assert [each["id"] for each in second.json] == [few.id]
    assert second.headers["X-Total-Count"] == str(len(listed))
