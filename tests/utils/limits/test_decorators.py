"""Rate limits: each limit allows exactly its amount, also of simultaneous requests, and a refusal changes nothing."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import update

from app.models import known_addresses, utcnow
from config import rate_limits
from tests.support.clients import Person
from tests.support.environment import PASSWORD

LIMITS = ("LIMIT_TICKET_MECHANICS", "LIMIT_TICKET_INVENTORY", "LIMIT_TICKET_DELETE")
BY_TICKET = LIMITS[:2]


@pytest.fixture
def limit(app, monkeypatch):
    """Return a function that sets a limit for this test: ``limit("LIMIT_LOGIN", "3 per day")``."""
    return lambda name, text: monkeypatch.setitem(app.config, name, rate_limits(text))


@pytest.fixture
def shop(make):
    """Return the records that the limited writes need: twenty tickets, a mechanic, and a part with plenty of stock."""
    owner, part, mechanic = make.customer(), make.part(quantity=100), make.mechanic()
    return SimpleNamespace(tickets=[make.ticket(customer_id=owner.id) for _ in range(20)], part=part, mechanic=mechanic)


def attempt(name, person, shop, turn=0, *, refused=False, ticket=0):
    """Send a write that a limit of successes counts. With ``refused``, its body or ticket is wrong."""
    if name == "LIMIT_TICKET_DELETE":
        return person.delete(f"/tickets/{shop.tickets[-1].id + 500 if refused else shop.tickets[turn].id}")
    path = f"/tickets/{shop.tickets[ticket].id}"
    if name == "LIMIT_TICKET_INVENTORY":
        return person.put(
            f"{path}/inventory", json={"add_parts": [{"inventory_id": shop.part.id, "quantity": 101 if refused else 1}]}
        )
    change = "remove_mechanic_ids" if turn % 2 and not refused else "add_mechanic_ids"
    return person.put(f"{path}/mechanics", json={change: [shop.mechanic.id + 500 if refused else shop.mechanic.id]})


def assert_limited(response, amount):
    assert response.status_code == 429, response.text
    assert response.content_type == "application/problem+json"
    assert response.json["title"] == "Too Many Requests"
    assert int(response.headers["Retry-After"]) >= 1
    assert limit_headers(response) == (amount, 0)
    assert time.time() - 1 <= int(response.headers["X-RateLimit-Reset"]) <= time.time() + 86_401


def limit_headers(response):
    return int(response.headers["X-RateLimit-Limit"]), int(response.headers["X-RateLimit-Remaining"])


def is_success(response):
    return response.status_code in (200, 204)


# ---------------------------------------------------------------- successes
@pytest.mark.parametrize("name", LIMITS)
def test_fourth_success_is_429_and_changes_nothing(name, limit, staff, shop, unchanged):
    limit(name, "3 per day")
    for turn in range(3):
        response = attempt(name, staff, shop, turn)
        assert is_success(response)
        assert limit_headers(response) == (3, 2 - turn)
        assert "Retry-After" not in response.headers
    with unchanged():
        for _ in range(2):
            assert_limited(attempt(name, staff, shop, 3), 3)


@pytest.mark.parametrize("name", LIMITS)
def test_refused_request_is_not_counted(name, limit, staff, customer, shop):
    limit(name, "3 per day")
    for turn in range(3):
        for _ in range(4):
            assert attempt(name, staff, shop, refused=True).status_code in (404, 409, 422)
        assert attempt(name, customer, shop, turn).status_code == 403
        assert is_success(attempt(name, staff, shop, turn))
    assert_limited(attempt(name, staff, shop, 3), 3)


@pytest.mark.parametrize("name", LIMITS)
def test_stale_or_malformed_request_is_not_counted(name, limit, staff, shop):
    limit(name, "1 per day")
    method, path = {
        "LIMIT_TICKET_MECHANICS": ("PUT", "/mechanics"),
        "LIMIT_TICKET_INVENTORY": ("PUT", "/inventory"),
        "LIMIT_TICKET_DELETE": ("DELETE", ""),
    }[name]
    path = f"/tickets/{shop.tickets[0].id}{path}"
    assert staff.open(method, path, json={}, headers={"If-Match": '"stale"'}).status_code == 412
    if method == "PUT":
        assert staff.put(path, data="{", content_type="application/json").status_code == 400
        assert staff.put(path, data="{}", content_type="text/plain").status_code == 415
    assert is_success(attempt(name, staff, shop))
    assert_limited(attempt(name, staff, shop, 1), 1)


@pytest.mark.parametrize("name", LIMITS)
def test_limit_is_counted_per_caller(name, limit, staff, admin, shop):
    limit(name, "1 per day")
    assert is_success(attempt(name, staff, shop, 0))
    assert_limited(attempt(name, staff, shop, 1), 1)
    assert is_success(attempt(name, admin, shop, 1))
    assert_limited(attempt(name, admin, shop, 2), 1)


@pytest.mark.parametrize("name", BY_TICKET)
def test_limit_is_counted_per_ticket(name, limit, staff, shop):
    limit(name, "1 per day")
    for ticket in range(3):
        assert is_success(attempt(name, staff, shop, ticket=ticket))
        assert_limited(attempt(name, staff, shop, 1, ticket=ticket), 1)


def test_limits_of_a_ticket_are_counted_separately(limit, staff, shop):
    for name in LIMITS:
        limit(name, "1 per day")
    for name in LIMITS:
        assert is_success(attempt(name, staff, shop))


@pytest.mark.parametrize("name", LIMITS)
def test_blank_limit_is_off(name, limit, staff, shop):
    limit(name, "")
    for turn in range(8):
        response = attempt(name, staff, shop, turn)
        assert is_success(response)
        assert not [name for name, _ in response.headers if name.startswith(("X-RateLimit", "Retry"))]


@pytest.mark.parametrize("name", LIMITS)
def test_narrower_of_two_limits_applies(name, limit, staff, shop):
    limit(name, "100 per day; 2 per hour")
    assert [attempt(name, staff, shop, turn).status_code < 300 for turn in range(4)] == [True, True, False, False]


@pytest.mark.parametrize("name", LIMITS)
def test_simultaneous_successes_never_exceed_the_limit(name, limit, staff, shop, left):
    """Excess requests are rolled back as a whole: stock, ledger and tickets are those of three successes."""
    limit(name, "3 per day")
    before = left.everything()
    with ThreadPoolExecutor(12) as threads:
        responses = list(threads.map(lambda turn: attempt(name, staff, shop, turn), range(12)))
    assert sum(map(is_success, responses)) == 3
    assert sum(response.status_code == 429 for response in responses) == 9
    after = left.everything()
    if name == "LIMIT_TICKET_INVENTORY":
        assert left.lines_of(shop.tickets[0]) == {shop.part.id: 3}
        assert left.stock_of(shop.part) == 97
        assert left.movements_of(shop.part) == [("received", 100)] + [("used", -1)] * 3
    elif name == "LIMIT_TICKET_DELETE":
        assert len(set(after["service_tickets"]) - set(before["service_tickets"])) == 3


# ---------------------------------------------------------------- attempts
def log_in(app, email, address="10.0.0.1", area="customers", password="wrong password"):  # noqa: S107
    return Person(app).post(
        f"/{area}/login", json={"email": email, "password": password}, environ_base={"REMOTE_ADDR": address}
    )


def test_logins_are_counted_per_ip_address(app, limit, make):
    """Successes and failures, of customers and mechanics, on any account."""
    limit("LIMIT_LOGIN", "3 per day")
    email = make.customer().record["email"]
    assert log_in(app, email, password=PASSWORD).status_code == 200
    assert log_in(app, "b@example.com", area="mechanics").status_code == 401
    response = Person(app).post("/customers/login", data="{", environ_base={"REMOTE_ADDR": "10.0.0.1"})
    assert response.status_code == 415
    assert_limited(log_in(app, email, password=PASSWORD), 3)
    assert_limited(log_in(app, "c@example.com", area="mechanics"), 3)
    response = log_in(app, "d@example.com", address="10.0.0.2")
    assert (response.status_code, limit_headers(response)[0]) == (401, 3)


@pytest.mark.parametrize("area", ["customers", "mechanics"])
def test_logins_are_counted_per_account(area, app, limit, make):
    """Guessing a password from many addresses is stopped, however the email is written. Other accounts are not affected."""
    limit("LIMIT_LOGIN", "1 per day")
    email = (make.customer if area == "customers" else make.mechanic)().record["email"]
    for number, spelling in enumerate([email, email.upper(), f"  {email}\t", f"\ufeff{email}\u3000", *[email] * 6]):
        assert log_in(app, spelling, f"10.0.0.{number}", area).status_code == 401
    for number, spelling in enumerate([email, f"\ufeff{email.title()}"], 10):
        assert_limited(log_in(app, spelling, f"10.0.0.{number}", area, PASSWORD), 10)
    assert log_in(app, f"x{email}", "10.0.0.20", area).status_code == 401


@pytest.mark.parametrize("area", ["customers", "mechanics"])
def test_known_address_is_not_counted_by_account(area, app, limit, make, engine):
    """Nobody can keep an owner out: an address that signed in to the account lately is let through."""
    limit("LIMIT_LOGIN", "3 per day")
    email = (make.customer if area == "customers" else make.mechanic)().record["email"]
    assert log_in(app, email, "10.1.0.1", area, PASSWORD).status_code == 200
    assert [log_in(app, email, f"10.0.0.{number}", area).status_code for number in range(30)] == [401] * 29 + [429]
    assert_limited(log_in(app, email, "10.2.0.1", area, PASSWORD), 30)
    assert log_in(app, email, "10.1.0.1", area, PASSWORD).status_code == 200
    with engine.begin() as connection:
        connection.execute(update(known_addresses).values(seen_at=utcnow() - timedelta(days=30, seconds=1)))
    assert_limited(log_in(app, email, "10.1.0.1", area, PASSWORD), 30)


def test_known_addresses_are_erased_with_the_account(app, make, admin, left):
    customer = make.customer()
    log_in(app, customer.record["email"], "10.1.0.1", password=PASSWORD)
    assert [row[3] for row in left.everything()["known_addresses"]] == ["10.1.0.1"]
    assert admin.delete(f"/customers/{customer.id}").status_code == 204
    assert left.everything()["known_addresses"] == []


@pytest.mark.parametrize("address", ["", "2001:db8::1%eth0", "a" * 300, "\xff\x7f", "unix:"])
def test_login_works_from_an_address_of_any_form(address, app, make):
    """A proxy may forward any text as an address."""
    assert [log_in(app, make.customer().record["email"], address, password=PASSWORD).status_code for _ in range(2)] == [200] * 2


def test_logins_of_unknown_accounts_are_counted(app, limit):
    """Otherwise the limit would reveal which accounts exist."""
    limit("LIMIT_LOGIN", "1 per day")
    responses = [log_in(app, "nobody@example.com", f"10.0.0.{number}") for number in range(11)]
    assert [response.status_code for response in responses] == [401] * 10 + [429]


def test_registrations_are_counted_per_ip_address(app, limit, customer, left):
    limit("LIMIT_REGISTER", "3 per hour")
    body = {"name": "Ann", "password": PASSWORD}
    for number in range(3):
        response = Person(app).post("/customers", json=body | {"email": f"a{number}@example.com"})
        assert (response.status_code, limit_headers(response)) == (201, (3, 2 - number))
        assert "Retry-After" not in response.headers
    before = left.everything()
    assert_limited(Person(app).post("/customers", json=body | {"email": "a4@example.com"}), 3)
    assert_limited(customer.post("/customers", json=body | {"email": "a5@example.com"}), 3)
    assert left.everything() == before
    other_address = Person(app).post(
        "/customers", json=body | {"email": "a6@example.com"}, environ_base={"REMOTE_ADDR": "10.0.0.9"}
    )
    assert other_address.status_code == 201


def test_other_requests_are_counted_per_caller(app, limit, staff, customer, unchanged):
    """Reads, writes and refusals; without a token, per IP address."""
    limit("LIMIT_DEFAULT", "3 per minute")
    assert limit_headers(staff.get("/customers")) == (3, 2)
    assert limit_headers(staff.get("/tickets/5")) == (3, 1)
    response = staff.post("/inventory", json={})
    assert (response.status_code, limit_headers(response)) == (422, (3, 0))
    with unchanged():
        assert_limited(staff.post("/inventory", json={"name": "Pad", "price": 5}), 3)
        assert_limited(staff.get("/"), 3)
    assert limit_headers(customer.get("/inventory")) == (3, 2)
    anonymous = Person(app)
    assert [anonymous.get("/customers").status_code for _ in range(4)] == [401, 401, 401, 429]
    assert anonymous.get("/customers", environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 401


def test_default_limit_excludes_logins_registrations_and_health_checks(app, limit, anyone):
    """Preflights are not limited either. A client that reached the default limit can still log in."""
    limit("LIMIT_DEFAULT", "1 per day")
    assert anyone.get("/").status_code == 200
    assert_limited(anyone.get("/"), 1)
    for path in ("/health/live", "/health/ready"):
        assert [anyone.get(path).status_code for _ in range(3)] == [200] * 3
    assert anyone.open("OPTIONS", "/customers").status_code == 200
    assert log_in(app, "a@example.com", address="127.0.0.1").status_code == 401
    assert anyone.post("/customers", json={}).status_code == 422


@pytest.mark.parametrize("name", ["LIMIT_DEFAULT", "LIMIT_LOGIN", "LIMIT_REGISTER"])
def test_blank_attempt_limit_is_off(name, app, limit, anyone):
    limit(name, "")
    for _ in range(30):
        responses = [anyone.get("/"), anyone.post("/customers"), anyone.post("/customers/login")]
        assert [response.status_code for response in responses] == [200, 415, 415]
    assert "X-RateLimit-Limit" not in responses[0].headers


@pytest.mark.parametrize(
    ("name", "method", "path"),
    [("LIMIT_DEFAULT", "GET", "/"), ("LIMIT_LOGIN", "POST", "/mechanics/login"), ("LIMIT_REGISTER", "POST", "/customers")],
)
def test_simultaneous_attempts_never_exceed_the_limit(name, method, path, limit, anyone):
    limit(name, "5 per day")
    with ThreadPoolExecutor(12) as threads:
        statuses = list(threads.map(lambda _: anyone.open(method, path).status_code, range(12)))
    assert sum(status != 429 for status in statuses) == 5


@pytest.mark.databases("sqlite")
def test_request_after_retry_after_is_allowed(limit, anyone):
    limit("LIMIT_DEFAULT", "1 per second")
    assert anyone.get("/").status_code == 200
    refused = anyone.get("/")
    assert_limited(refused, 1)
    time.sleep(int(refused.headers["Retry-After"]) + 0.05)
    assert anyone.get("/").status_code == 200


# ---------------------------------------------------------------- behind a proxy
@pytest.mark.parametrize(
    ("proxies", "forwarded", "passes"),
    [
        ("0", ["1.1.1.1", "2.2.2.2", "3.3.3.3"], 2),  # Otherwise a client could choose its address.
        ("1", ["1.1.1.1", "2.2.2.2", "3.3.3.3"], 3),
        ("1", ["1.1.1.1, 9.9.9.9", "2.2.2.2, 9.9.9.9", "3.3.3.3, 9.9.9.9"], 2),  # Only the last address is set by the proxy.
        ("2", ["8.8.8.8, 1.1.1.1, 9.9.9.9", "8.8.8.8, 2.2.2.2, 9.9.9.9", "8.8.8.8, 3.3.3.3, 9.9.9.9"], 3),
    ],
)
def test_x_forwarded_for_counts_only_behind_trusted_proxies(proxies, forwarded, passes, another_app):
    app = another_app(TRUSTED_PROXIES=proxies, LIMIT_REGISTER="2 per day")
    statuses = [Person(app).post("/customers", headers={"X-Forwarded-For": each}).status_code for each in forwarded]
    assert statuses == [415] * passes + [429] * (len(forwarded) - passes)
