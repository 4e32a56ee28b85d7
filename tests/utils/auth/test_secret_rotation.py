"""Rotation of the secret: tokens and idempotency keys of an old secret are valid as long as SECRET_KEY_FALLBACKS has it."""

import time

import jwt
import pytest

from app.models import idempotency_keys
from tests.support.environment import ENVIRONMENT, PASSWORD

OLD = ENVIRONMENT["SECRET_KEY"]
NEW, NEXT = (f"the {name} secret, of more than thirty-two bytes" for name in ("new", "next"))
KEY = {"Idempotency-Key": "order-1"}


@pytest.fixture
def restart(app, monkeypatch):
    """Restart the shop with other secrets: ``restart(NEW, OLD)`` signs with the first of them."""

    def start(secret, *others):
        monkeypatch.setitem(app.config, "SECRET_KEY", secret)
        monkeypatch.setitem(app.config, "SECRET_KEY_FALLBACKS", others)
        app.token_cache.entries.clear()

    return start


def own_record_status(person):
    return person.get(f"/customers/{person.id}").status_code


def signing_secret(token):
    """Return the secret that signed a token."""

    def is_signed_with(secret):
        try:
            return bool(jwt.decode(token, secret, algorithms=["HS256"], audience="mymechanicshop"))
        except jwt.InvalidSignatureError:
            return False

    [name] = [secret for secret in (OLD, NEW, NEXT) if is_signed_with(secret)]
    return name


def log_in(anyone, person):
    return anyone.post("/customers/login", {"email": person.record["email"], "password": PASSWORD}).json["token"]


# ---------------------------------------------------------------- tokens
def test_token_of_a_fallback_secret_is_accepted(customer, restart):
    restart(NEW)
    assert own_record_status(customer) == 401, "the control: without the old secret, its tokens are refused"
    restart(NEW, OLD)
    assert own_record_status(customer) == 200
    restart(NEXT, OLD, NEW)
    assert own_record_status(customer) == 200, "a second rotation within the lifetime of a token"
    restart(NEXT, NEW)
    assert own_record_status(customer) == 401


def test_new_token_is_signed_with_the_new_secret(anyone, customer, restart):
    restart(NEW, OLD)
    customer.token = log_in(anyone, customer)
    assert signing_secret(customer.token) == NEW
    restart(NEW)
    assert own_record_status(customer) == 200


def test_token_of_the_next_secret_is_accepted_during_a_rolling_restart(anyone, customer, restart):
    """While the processes restart one after another, each accepts the tokens of the others."""
    restart(NEW, OLD)
    customer.token = log_in(anyone, customer)
    restart(OLD, NEW)
    assert own_record_status(customer) == 200
    assert signing_secret(log_in(anyone, customer)) == OLD


@pytest.mark.parametrize(
    "claims", [{"exp": 1}, {"exp": None}, {"iss": "another"}, {"aud": "another"}, {"ver": 2}, {"sub": "customer:0"}], ids=str
)
def test_claims_are_checked_under_a_fallback_secret(customer, restart, claims):
    payload = jwt.decode(customer.token, OLD, algorithms=["HS256"], audience="mymechanicshop")
    restart(NEW, OLD)
    customer.token = jwt.encode(payload, OLD, algorithm="HS256")
    assert own_record_status(customer) == 200, "the control"
    customer.token = jwt.encode(payload | claims, OLD, algorithm="HS256")
    assert own_record_status(customer) == 401


def test_fallback_secret_accepts_no_other_algorithm(customer, restart):
    payload = jwt.decode(customer.token, OLD, algorithms=["HS256"], audience="mymechanicshop")
    restart(NEW, OLD * 2)
    for algorithm, key in (("HS512", OLD * 2), ("none", None)):
        customer.token = jwt.encode(payload, key, algorithm=algorithm)
        assert own_record_status(customer) == 401


def test_token_of_a_fallback_secret_expires(customer, restart, monkeypatch):
    restart(NEW, OLD)
    payload = jwt.decode(customer.token, OLD, algorithms=["HS256"], audience="mymechanicshop")
    for exp, status in ((time.time() + 5, 200), (time.time() - 12, 401)):
        customer.token = jwt.encode(payload | {"exp": int(exp)}, OLD, algorithm="HS256")
        assert own_record_status(customer) == status


# ---------------------------------------------------------------- idempotency keys
def test_request_from_before_a_rotation_is_replayed(staff, order, restart, left):
    body, part = order
    first = staff.post("/tickets", json=body, headers=KEY)
    for secrets in ((OLD, NEW), (NEW, OLD), (NEXT, OLD, NEW)):
        restart(*secrets)
        again = staff.post("/tickets", json=body, headers=KEY)
        assert (again.status_code, again.data) == (201, first.data)
        assert again.headers["Idempotency-Replayed"] == "true"
        other = staff.post("/tickets", json=body | {"vin": "V2"}, headers=KEY)
        assert other.status_code == 422
        assert other.json["errors"] == {"Idempotency-Key": ["was used for another request"]}
    assert left.stock_of(part) == 8
    assert left.movements_of(part) == [("received", 10), ("used", -2)]


def test_key_is_stored_under_the_new_secret(anyone, restart, left):
    body = {"name": "Ann", "email": "ann@example.com", "password": PASSWORD}
    restart(NEW, OLD)
    first = anyone.post("/customers", json=body, headers=KEY)
    restart(NEW)
    assert anyone.post("/customers", json=body, headers=KEY).data == first.data
    restart(OLD)
    assert anyone.post("/customers", json=body, headers=KEY).status_code == 422, "the fingerprint is of the old secret"
    assert len(left.everything()[idempotency_keys.name]) == 1
