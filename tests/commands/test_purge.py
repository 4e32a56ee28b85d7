"""``flask --app run purge``: deleting what need not be kept any longer, and nothing else."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from app.models import customers, idempotency_keys, known_addresses, utcnow
from app.utils.api.idempotency import PURGE_BATCH, RETENTION

NOTHING = [
    "Expired idempotency keys deleted: 0. Addresses of old logins deleted: 0.",
    "Deleted customers whose data was erased: 0; stored responses about them deleted: 0.",
]
SECRET = "Quentin Vanishing"


@pytest.fixture
def store_key(engine):
    """Return a function that stores a response under a key, with an age."""

    def store(key, age=timedelta(), caller="mechanic:1", location=None, body=b"{}"):
        row = {"caller": caller, "key": key, "fingerprint": "x", "status": 201, "location": location, "body": body}
        with engine.begin() as connection:
            connection.execute(insert(idempotency_keys).values(row | {"created_at": utcnow() - age}))

    return store


@pytest.fixture
def keys(engine):
    """Return a function that reads all stored keys."""

    def read():
        with engine.connect() as connection:
            return sorted(connection.execute(select(idempotency_keys.c.key)).scalars())

    return read


def test_purge_without_anything_to_delete_changes_nothing(run, make, unchanged):
    make.ticket()
    make.boss.delete(f"/customers/{make.customer().id}")
    with unchanged():
        assert run("purge") == (0, NOTHING)


def test_only_expired_keys_are_deleted(run, store_key, keys):
    """Stored responses are kept for 24 hours."""
    for number in range(3):
        store_key(f"old {number}", RETENTION + timedelta(minutes=1))
    store_key("new")
    store_key("nearly", RETENTION - timedelta(minutes=1))
    assert run("purge") == (0, [NOTHING[0].replace("0", "3", 1), NOTHING[1]])
    assert keys() == ["nearly", "new"]


def test_expired_keys_are_deleted_in_several_batches(run, engine, keys):
    row = {"caller": "mechanic:1", "fingerprint": "x", "created_at": utcnow() - 2 * RETENTION}
    with engine.begin() as connection:
        connection.execute(insert(idempotency_keys), [row | {"key": f"{each}"} for each in range(PURGE_BATCH + 1)])
    assert run("purge")[1][0] == NOTHING[0].replace("0", f"{PURGE_BATCH + 1}", 1)
    assert keys() == []


def test_only_addresses_of_logins_before_30_days_are_deleted(run, engine):
    row = {"kind": "customer", "account_id": 1}
    ages = {"10.0.0.1": timedelta(days=29), "10.0.0.2": timedelta(days=31)}
    with engine.begin() as connection:
        rows = [row | {"address": address, "seen_at": utcnow() - age} for address, age in ages.items()]
        connection.execute(insert(known_addresses), rows)
    assert run("purge")[1][0] == NOTHING[0].replace("logins deleted: 0", "logins deleted: 1")
    with engine.connect() as connection:
        assert list(connection.execute(select(known_addresses.c.address)).scalars()) == ["10.0.0.1"]


def test_data_of_a_deleted_customer_is_erased_and_tickets_stay(run, make, left, engine, admin):
    """The row may have been deleted by hand."""
    deleted, other = make.customer(name=SECRET, phone="555-0199"), make.customer(name=SECRET)
    ticket = make.ticket(customer_id=deleted.id)
    with engine.begin() as connection:
        connection.execute(update(customers).where(customers.c.id == deleted.id).values(deleted_at=utcnow()))
    code, lines = run("purge")
    assert (code, lines[1]) == (0, "Deleted customers whose data was erased: 1; stored responses about them deleted: 0.")
    row = left.row(customers, deleted.id)
    assert (row.name, row.email, row.phone, row.password_hash) == ("Deleted customer", None, None, None)
    assert left.row(customers, other.id).name == SECRET
    assert admin.get(f"/tickets/{ticket.id}").json["customer_id"] == deleted.id
    assert run("purge") == (0, NOTHING)


def test_stored_responses_about_a_deleted_customer_are_deleted(run, make, store_key, keys):
    """They show a name, an email and a phone. Those about other customers stay."""
    deleted, other = make.customer(), make.customer()
    make.boss.delete(f"/customers/{deleted.id}")
    for person in (deleted, other):
        store_key(f"of {person.id}", location=f"/customers/{person.id}", body=json.dumps(person.record["name"]).encode())
        store_key(f"by {person.id}", caller=f"customer:{person.id}")
        ticket = json.dumps({"id": 1, "customer_id": person.id, "customer_name": "x"}, separators=(",", ":")).encode()
        store_key(f"ticket of {person.id}", location="/tickets/1", body=ticket)
        store_key(f"parts of {person.id}", body=ticket)
    assert run("purge") == (
        0,
        [NOTHING[0], "Deleted customers whose data was erased: 0; stored responses about them deleted: 4."],
    )
    assert keys() == sorted(f"{what} {other.id}" for what in ("of", "by", "ticket of", "parts of"))


@pytest.mark.databases("sqlite")
def test_deleted_data_is_removed_from_the_sqlite_file(run, app, make, store_key, engine):
    """SQLite keeps deleted data in the free space of its file until VACUUM."""
    deleted = make.customer(name=SECRET)
    store_key("old", 2 * RETENTION, body=SECRET.encode() * 500)
    with engine.begin() as connection:
        connection.execute(update(customers).where(customers.c.id == deleted.id).values(deleted_at=utcnow()))
    file = Path(app.config["DATABASE_URL"].database)
    assert SECRET.encode() in file.read_bytes()
    assert run("purge")[0] == 0
    assert SECRET.encode() not in file.read_bytes()
