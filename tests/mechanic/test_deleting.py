"""Deleting a mechanic: tickets and ledger keep the name; email, phone and password are erased."""

import pytest

from app.models import mechanics
from tests.support.environment import PASSWORD

MAX = {"name": "Max Unmistakable", "email": "max.unmistakable@example.com", "phone": "+49 40 987654321"}


@pytest.fixture
def worker(make):
    return make.mechanic(**MAX)


def test_deleted_mechanic_stays_on_old_tickets_and_in_the_ledger(worker, make, admin, left):
    part, ticket = make.part(), make.ticket(mechanic_ids=[worker.id])
    worker.put(f"/tickets/{ticket.id}/inventory", {"add_parts": [{"inventory_id": part.id, "quantity": 2}]})
    ticket_before = admin.get(f"/tickets/{ticket.id}").json
    ledger_before = admin.get(f"/inventory/{part.id}/movements").json
    response = admin.delete(f"/mechanics/{worker.id}")
    assert (response.status_code, response.data) == (204, b"")

    assert ticket_before["mechanics"] == [{"id": worker.id, "name": MAX["name"]}]
    assert ledger_before[0]["by"] == {"id": worker.id, "name": MAX["name"]}
    assert admin.get(f"/tickets/{ticket.id}").json == ticket_before
    assert admin.get(f"/tickets/{ticket.id}/mechanics").json == ticket_before["mechanics"]
    assert admin.get(f"/tickets?mechanic_id={worker.id}").json == [ticket_before]
    assert admin.get(f"/inventory/{part.id}/movements").json == ledger_before
    row = left.row(mechanics, worker.id)
    assert row.deleted_at is not None
    assert (row.email, row.phone, row.password_hash) == (None, None, None)


def test_deleted_mechanic_is_404_and_not_listed(worker, make, staff, admin, unchanged):
    ticket = make.ticket()
    admin.delete(f"/mechanics/{worker.id}")
    unknown = admin.get("/mechanics/999999")
    with unchanged():
        for person in (staff, admin):
            response = person.get(f"/mechanics/{worker.id}")
            assert (response.status_code, response.data) == (404, unknown.data)
            assert person.put(f"/mechanics/{worker.id}", {"name": "Back Again"}).status_code == 404
            assert person.put(f"/mechanics/{worker.id}", {}).status_code == 404
            assert worker.id not in [record["id"] for record in person.get("/mechanics?per_page=100").json]
            assert person.get("/mechanics", query_string={"q": "Unmistakable"}).json == []
        assert admin.delete(f"/mechanics/{worker.id}").status_code == 404
        assert admin.put(f"/mechanics/{worker.id}", {"role": "admin", "password": PASSWORD}).status_code == 404
        response = admin.put(f"/tickets/{ticket.id}/mechanics", {"mechanic_ids": [worker.id]})
    assert response.status_code == 422
    assert list(response.json["errors"]) == ["mechanic_ids"]


def test_deleted_mechanic_can_neither_use_a_token_nor_log_in(worker, anyone, admin, unchanged):
    admin.delete(f"/mechanics/{worker.id}")
    with unchanged():
        for response in (worker.get("/mechanics"), worker.get("/tickets"), worker.put(f"/mechanics/{worker.id}", {})):
            assert response.status_code == 401
            assert response.headers["WWW-Authenticate"] == "Bearer"
        assert anyone.post("/mechanics/login", {"email": MAX["email"], "password": PASSWORD}).status_code == 401


def test_email_of_a_deleted_mechanic_can_be_used_again(worker, make, admin):
    ticket = make.ticket(mechanic_ids=[worker.id])
    admin.delete(f"/mechanics/{worker.id}")
    response = admin.post("/mechanics", MAX | {"name": "Another Max", "email": MAX["email"].upper(), "salary": 1})
    assert response.status_code == 201
    assert response.json["id"] != worker.id
    assert admin.get(f"/tickets/{ticket.id}").json["mechanics"] == [{"id": worker.id, "name": MAX["name"]}]
    assert admin.delete(f"/mechanics/{response.json['id']}").status_code == 204, "a second mechanic without an email is refused"


@pytest.mark.parametrize("by", ["customer", "staff", "worker"])
def test_only_an_admin_can_delete_any_mechanic_id(request, worker, by, unchanged):
    person = request.getfixturevalue(by)
    with unchanged():
        responses = [person.delete(f"/mechanics/{mechanic_id}") for mechanic_id in (worker.id, 999_999)]
    assert [response.status_code for response in responses] == [403, 403]
    assert responses[0].data == responses[1].data


@pytest.mark.parametrize("mechanic_id", ["0", "01", "-1", "1.0", "x", "9" * 10, "9" * 30, "%D9%A1", "1%00"])
def test_malformed_id_is_404(admin, unchanged, mechanic_id):
    with unchanged():
        responses = [admin.open(method, f"/mechanics/{mechanic_id}", json={}) for method in ("GET", "PUT", "DELETE")]
    assert [response.status_code for response in responses] == [404, 404, 404]
    assert {response.mimetype for response in responses} == {"application/problem+json"}
