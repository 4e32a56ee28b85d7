"""Idempotency keys: a request that is repeated with its Idempotency-Key runs once."""

from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select, update

from app.models import customers, idempotency_keys, service_tickets, utcnow
from app.utils.api import idempotency
from app.utils.db.transactions import Transaction
from config import rate_limits

KEY = {"Idempotency-Key": "order-1"}
NEW_CUSTOMER = {"name": "Ann", "email": "ann@example.com", "password": "correct horse"}


def count_keys(engine):
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(idempotency_keys)).scalar_one()


@pytest.fixture
def order(make):
    """Return the body of a ticket with two pieces of a part, and the part."""
    part = make.part(quantity=10)
    body = {"customer_id": make.customer().id, "service_date": "2026-11-24", "description": "Pads", "vin": "V1"}
    return body | {"parts": [{"inventory_id": part.id, "quantity": 2}]}, part


def test_repeated_request_gets_the_first_response_and_runs_once(staff, order, left):
    body, part = order
    first = staff.post("/tickets", json=body, headers=KEY)
    again = staff.post("/tickets/", json=body, headers=KEY)
    assert first.status_code == again.status_code == 201
    assert again.data == first.data
    assert [again.headers[name] for name in ("Location", "ETag")] == [first.headers[name] for name in ("Location", "ETag")]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert left.stock_of(part) == 8
    assert left.movements_of(part) == [("received", 10), ("used", -2)]


@pytest.mark.parametrize("other", [{"vin": "V2"}, {"parts": []}])
def test_key_of_another_body_is_422(staff, order, unchanged, other):
    body, _ = order
    staff.post("/tickets", json=body, headers=KEY)
    with unchanged():
        response = staff.post("/tickets", json=body | other, headers=KEY)
    assert response.status_code == 422
    assert response.json["errors"] == {"Idempotency-Key": ["was used for another request"]}


def test_key_of_another_path_is_422(staff, make, unchanged):
    ticket, other, part = make.ticket(), make.ticket(), make.part()
    body = {"add_parts": [{"inventory_id": part.id}]}
    assert staff.put(f"/tickets/{ticket.id}/inventory", json=body, headers=KEY).status_code == 200
    with unchanged():
        assert staff.put(f"/tickets/{other.id}/inventory", json=body, headers=KEY).status_code == 422


def test_patch_repeats_a_put(staff, make, left):
    """PATCH is another name of PUT, so the path and the body are the same request under either name."""
    ticket, part = make.ticket(), make.part(quantity=10)
    body, path = {"add_parts": [{"inventory_id": part.id, "quantity": 2}]}, f"/tickets/{ticket.id}/inventory"
    first, again = (staff.open(method, path, json=body, headers=KEY) for method in ("PUT", "PATCH"))
    assert (first.status_code, again.status_code, again.data) == (200, 200, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert left.stock_of(part) == 8


def test_each_caller_has_its_own_keys(staff, admin, order, left):
    body, part = order
    assert "Idempotency-Replayed" not in staff.post("/tickets", json=body, headers=KEY).headers
    assert "Idempotency-Replayed" not in admin.post("/tickets", json=body, headers=KEY).headers
    assert left.stock_of(part) == 6


def test_caller_without_a_token_is_the_ip_address(anyone, unchanged):
    first = anyone.post("/customers", json=NEW_CUSTOMER, headers=KEY)
    with unchanged():
        again = anyone.post("/customers", json=NEW_CUSTOMER, headers=KEY)
        other = anyone.post("/customers", json=NEW_CUSTOMER, headers=KEY, environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert (first.status_code, again.status_code, again.data) == (201, 201, first.data)
    assert other.status_code == 409


def test_refused_request_can_be_retried_with_its_key(staff, make, order, engine):
    body, part = order
    body["parts"][0]["quantity"] = 11
    assert staff.post("/tickets", json=body, headers=KEY).status_code == 409
    assert count_keys(engine) == 0
    make.creator.put(f"/inventory/{part.id}", json={"quantity": 11})
    response = staff.post("/tickets", json=body, headers=KEY)
    assert response.status_code == 201
    assert "Idempotency-Replayed" not in response.headers


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9", "a\tb"])
def test_malformed_key_is_422_and_changes_nothing(staff, order, unchanged, key):
    body, _ = order
    with unchanged():
        response = staff.post("/tickets", json=body, headers={"Idempotency-Key": key})
    assert response.status_code == 422
    assert list(response.json["errors"]) == ["Idempotency-Key"]


def test_key_is_ignored_by_logins_and_reads(anyone, customer, engine):
    login = {"email": customer.record["email"], "password": "correct horse battery"}
    tokens = {anyone.post("/customers/login", json=login, headers=KEY).json["token"] for _ in range(2)}
    assert len(tokens) == 2
    assert customer.get("/inventory", headers=KEY).status_code == 200
    assert count_keys(engine) == 0


def test_replay_is_neither_counted_nor_refused_by_the_rate_limit(app, staff, make, left, monkeypatch):
    monkeypatch.setitem(app.config, "LIMIT_TICKET_INVENTORY", rate_limits("2 per day"))
    ticket, part = make.ticket(), make.part(quantity=10)
    path, body = f"/tickets/{ticket.id}/inventory", {"add_parts": [{"inventory_id": part.id}]}
    responses = [
        staff.put(path, json=body, headers={"Idempotency-Key": key}).status_code for key in ("a", "a", "a", "b", "b", "a", "c")
    ]
    assert responses == [200, 200, 200, 200, 200, 200, 429]
    assert left.lines_of(ticket) == {part.id: 2}


def test_key_expires_after_24_hours(staff, order, engine, left):
    body, part = order
    staff.post("/tickets", json=body, headers=KEY)
    with engine.begin() as connection:
        connection.execute(update(idempotency_keys).values(created_at=utcnow() - timedelta(hours=24, seconds=1)))
    response = staff.post("/tickets", json=body, headers=KEY)
    assert "Idempotency-Replayed" not in response.headers
    assert left.stock_of(part) == 6
    assert staff.post("/tickets", json=body, headers=KEY).data == response.data


def test_expired_keys_are_purged_by_later_requests(app, staff, order, engine, monkeypatch):
    body, _ = order
    old = {"caller": "mechanic:1", "fingerprint": "x", "created_at": utcnow() - timedelta(days=2)}
    with engine.begin() as connection:
        connection.execute(insert(idempotency_keys), [old | {"key": f"k{number}"} for number in range(30)])
    monkeypatch.setattr(idempotency, "PURGE_ODDS", 1)
    staff.post("/tickets", json=body, headers=KEY)
    assert count_keys(engine) == 1


def test_deleting_a_customer_erases_the_stored_response(admin, anyone, engine):
    made = anyone.post("/customers", json=NEW_CUSTOMER, headers=KEY)
    assert count_keys(engine) == 1
    admin.delete(made.headers["Location"])
    assert count_keys(engine) == 0


def test_stored_response_reveals_no_password(anyone, engine):
    anyone.post("/customers", json=NEW_CUSTOMER, headers=KEY)
    with engine.connect() as connection:
        row = connection.execute(select(idempotency_keys)).one()
    assert b"correct horse" not in row.body
    assert len(row.fingerprint) == 64


def test_key_is_rolled_back_with_the_transaction(app, staff, order, engine, monkeypatch):
    body, _ = order
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    monkeypatch.setattr(Transaction, "commit", lambda _: (_ for _ in ()).throw(RuntimeError))
    assert staff.post("/tickets", json=body, headers=KEY).status_code == 500
    monkeypatch.undo()
    assert count_keys(engine) == 0
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(service_tickets)).scalar_one() == 0
        assert connection.execute(select(func.count()).select_from(customers)).scalar_one() == 1


@pytest.mark.databases("postgresql", "mariadb")  # On SQLite, the second request waits and gets the replay.
def test_concurrent_request_with_the_same_key_is_409(app, staff, order, engine, database, left):
    body, part = order
    with engine.connect() as first, first.begin():
        row = {"caller": f"mechanic:{staff.id}", "key": "order-1", "fingerprint": "x", "created_at": utcnow()}
        if database == "postgresql":
            number = idempotency.advisory_lock_id(row["caller"], row["key"])
            first.execute(select(func.pg_try_advisory_xact_lock(number)))
        first.execute(insert(idempotency_keys).values(row))
        response = staff.post("/tickets", json=body, headers=KEY)
        first.get_transaction().rollback()
    assert response.status_code == 409
    assert response.headers["Retry-After"] == "1"
    assert left.stock_of(part) == 10
    assert staff.post("/tickets", json=body, headers=KEY).status_code == 201
