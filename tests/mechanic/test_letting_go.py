"""Letting a mechanic go: what its history needs is kept, and everything else ends."""

import pytest

from app.models import mechanics
from tests.conftest import PASSWORD

MAX = {"name": "Max Unmistakable", "email": "max.unmistakable@example.com", "phone": "+49 40 987654321"}


@pytest.fixture
def worker(make):
    return make.mechanic(**MAX)


def test_a_deleted_mechanic_still_shows_on_old_tickets_and_in_the_ledger(worker, make, admin, left):
    part, ticket = make.part(), make.ticket(mechanic_ids=[worker.id])
    worker.put(f"/tickets/{ticket.id}/inventory", {"add_parts": [{"inventory_id": part.id, "quantity": 2}]})
    shown = admin.get(f"/tickets/{ticket.id}").json
    ledger = admin.get(f"/inventory/{part.id}/movements").json
    answer = admin.delete(f"/mechanics/{worker.id}")
    assert (answer.status_code, answer.data) == (204, b"")

    assert shown["mechanics"] == [{"id": worker.id, "name": MAX["name"]}]
    assert ledger[0]["by"] == {"id": worker.id, "name": MAX["name"]}
    assert admin.get(f"/tickets/{ticket.id}").json == shown
    assert admin.get(f"/tickets/{ticket.id}/mechanics").json == shown["mechanics"]
    assert admin.get(f"/tickets?mechanic_id={worker.id}").json == [shown]
    assert admin.get(f"/inventory/{part.id}/movements").json == ledger
    row = left.row(mechanics, worker.id)
    assert row.deleted_at is not None
    assert (row.email, row.phone, row.password_hash) == (None, None, None)


def test_a_deleted_mechanic_is_404_everywhere_and_in_no_list(worker, make, staff, admin, unchanged):
    ticket = make.ticket()
    admin.delete(f"/mechanics/{worker.id}")
    none = admin.get("/mechanics/999999")
    with unchanged():
        for person in (staff, admin):
            seen = person.get(f"/mechanics/{worker.id}")
            assert (seen.status_code, seen.data) == (404, none.data)
            assert person.put(f"/mechanics/{worker.id}", {"name": "Back Again"}).status_code == 404
            assert person.put(f"/mechanics/{worker.id}", {}).status_code == 404
            assert worker.id not in [record["id"] for record in person.get("/mechanics?per_page=100").json]
            assert person.get("/mechanics", query_string={"q": "Unmistakable"}).json == []
        assert admin.delete(f"/mechanics/{worker.id}").status_code == 404
        assert admin.put(f"/mechanics/{worker.id}", {"role": "admin", "password": PASSWORD}).status_code == 404
        answer = admin.put(f"/tickets/{ticket.id}/mechanics", {"mechanic_ids": [worker.id]})
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == ["mechanic_ids"]


def test_a_deleted_mechanic_can_neither_call_nor_sign_in(worker, anyone, admin, unchanged):
    admin.delete(f"/mechanics/{worker.id}")
    with unchanged():
        for answer in (worker.get("/mechanics"), worker.get("/tickets"), worker.put(f"/mechanics/{worker.id}", {})):
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert anyone.post("/mechanics/login", {"email": MAX["email"], "password": PASSWORD}).status_code == 401


def test_a_deleted_mechanics_email_is_free_again(worker, make, admin):
    ticket = make.ticket(mechanic_ids=[worker.id])
    admin.delete(f"/mechanics/{worker.id}")
    answer = admin.post("/mechanics", MAX | {"name": "Another Max", "email": MAX["email"].upper(), "salary": 1})
    assert answer.status_code == 201
    assert answer.json["id"] != worker.id
    assert admin.get(f"/tickets/{ticket.id}").json["mechanics"] == [{"id": worker.id, "name": MAX["name"]}]
    assert admin.delete(f"/mechanics/{answer.json['id']}").status_code == 204, "two without an email stand side by side"


@pytest.mark.parametrize("by", ["customer", "staff", "worker"])
def test_nobody_but_an_admin_lets_go_whatever_the_id(request, worker, by, unchanged):
    person = request.getfixturevalue(by)
    with unchanged():
        answers = [person.delete(f"/mechanics/{mechanic_id}") for mechanic_id in (worker.id, 999_999)]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].data == answers[1].data


@pytest.mark.parametrize("mechanic_id", ["0", "01", "-1", "1.0", "x", "9" * 10, "9" * 30, "%D9%A1", "1%00"])
def test_an_id_that_names_nobody_is_404(admin, unchanged, mechanic_id):
    with unchanged():
        answers = [admin.open(method, f"/mechanics/{mechanic_id}", json={}) for method in ("GET", "PUT", "DELETE")]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert {answer.mimetype for answer in answers} == {"application/problem+json"}
