"""No response and no log holds passwords, hashes, tokens, or values that the reader may not see.

Every record has unique words. Every role calls every endpoint with good and bad bodies; then each body, each header and
each line of the log is searched for them.
"""

import logging
import re

import pytest
from sqlalchemy import event

from app.extensions import db
from app.models import customers, mechanics
from tests.conftest import ENVIRONMENT, PASSWORD, PASSWORD_HASH
from tests.support.endpoints import ENDPOINTS, ROLES, fill

NEW = "zebra-new-password"
SALARY = "7654321.98"
NEVER = [PASSWORD, PASSWORD_HASH, NEW, "$argon2", "password_hash", "token_version", "argon2id"]
NEVER += [ENVIRONMENT["SECRET_KEY"], ENVIRONMENT["SECRET_KEY_FALLBACKS"]]
"""No response and no line of a log ever holds these."""
BOBS = ["Zebra Bob", "zebra.bob@example.com", "+49 40 11223344", "Zebra brakes", "ZEBRAVIN"]
"""Values of one customer and their ticket, hidden from other customers."""
ACCOUNT = {"name": "Someone", "email": "someone@example.com", "phone": "555-0123", "password": NEW}
TICKET = {"service_date": "2026-11-24", "description": "Oil", "vin": "VIN1"}


@pytest.fixture
def shop(make, customer, staff, admin):
    """A customer Bob with a ticket, its mechanic and its part, all with unique words."""
    bob = make.customer(name=BOBS[0], email=BOBS[1], phone=BOBS[2])
    paid = make.mechanic(name="Paid", salary_cents=765_432_198)
    part = make.part()
    lines = [{"inventory_id": part.id, "quantity": 1}]
    ticket = make.ticket(customer_id=bob.id, description=BOBS[3], vin=BOBS[4], mechanic_ids=[paid.id], parts=lines)
    return {"customer_id": bob.id, "mechanic_id": paid.id, "ticket_id": ticket.id, "part_id": part.id}


def bodies(path, ids):
    """Yield good and bad bodies for a path, with a password if the path accepts one."""
    number = ids["customer_id"]
    good = {
        "/customers": ACCOUNT,
        "/customers/login": {"email": BOBS[1], "password": NEW},
        "/mechanics": ACCOUNT | {"salary": 1},
        "/mechanics/login": {"email": "nobody@example.com", "password": NEW},
        "/customers/{customer_id}": {"email": "someone@example.com", "password": NEW},
        "/mechanics/{mechanic_id}": {"phone": "555-0199", "password": NEW},
        "/tickets": TICKET | {"customer_id": number},
        "/inventory": {"name": "Pad", "price": 1},
        "/inventory/{part_id}": {"price": 2},
        "/tickets/{ticket_id}/inventory": {"remove_parts": [ids["part_id"]]},
        "/tickets/{ticket_id}/mechanics": {"mechanic_ids": []},
    }.get(path, {})
    bad = [{"password": NEW * 20}, {"password": [NEW]}, {"password": NEW + "\n"}, {"name": {"x": NEW}, "email": NEW}]
    yield from ({"json": body} for body in [*bad, good, good])  # In the second request, the email is taken.
    yield {"data": f'{{"password": "{NEW}"', "content_type": "application/json"}
    yield {"data": f'{{"password": "{NEW}", "password": "{NEW}"}}', "content_type": "application/json"}
    yield {"data": {"password": NEW}}


def walk(person, ids):
    """Call every endpoint, first those that read, then change, create and delete. Yield (request, response as text)."""
    order = {"GET": 0, "PUT": 1, "POST": 2, "DELETE": 3}
    for endpoint in sorted(ENDPOINTS, key=lambda each: order[each.method]):
        method, path = endpoint.method, endpoint.path
        if path.startswith(("/docs", "/openapi")):
            continue  # Equal for all, and with the words of the schemas.
        queries = ("", "?q=Zebra", f"?customer_id={ids['customer_id']}", "?q=7654321", "?after=x") if method == "GET" else ("",)
        for query in queries:
            for body in bodies(path, ids) if method in ("PUT", "POST") else [{}]:
                response = person.open(method, fill(path, ids) + query, **body)
                yield f"{method} {path}{query}", f"{response.status}\n{response.headers}\n{response.text}"


def found(words, texts):
    """Return (name, word) for each word in a text, ignoring case."""
    return [(what, word) for what, text in texts for word in words if word.lower() in text.lower()]


def lines_of(caplog):
    """Return everything in the log: messages, arguments, tracebacks and extra attributes of the records."""
    formatter = logging.Formatter()
    return [(record.name, f"{formatter.format(record)} {vars(record)}") for record in caplog.records]


@pytest.mark.parametrize("role", ROLES)
def test_response_and_log_hold_no_hidden_value(shop, people, caplog, role):
    hidden = {
        "anonymous": [*NEVER, *BOBS, SALARY, "Paid", "40000.0"],
        "customer": [*NEVER, *BOBS, SALARY, "Paid", "40000.0"],
        "mechanic": [*NEVER, SALARY, "765432198"],
        "admin": NEVER,
    }[role]
    caplog.set_level(logging.DEBUG)
    texts = list(walk(people[role], shop))
    assert len(texts) > 100
    assert found(hidden, texts) == []
    tokens = [person.token for person in people.values() if person.token]
    assert found([*NEVER, *tokens, SALARY, "765432198"], lines_of(caplog)) == []
    if role == "admin":
        assert found([SALARY], texts), "control: an admin sees the salary"
        assert found(BOBS[:3], texts)


def test_mechanic_sees_only_the_own_salary(staff, shop, make):
    make.mechanic(salary_cents=111_111)
    texts = [staff.get(path).text for path in ("/mechanics?per_page=100", f"/mechanics/{staff.id}")]
    assert [text.count('"salary"') for text in texts] == [1, 1]
    assert staff.get(f"/mechanics/{shop['mechanic_id']}").text.count("salary") == 0


def test_log_of_a_login_has_no_password_or_token(anyone, customer, staff, caplog):
    caplog.set_level(logging.DEBUG)
    tokens = []
    for kind, person in (("customers", customer), ("mechanics", staff)):
        for password in (PASSWORD, NEW):
            response = anyone.post(f"/{kind}/login", {"email": person.record["email"], "password": password})
            tokens += [response.json["token"]] if response.status_code == 200 else []
    assert len(tokens) == 2
    assert found([*NEVER, *tokens], lines_of(caplog)) == []


# ---------------------------------------------------------------- errors
@pytest.fixture
def broken(app, monkeypatch, customer, admin):
    """Let each statement that writes an account fail, and respond with 500 as in production."""
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)

    def break_it(_connection, _cursor, sql, parameters, *_):
        writes = sql.startswith(("INSERT INTO", "UPDATE")) and "password_hash" in sql
        return (re.sub("customers|mechanics", "no_such_table", sql, count=1) if writes else sql), parameters

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", break_it, retval=True)
    yield
    event.remove(engine, "before_cursor_execute", break_it)


@pytest.mark.usefixtures("broken")
def test_failing_statement_reveals_no_hash(anyone, customer, admin, caplog, unchanged):
    """By default, the exceptions of SQLAlchemy quote the values of a statement."""
    caplog.set_level(logging.DEBUG)
    with unchanged():
        responses = [
            anyone.post("/customers", ACCOUNT),
            customer.put(f"/customers/{customer.id}", {"password": NEW}),
            admin.post("/mechanics", ACCOUNT | {"salary": 7_654_321.98}),
        ]
    assert {response.status_code for response in responses} <= {500, 503}
    assert found([*NEVER[:4], "no_such_table", "sql"], [("response", response.text) for response in responses]) == []
    assert caplog.records, "nothing was logged"
    assert found([PASSWORD, NEW, "$argon2", "765432198", ACCOUNT["phone"]], lines_of(caplog)) == []


def test_unexpected_error_reveals_nothing_to_the_client(app, admin, customer, caplog, monkeypatch):
    """500 as `problem+json`; the log has the traceback, but no password and no token."""
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)

    def fail(*_):
        raise RuntimeError("a zebra escaped")

    monkeypatch.setattr("app.blueprints.accounts.service.update_account", fail)
    response = customer.put(f"/customers/{customer.id}", {"password": NEW})
    assert response.status_code == 500
    assert response.mimetype == "application/problem+json"
    assert found([*NEVER, "zebra", "Traceback", "RuntimeError"], [("response", response.text)]) == []
    assert "a zebra escaped" in caplog.text
    assert found([NEW, "$argon2", customer.token], lines_of(caplog)) == []


# ---------------------------------------------------------------- the tables
def test_no_table_holds_a_plain_password(shop, anyone, admin, left, engine):
    """Neither beside its hash nor in a response that is stored for an `Idempotency-Key`."""
    headers = {"Idempotency-Key": "once"}
    assert anyone.post("/customers", ACCOUNT, headers=headers).status_code == 201
    assert anyone.post("/customers", ACCOUNT, headers=headers).status_code == 201
    assert admin.put(f"/mechanics/{shop['mechanic_id']}", {"password": NEW}).status_code == 200
    everything = dict(left.everything())
    with engine.connect() as connection:
        for table in db.metadatas[None].sorted_tables:
            everything[table.name] = [tuple(row) for row in connection.execute(table.select())]
    assert NEW not in repr(everything)
    assert PASSWORD not in repr(everything)
    holding = {name for name, rows in everything.items() if "$argon2" in repr(rows)}
    assert holding == {customers.name, mechanics.name}
