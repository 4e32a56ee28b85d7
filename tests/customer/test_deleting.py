"""Deleting a customer: the personal data is erased, the tickets stay, the email is free again."""

import pytest

from app.extensions import db
from app.models import customers
from tests.conftest import PASSWORD, PASSWORD_HASH

ANN = {"name": "Ann Unmistakable", "email": "ann.unmistakable@example.com", "phone": "+49 40 987654321"}


@pytest.fixture
def ann(make):
    return make.customer(**ANN)


@pytest.mark.parametrize("by", ["ann", "admin"])
def test_deleting_erases_the_personal_data_and_keeps_the_tickets(request, ann, make, admin, left, by):
    ticket, part = make.ticket(customer_id=ann.id), make.part()
    admin.put(f"/tickets/{ticket.id}/inventory", {"add_parts": [{"inventory_id": part.id, "quantity": 2}]})
    shown = admin.get(f"/tickets/{ticket.id}").json
    answer = request.getfixturevalue(by).delete(f"/customers/{ann.id}")
    assert (answer.status_code, answer.data) == (204, b"")

    row = left.row(customers, ann.id)
    assert row.deleted_at is not None
    assert (row.email, row.phone, row.password_hash) == (None, None, None)
    everything = repr(left.everything()["customers"])
    assert not [text for text in (*ANN.values(), PASSWORD_HASH) if text in everything]
    assert admin.get(f"/tickets/{ticket.id}").json == shown
    assert shown["customer_id"] == ann.id
    assert [each["id"] for each in admin.get(f"/tickets?customer_id={ann.id}").json] == [ticket.id]
    assert left.lines_of(ticket) == {part.id: 2}


def test_an_answer_kept_for_a_retry_is_erased_with_the_customer(anyone, admin, engine):
    """«A deleted customer's personal data is erased»: from no table can it be read, not even as a replay."""
    body = ANN | {"password": PASSWORD}
    made = anyone.post("/customers", body, headers={"Idempotency-Key": "once"})
    assert admin.delete(made.headers["Location"]).status_code == 204
    with engine.connect() as connection:
        everything = repr([list(connection.execute(table.select())) for table in db.metadatas[None].sorted_tables])
    assert not [text for text in ANN.values() if text in everything or text.encode().hex() in everything]
    again = anyone.post("/customers", body, headers={"Idempotency-Key": "once"})
    assert again.status_code == 201
    assert "Idempotency-Replayed" not in again.headers


def test_a_deleted_customer_is_404_everywhere_and_in_no_list(ann, make, staff, admin, unchanged):
    ticket = make.ticket()
    admin.delete(f"/customers/{ann.id}")
    none = staff.get("/customers/999999")
    with unchanged():
        for person in (staff, admin):
            assert person.get(f"/customers/{ann.id}").data == none.data
            assert person.get(f"/customers/{ann.id}").status_code == 404
            assert person.put(f"/customers/{ann.id}", {"name": "Back Again"}).status_code == 404
            assert person.put(f"/customers/{ann.id}", {}).status_code == 404
            assert ann.id not in [record["id"] for record in person.get("/customers?per_page=100").json]
            assert person.get("/customers", query_string={"q": "Deleted"}).json == []
            assert person.get("/customers", query_string={"q": "Unmistakable"}).json == []
        assert admin.delete(f"/customers/{ann.id}").status_code == 404
        assert admin.put(f"/customers/{ann.id}", {"password": PASSWORD}).status_code == 404
        opened = staff.post(
            "/tickets", {"customer_id": ann.id, "service_date": "2026-11-24", "description": "Oil", "vin": "VIN1"}
        )
        moved = staff.put(f"/tickets/{ticket.id}", {"customer_id": ann.id})
    for answer in (opened, moved):
        assert answer.status_code == 422
        assert answer.json["errors"] == {"customer_id": ["names no customer"]}


def test_a_deleted_customer_can_neither_call_nor_sign_in(ann, anyone, unchanged):
    ann.delete(f"/customers/{ann.id}")
    with unchanged():
        for answer in (ann.get(f"/customers/{ann.id}"), ann.get("/tickets/my-tickets"), ann.delete(f"/customers/{ann.id}")):
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        credentials = {"email": ANN["email"], "password": PASSWORD}
        assert anyone.post("/customers/login", credentials).status_code == 401


def test_a_deleted_customers_email_is_free_again_and_brings_nothing_back(ann, make, anyone, admin):
    ticket = make.ticket(customer_id=ann.id)
    ann.delete(f"/customers/{ann.id}")
    answer = anyone.post("/customers", ANN | {"email": ANN["email"].upper(), "password": PASSWORD})
    assert answer.status_code == 201
    assert answer.json["id"] != ann.id
    token = anyone.post("/customers/login", {"email": ANN["email"], "password": PASSWORD}).json["token"]
    signed_in = {"Authorization": f"Bearer {token}"}
    assert anyone.get("/tickets/my-tickets", headers=signed_in).json == []
    assert anyone.get(f"/tickets/{ticket.id}", headers=signed_in).status_code == 404
    assert admin.get(f"/customers/{ann.id}").status_code == 404


def test_two_deleted_customers_stand_beside_each_other(make, admin):
    for person in (make.customer(), make.customer()):
        assert admin.delete(f"/customers/{person.id}").status_code == 204


def test_a_mechanic_may_delete_no_customer_whatever_the_id(ann, staff, unchanged):
    with unchanged():
        answers = [staff.delete(f"/customers/{customer_id}") for customer_id in (ann.id, 999_999)]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].data == answers[1].data
