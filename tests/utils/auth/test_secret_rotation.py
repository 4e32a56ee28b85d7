"""Another secret: what the old one signed is good for as long as it is named, and what the next one signs already."""

import time

import jwt
import pytest

from app.models import idempotency_keys
from tests.conftest import ENVIRONMENT, PASSWORD

OLD = ENVIRONMENT["SECRET_KEY"]
NEW, NEXT = (f"the {name} secret, of more than thirty-two bytes" for name in ("new", "next"))
KEY = {"Idempotency-Key": "order-1"}


@pytest.fixture
def restart(app, monkeypatch):
    """The shop as after a restart with another secret: ``restart(NEW, OLD)`` signs with the first of them."""

    def start(secret, *others):
        monkeypatch.setitem(app.config, "SECRET_KEY", secret)
        monkeypatch.setitem(app.config, "SECRET_KEY_FALLBACKS", others)
        app.token_cache.entries.clear()

    return start


def sees_itself(person):
    return person.get(f"/customers/{person.id}").status_code


def signed_by(token):
    """Which of the secrets has signed a token."""

    def signed(secret):
        try:
            return bool(jwt.decode(token, secret, algorithms=["HS256"], audience="mymechanicshop"))
        except jwt.InvalidSignatureError:
            return False

    [name] = [secret for secret in (OLD, NEW, NEXT) if signed(secret)]
    return name


def log_in(anyone, person):
    return anyone.post("/customers/login", {"email": person.record["email"], "password": PASSWORD}).json["token"]


# ---------------------------------------------------------------- tokens
def test_a_token_of_the_old_secret_is_good_as_long_as_that_is_named(customer, restart):
    restart(NEW)
    assert sees_itself(customer) == 401, "the control: without the old secret its tokens end"
    restart(NEW, OLD)
    assert sees_itself(customer) == 200
    restart(NEXT, OLD, NEW)
    assert sees_itself(customer) == 200, "the second change within a token's life"
    restart(NEXT, NEW)
    assert sees_itself(customer) == 401


def test_a_new_token_is_signed_with_the_new_secret_alone(anyone, customer, restart):
    restart(NEW, OLD)
    customer.token = log_in(anyone, customer)
    assert signed_by(customer.token) == NEW
    restart(NEW)
    assert sees_itself(customer) == 200


def test_what_another_process_signs_with_the_next_secret_is_good_before_this_one_does(anyone, customer, restart):
    """While the processes restart one after another, each takes the tokens of the other."""
    restart(NEW, OLD)
    customer.token = log_in(anyone, customer)
    restart(OLD, NEW)
    assert sees_itself(customer) == 200
    assert signed_by(log_in(anyone, customer)) == OLD


@pytest.mark.parametrize(
    "claims", [{"exp": 1}, {"exp": None}, {"iss": "another"}, {"aud": "another"}, {"ver": 2}, {"sub": "customer:0"}], ids=str
)
def test_a_token_of_the_old_secret_must_be_as_good_as_any(customer, restart, claims):
    said = jwt.decode(customer.token, OLD, algorithms=["HS256"], audience="mymechanicshop")
    restart(NEW, OLD)
    customer.token = jwt.encode(said, OLD, algorithm="HS256")
    assert sees_itself(customer) == 200, "the control"
    customer.token = jwt.encode(said | claims, OLD, algorithm="HS256")
    assert sees_itself(customer) == 401


def test_an_old_secret_lets_no_other_algorithm_in(customer, restart):
    said = jwt.decode(customer.token, OLD, algorithms=["HS256"], audience="mymechanicshop")
    restart(NEW, OLD * 2)
    for algorithm, key in (("HS512", OLD * 2), ("none", None)):
        customer.token = jwt.encode(said, key, algorithm=algorithm)
        assert sees_itself(customer) == 401


def test_a_token_of_the_old_secret_ends_with_its_time(customer, restart, monkeypatch):
    restart(NEW, OLD)
    said = jwt.decode(customer.token, OLD, algorithms=["HS256"], audience="mymechanicshop")
    for exp, status in ((time.time() + 5, 200), (time.time() - 12, 401)):
        customer.token = jwt.encode(said | {"exp": int(exp)}, OLD, algorithm="HS256")
        assert sees_itself(customer) == status


# ---------------------------------------------------------------- idempotency keys
def test_a_request_from_before_the_change_is_not_done_again(staff, order, restart, left):
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


def test_a_key_is_kept_under_the_new_secret_alone(anyone, restart, left):
    body = {"name": "Ann", "email": "ann@example.com", "password": PASSWORD}
    restart(NEW, OLD)
    first = anyone.post("/customers", json=body, headers=KEY)
    restart(NEW)
    assert anyone.post("/customers", json=body, headers=KEY).data == first.data
    restart(OLD)
    assert anyone.post("/customers", json=body, headers=KEY).status_code == 422, "it was no hash of the old one"
    assert len(left.everything()[idempotency_keys.name]) == 1
