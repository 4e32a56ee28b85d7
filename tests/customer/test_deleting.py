"""Deleting a customer: the personal data is erased, the tickets stay, and the email can be used again."""

from threading import Thread

import pytest

from app.blueprints.accounts import service
from app.blueprints.service_ticket import routes
from app.extensions import db
from app.models import customers
from tests.support.clients import PASSWORD_HASH
from tests.support.environment import PASSWORD

ANN = {"name": "Ann Unmistakable", "email": "ann.unmistakable@example.com", "phone": "+49 40 987654321"}


@pytest.fixture
def ann(make):
    return make.customer(**ANN)


@pytest.mark.parametrize("by", ["ann", "admin"])
def test_deleting_erases_the_personal_data_and_keeps_the_tickets(request, ann, make, admin, left, by):
    ticket, part = make.ticket(customer_id=ann.id), make.part()
    admin.put(f"/tickets/{ticket.id}/inventory", {"add_parts": [{"inventory_id": part.id, "quantity": 2}]})
    ticket_before = admin.get(f"/tickets/{ticket.id}").json
    response = request.getfixturevalue(by).delete(f"/customers/{ann.id}")
    assert (response.status_code, response.data) == (204, b"")

    row = left.row(customers, ann.id)
    assert row.deleted_at is not None
    assert (row.email, row.phone, row.password_hash, row.search) == (None, None, None, None)
    stored = repr(left.everything()["customers"])
    assert not [text for text in (*ANN.values(), PASSWORD_HASH) if text in stored]
    assert admin.get(f"/tickets/{ticket.id}").json == ticket_before | {"customer_name": None}
    assert (ticket_before["customer_id"], ticket_before["customer_name"]) == (ann.id, ANN["name"])
    assert [each["id"] for each in admin.get(f"/tickets?customer_id={ann.id}").json] == [ticket.id]
    assert left.lines_of(ticket) == {part.id: 2}


def test_deleting_erases_stored_idempotent_responses(anyone, admin, engine):
    """No table has personal data of the deleted customer, and no replay shows it."""
    body = ANN | {"password": PASSWORD}
    made = anyone.post("/customers", body, headers={"Idempotency-Key": "once"})
    ticket = {"customer_id": made.json["id"], "service_date": "2026-11-24", "description": "Oil", "vin": "V"}
    opened = admin.post("/tickets", ticket, headers={"Idempotency-Key": "ticket"})
    admin.put(f"{opened.headers['Location']}/inventory", {}, headers={"Idempotency-Key": "parts"})
    assert admin.delete(made.headers["Location"]).status_code == 204
    with engine.connect() as connection:
        stored = repr([list(connection.execute(table.select())) for table in db.metadatas[None].sorted_tables])
    assert not [text for text in ANN.values() if text in stored or text.encode().hex() in stored]
    again = anyone.post("/customers", body, headers={"Idempotency-Key": "once"})
    assert again.status_code == 201
    assert "Idempotency-Replayed" not in again.headers


def test_deleted_customer_is_404_and_not_listed(ann, make, staff, admin, unchanged):
    ticket = make.ticket()
    admin.delete(f"/customers/{ann.id}")
    unknown = staff.get("/customers/999999")
    with unchanged():
        for person in (staff, admin):
            assert person.get(f"/customers/{ann.id}").data == unknown.data
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
    for response in (opened, moved):
        assert response.status_code == 422
        assert response.json["errors"] == {"customer_id": ["must be the id of a customer"]}


def test_deleted_customer_can_neither_use_a_token_nor_log_in(ann, anyone, unchanged):
    ann.delete(f"/customers/{ann.id}")
    with unchanged():
        for response in (ann.get(f"/customers/{ann.id}"), ann.get("/tickets/my-tickets"), ann.delete(f"/customers/{ann.id}")):
            assert response.status_code == 401
            assert response.headers["WWW-Authenticate"] == "Bearer"
        credentials = {"email": ANN["email"], "password": PASSWORD}
        assert anyone.post("/customers/login", credentials).status_code == 401


def test_email_of_a_deleted_customer_can_be_registered_anew(ann, make, anyone, admin):
    ticket = make.ticket(customer_id=ann.id)
    ann.delete(f"/customers/{ann.id}")
    response = anyone.post("/customers", ANN | {"email": ANN["email"].upper(), "password": PASSWORD})
    assert response.status_code == 201
    assert response.json["id"] != ann.id
    token = anyone.post("/customers/login", {"email": ANN["email"], "password": PASSWORD}).json["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert anyone.get("/tickets/my-tickets", headers=headers).json == []
    assert anyone.get(f"/tickets/{ticket.id}", headers=headers).status_code == 404
    assert admin.get(f"/customers/{ann.id}").status_code == 404


def test_two_customers_can_be_deleted(make, admin):
    for person in (make.customer(), make.customer()):
        assert admin.delete(f"/customers/{person.id}").status_code == 204


def test_mechanic_cannot_delete_any_customer_id(ann, staff, unchanged):
    with unchanged():
        responses = [staff.delete(f"/customers/{customer_id}") for customer_id in (ann.id, 999_999)]
    assert [response.status_code for response in responses] == [403, 403]
    assert responses[0].data == responses[1].data


# ---------------------------------------------------------------- requests that are under way meanwhile
def test_login_during_the_deletion_leaves_no_address(ann, anyone, admin, left, monkeypatch):
    remember = service.remember_address

    def delete_first(*account):
        assert admin.delete(f"/customers/{ann.id}").status_code == 204
        remember(*account)

    monkeypatch.setattr(service, "remember_address", delete_first)
    response = anyone.post("/customers/login", {"email": ANN["email"], "password": PASSWORD})
    assert left.everything()["known_addresses"] == []
    assert anyone.get("/me", headers={"Authorization": f"Bearer {response.json['token']}"}).status_code == 401


def test_change_of_parts_during_the_deletion_keeps_no_name(ann, staff, admin, make, left, monkeypatch):
    """The kept answer of the change shows the customer's name: the deletion erases it, or comes first."""
    ticket, read, threads = make.ticket(customer_id=ann.id), routes.read_ticket, []

    def delete_afterwards(ticket_id):
        shown = read(ticket_id)
        threads.append(Thread(target=admin.delete, args=[f"/customers/{ann.id}"]))
        threads[0].start()
        threads[0].join(timeout=0.5)
        return shown

    monkeypatch.setattr(routes, "read_ticket", delete_afterwards)
    body = {"add_parts": [{"inventory_id": make.part().id}]}
    assert staff.put(f"/tickets/{ticket.id}/inventory", body, headers={"Idempotency-Key": "parts"}).status_code == 200
    threads[0].join(timeout=10)
    assert left.row(customers, ann.id).deleted_at is not None
    assert ANN["name"] not in repr(left.everything())
