"""«Rate limits»: each lets through exactly as many as it says, however they arrive, and a refusal does nothing."""

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from config import rate_limits
from tests.conftest import PASSWORD, Person

LIMITS = ("LIMIT_TICKET_MECHANICS", "LIMIT_TICKET_INVENTORY", "LIMIT_TICKET_DELETE")
BY_TICKET = LIMITS[:2]


@pytest.fixture
def limit(app, monkeypatch):
    """Set a limit for this test: ``limit("LIMIT_LOGIN", "3 per day")``."""
    return lambda name, text: monkeypatch.setitem(app.config, name, rate_limits(text))


@pytest.fixture
def shop(make):
    """What the limited writes are about: twenty tickets, a mechanic, and plenty of a part."""
    owner, part, crew = make.customer(), make.part(quantity=100), make.mechanic()
    return SimpleNamespace(tickets=[make.ticket(customer_id=owner.id) for _ in range(20)], part=part, crew=crew)


def attempt(name, who, shop, turn=0, *, refused=False, ticket=0):
    """Do what a limit of successes counts; ``refused`` does it with a body, or on a ticket, that is none."""
    if name == "LIMIT_TICKET_DELETE":
        return who.delete(f"/tickets/{shop.tickets[-1].id + 500 if refused else shop.tickets[turn].id}")
    path = f"/tickets/{shop.tickets[ticket].id}"
    if name == "LIMIT_TICKET_INVENTORY":
        return who.put(
            f"{path}/inventory", json={"add_parts": [{"inventory_id": shop.part.id, "quantity": 101 if refused else 1}]}
        )
    change = "remove_mechanic_ids" if turn % 2 and not refused else "add_mechanic_ids"
    return who.put(f"{path}/mechanics", json={change: [shop.crew.id + 500 if refused else shop.crew.id]})


def assert_reached(answer, amount):
    assert answer.status_code == 429, answer.text
    assert answer.content_type == "application/problem+json"
    assert answer.json["title"] == "Too Many Requests"
    assert int(answer.headers["Retry-After"]) >= 1
    assert shown(answer) == (amount, 0)
    assert time.time() - 1 <= int(answer.headers["X-RateLimit-Reset"]) <= time.time() + 86_401


def shown(answer):
    return int(answer.headers["X-RateLimit-Limit"]), int(answer.headers["X-RateLimit-Remaining"])


def passed(answer):
    return answer.status_code in (200, 204)


# ---------------------------------------------------------------- successes
@pytest.mark.parametrize("name", LIMITS)
def test_three_successes_pass_and_the_fourth_changes_nothing(name, limit, staff, shop, unchanged):
    limit(name, "3 per day")
    for turn in range(3):
        answer = attempt(name, staff, shop, turn)
        assert passed(answer)
        assert shown(answer) == (3, 2 - turn)
        assert "Retry-After" not in answer.headers
    with unchanged():
        for _ in range(2):
            assert_reached(attempt(name, staff, shop, 3), 3)


@pytest.mark.parametrize("name", LIMITS)
def test_a_refusal_is_not_counted(name, limit, staff, customer, shop):
    limit(name, "3 per day")
    for turn in range(3):
        for _ in range(4):
            assert attempt(name, staff, shop, refused=True).status_code in (404, 409, 422)
        assert attempt(name, customer, shop, turn).status_code == 403
        assert passed(attempt(name, staff, shop, turn))
    assert_reached(attempt(name, staff, shop, 3), 3)


@pytest.mark.parametrize("name", LIMITS)
def test_a_stale_or_malformed_request_is_not_counted(name, limit, staff, shop):
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
    assert passed(attempt(name, staff, shop))
    assert_reached(attempt(name, staff, shop, 1), 1)


@pytest.mark.parametrize("name", LIMITS)
def test_each_caller_has_a_limit_of_their_own(name, limit, staff, admin, shop):
    limit(name, "1 per day")
    assert passed(attempt(name, staff, shop, 0))
    assert_reached(attempt(name, staff, shop, 1), 1)
    assert passed(attempt(name, admin, shop, 1))
    assert_reached(attempt(name, admin, shop, 2), 1)


@pytest.mark.parametrize("name", BY_TICKET)
def test_each_ticket_has_a_limit_of_its_own(name, limit, staff, shop):
    limit(name, "1 per day")
    for ticket in range(3):
        assert passed(attempt(name, staff, shop, ticket=ticket))
        assert_reached(attempt(name, staff, shop, 1, ticket=ticket), 1)


def test_the_limits_of_a_ticket_are_counted_apart(limit, staff, shop):
    for name in LIMITS:
        limit(name, "1 per day")
    for name in LIMITS:
        assert passed(attempt(name, staff, shop))


@pytest.mark.parametrize("name", LIMITS)
def test_a_blank_limit_is_off(name, limit, staff, shop):
    limit(name, "")
    for turn in range(8):
        answer = attempt(name, staff, shop, turn)
        assert passed(answer)
        assert not [name for name, _ in answer.headers if name.startswith(("X-RateLimit", "Retry"))]


@pytest.mark.parametrize("name", LIMITS)
def test_of_two_limits_the_narrower_holds(name, limit, staff, shop):
    limit(name, "100 per day; 2 per hour")
    assert [attempt(name, staff, shop, turn).status_code < 300 for turn in range(4)] == [True, True, False, False]


@pytest.mark.parametrize("name", LIMITS)
def test_twelve_at_once_never_pass_a_limit_of_three(name, limit, staff, shop, left):
    """Those who lose are rolled back as a whole: stock, ledger and tickets are those of three successes."""
    limit(name, "3 per day")
    before = left.everything()
    with ThreadPoolExecutor(12) as together:
        answers = list(together.map(lambda turn: attempt(name, staff, shop, turn), range(12)))
    assert sum(map(passed, answers)) == 3
    assert sum(answer.status_code == 429 for answer in answers) == 9
    after = left.everything()
    if name == "LIMIT_TICKET_INVENTORY":
        assert left.lines_of(shop.tickets[0]) == {shop.part.id: 3}
        assert left.stock_of(shop.part) == 97
        assert left.movements_of(shop.part) == [("received", 100)] + [("used", -1)] * 3
    elif name == "LIMIT_TICKET_DELETE":
        assert len(set(after["service_tickets"]) - set(before["service_tickets"])) == 3


# ---------------------------------------------------------------- every try
def log_in(app, email, address="10.0.0.1", area="customers", password="wrong password"):  # noqa: S107
    return Person(app).post(
        f"/{area}/login", json={"email": email, "password": password}, environ_base={"REMOTE_ADDR": address}
    )


def test_logins_are_counted_by_address(app, limit, make):
    """Good and bad tries, of customers and mechanics, on whatever account."""
    limit("LIMIT_LOGIN", "3 per day")
    who = make.customer().record["email"]
    assert log_in(app, who, password=PASSWORD).status_code == 200
    assert log_in(app, "b@example.com", area="mechanics").status_code == 401
    answer = Person(app).post("/customers/login", data="{", environ_base={"REMOTE_ADDR": "10.0.0.1"})
    assert answer.status_code == 415
    assert_reached(log_in(app, who, password=PASSWORD), 3)
    assert_reached(log_in(app, "c@example.com", area="mechanics"), 3)
    answer = log_in(app, "d@example.com", address="10.0.0.2")
    assert (answer.status_code, shown(answer)[0]) == (401, 3)


@pytest.mark.parametrize("area", ["customers", "mechanics"])
def test_logins_are_counted_by_account(area, app, limit, make):
    """Guessing one password from many addresses ends, however the email is written; other accounts are not met."""
    limit("LIMIT_LOGIN", "4 per day")
    who = (make.customer if area == "customers" else make.mechanic)().record["email"]
    for number, spelled in enumerate([who, who.upper(), f"  {who}\t", f"\ufeff{who}\u3000"]):
        assert log_in(app, spelled, f"10.0.0.{number}", area).status_code == 401
    for number, spelled in enumerate([who, f"\ufeff{who.title()}"], 10):
        assert_reached(log_in(app, spelled, f"10.0.0.{number}", area, PASSWORD), 4)
    assert log_in(app, f"x{who}", "10.0.0.20", area).status_code == 401


def test_logins_of_an_account_that_is_none_are_counted_too(app, limit):
    """Else a limit would tell who has an account."""
    limit("LIMIT_LOGIN", "2 per day")
    answers = [log_in(app, "nobody@example.com", f"10.0.0.{number}") for number in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]


def test_registrations_are_counted_by_address(app, limit, customer, left):
    limit("LIMIT_REGISTER", "3 per hour")
    body = {"name": "Ann", "password": PASSWORD}
    for number in range(3):
        answer = Person(app).post("/customers", json=body | {"email": f"a{number}@example.com"})
        assert (answer.status_code, shown(answer)) == (201, (3, 2 - number))
        assert "Retry-After" not in answer.headers
    before = left.everything()
    assert_reached(Person(app).post("/customers", json=body | {"email": "a4@example.com"}), 3)
    assert_reached(customer.post("/customers", json=body | {"email": "a5@example.com"}), 3)
    assert left.everything() == before
    elsewhere = Person(app).post(
        "/customers", json=body | {"email": "a6@example.com"}, environ_base={"REMOTE_ADDR": "10.0.0.9"}
    )
    assert elsewhere.status_code == 201


def test_everything_else_is_counted_by_caller(app, limit, staff, customer, unchanged):
    """Reads, writes and refusals alike; a stranger is an address."""
    limit("LIMIT_DEFAULT", "3 per minute")
    assert shown(staff.get("/customers")) == (3, 2)
    assert shown(staff.get("/tickets/5")) == (3, 1)
    answer = staff.post("/inventory", json={})
    assert (answer.status_code, shown(answer)) == (422, (3, 0))
    with unchanged():
        assert_reached(staff.post("/inventory", json={"name": "Pad", "price": 5}), 3)
        assert_reached(staff.get("/"), 3)
    assert shown(customer.get("/inventory")) == (3, 2)
    stranger = Person(app)
    assert [stranger.get("/customers").status_code for _ in range(4)] == [401, 401, 401, 429]
    assert stranger.get("/customers", environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 401


def test_what_has_a_limit_of_its_own_is_not_everything_else(app, limit, anyone):
    """Health checks and preflights never meet a limit, nor does who was refused elsewhere lose the login."""
    limit("LIMIT_DEFAULT", "1 per day")
    assert anyone.get("/").status_code == 200
    assert_reached(anyone.get("/"), 1)
    for path in ("/health/live", "/health/ready"):
        assert [anyone.get(path).status_code for _ in range(3)] == [200] * 3
    assert anyone.open("OPTIONS", "/customers").status_code == 200
    assert log_in(app, "a@example.com", address="127.0.0.1").status_code == 401
    assert anyone.post("/customers", json={}).status_code == 422


@pytest.mark.parametrize("name", ["LIMIT_DEFAULT", "LIMIT_LOGIN", "LIMIT_REGISTER"])
def test_a_blank_limit_of_tries_is_off(name, app, limit, anyone):
    limit(name, "")
    for _ in range(30):
        answers = [anyone.get("/"), anyone.post("/customers"), anyone.post("/customers/login")]
        assert [answer.status_code for answer in answers] == [200, 415, 415]
    assert "X-RateLimit-Limit" not in answers[0].headers


@pytest.mark.parametrize(
    ("name", "method", "path"),
    [("LIMIT_DEFAULT", "GET", "/"), ("LIMIT_LOGIN", "POST", "/mechanics/login"), ("LIMIT_REGISTER", "POST", "/customers")],
)
def test_twelve_tries_at_once_never_pass_a_limit_of_five(name, method, path, limit, anyone):
    limit(name, "5 per day")
    with ThreadPoolExecutor(12) as together:
        statuses = list(together.map(lambda _: anyone.open(method, path).status_code, range(12)))
    assert sum(status != 429 for status in statuses) == 5


@pytest.mark.databases("sqlite")
def test_after_retry_after_it_works_again(limit, anyone):
    limit("LIMIT_DEFAULT", "1 per second")
    assert anyone.get("/").status_code == 200
    refused = anyone.get("/")
    assert_reached(refused, 1)
    time.sleep(int(refused.headers["Retry-After"]) + 0.05)
    assert anyone.get("/").status_code == 200


# ---------------------------------------------------------------- behind a proxy
@pytest.mark.parametrize(
    ("proxies", "forwarded", "passes"),
    [
        ("0", ["1.1.1.1", "2.2.2.2", "3.3.3.3"], 2),  # Else a client would choose its address.
        ("1", ["1.1.1.1", "2.2.2.2", "3.3.3.3"], 3),
        ("1", ["1.1.1.1, 9.9.9.9", "2.2.2.2, 9.9.9.9", "3.3.3.3, 9.9.9.9"], 2),  # Only the last is the proxy's word.
        ("2", ["8.8.8.8, 1.1.1.1, 9.9.9.9", "8.8.8.8, 2.2.2.2, 9.9.9.9", "8.8.8.8, 3.3.3.3, 9.9.9.9"], 3),
    ],
)
def test_forwarded_addresses_count_only_behind_trusted_proxies(proxies, forwarded, passes, another_app):
    app = another_app(TRUSTED_PROXIES=proxies, LIMIT_REGISTER="2 per day")
    statuses = [Person(app).post("/customers", headers={"X-Forwarded-For": each}).status_code for each in forwarded]
    assert statuses == [415] * passes + [429] * (len(forwarded) - passes)
