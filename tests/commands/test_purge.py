"""``flask --app run purge``: what need not be kept any longer, and what may not."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from app.models import customers, idempotency_keys, utcnow
from app.utils.api.idempotency import PURGE_BATCH, RETENTION

NOTHING = [
    "Expired idempotency keys deleted: 0.",
    "Deleted customers whose data was erased: 0; kept answers about them: 0.",
]
SECRET = "Quentin Vanishing"


@pytest.fixture
def keep(engine):
    """Keep an answer under a key, as a request of so long ago would have."""

    def kept(key, age=timedelta(), caller="mechanic:1", location=None, body=b"{}"):
        row = {"caller": caller, "key": key, "fingerprint": "x", "status": 201, "location": location, "body": body}
        with engine.begin() as connection:
            connection.execute(insert(idempotency_keys).values(row | {"created_at": utcnow() - age}))

    return kept


@pytest.fixture
def keys(engine):
    def held():
        with engine.connect() as connection:
            return sorted(connection.execute(select(idempotency_keys.c.key)).scalars())

    return held


def test_a_shop_with_nothing_to_clear_away_is_left_as_it_is(run, make, unchanged):
    make.ticket()
    make.boss.delete(f"/customers/{make.customer().id}")
    with unchanged():
        assert run("purge") == (0, NOTHING)


def test_expired_keys_go_and_others_stay(run, keep, keys):
    """«Only successes are kept, for 24 hours»: however many have expired."""
    for number in range(3):
        keep(f"old {number}", RETENTION + timedelta(minutes=1))
    keep("new")
    keep("nearly", RETENTION - timedelta(minutes=1))
    assert run("purge") == (0, ["Expired idempotency keys deleted: 3.", NOTHING[1]])
    assert keys() == ["nearly", "new"]


def test_more_expired_keys_than_go_at_once_all_go(run, engine, keys):
    row = {"caller": "mechanic:1", "fingerprint": "x", "created_at": utcnow() - 2 * RETENTION}
    with engine.begin() as connection:
        connection.execute(insert(idempotency_keys), [row | {"key": f"{each}"} for each in range(PURGE_BATCH + 1)])
    assert run("purge")[1][0] == f"Expired idempotency keys deleted: {PURGE_BATCH + 1}."
    assert keys() == []


def test_what_is_left_of_a_deleted_customer_is_erased_and_the_tickets_stay(run, make, left, engine, admin):
    """«A deleted customer's personal data is erased and the tickets stay», whoever deleted the row and however."""
    gone, stays = make.customer(name=SECRET, phone="555-0199"), make.customer(name=SECRET)
    ticket = make.ticket(customer_id=gone.id)
    with engine.begin() as connection:
        connection.execute(update(customers).where(customers.c.id == gone.id).values(deleted_at=utcnow()))
    code, said = run("purge")
    assert (code, said[1]) == (0, "Deleted customers whose data was erased: 1; kept answers about them: 0.")
    row = left.row(customers, gone.id)
    assert (row.name, row.email, row.phone, row.password_hash) == ("Deleted customer", None, None, None)
    assert left.row(customers, stays.id).name == SECRET
    assert admin.get(f"/tickets/{ticket.id}").json["customer_id"] == gone.id
    assert run("purge") == (0, NOTHING)


def test_kept_answers_about_a_deleted_customer_go(run, make, keep, keys):
    """They show a name, an email and a phone: those of the deleted one, and none of another."""
    gone, stays = make.customer(), make.customer()
    make.boss.delete(f"/customers/{gone.id}")
    for who in (gone, stays):
        keep(f"of {who.id}", location=f"/customers/{who.id}", body=json.dumps(who.record["name"]).encode())
        keep(f"by {who.id}", caller=f"customer:{who.id}")
    keep("a ticket", location=f"/tickets/{gone.id}")
    assert run("purge") == (
        0,
        [NOTHING[0], "Deleted customers whose data was erased: 0; kept answers about them: 2."],
    )
    assert keys() == sorted(["a ticket", f"of {stays.id}", f"by {stays.id}"])


@pytest.mark.databases("sqlite")
def test_nothing_of_it_is_left_in_the_file(run, app, make, keep, engine):
    """SQLite keeps what was deleted in the free space of its file until the file is written anew."""
    gone = make.customer(name=SECRET)
    keep("old", 2 * RETENTION, body=SECRET.encode() * 500)
    with engine.begin() as connection:
        connection.execute(update(customers).where(customers.c.id == gone.id).values(deleted_at=utcnow()))
    file = Path(app.config["DATABASE_URL"].database)
    assert SECRET.encode() in file.read_bytes()
    assert run("purge")[0] == 0
    assert SECRET.encode() not in file.read_bytes()
