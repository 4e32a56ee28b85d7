"""Secrecy: no response and no log has a password, a hash, a token, or data that the reader may not see.

Each record has words that appear nowhere else. Each role requests every route, with valid and invalid bodies; then all
bodies, headers and log lines are searched for the words.
"""

import logging
import re

import pytest
from sqlalchemy import event

from app.extensions import db
from app.models import customers, mechanics
from tests.support.clients import PASSWORD_HASH
from tests.support.endpoints import ENDPOINTS, ROLES, fill
from tests.support.environment import ENVIRONMENT, PASSWORD

NEW_PASSWORD = "zebra-new-password"
SALARY = "7654321.98"
SECRETS = [PASSWORD, PASSWORD_HASH, NEW_PASSWORD, "$argon2", "password_hash", "token_version", "argon2id"]
SECRETS += [ENVIRONMENT["SECRET_KEY"], ENVIRONMENT["SECRET_KEY_FALLBACKS"]]
"""Words that no response and no log line may have."""
BOBS_DATA = ["Zebra Bob", "zebra.bob@example.com", "+49 40 11223344", "Zebra brakes", "ZEBRAVIN"]
"""Words of one customer and their ticket, which other customers may not see."""
ACCOUNT = {"name": "Someone", "email": "someone@example.com", "phone": "555-0123", "password": NEW_PASSWORD}
TICKET = {"service_date": "2026-11-24", "description": "Oil", "vin": "VIN1"}


@pytest.fixture
def shop(make, customer, staff, admin):
    """Create a customer Bob with a ticket, and a mechanic on the ticket with a part. Return their ids."""
    bob = make.customer(name=BOBS_DATA[0], email=BOBS_DATA[1], phone=BOBS_DATA[2])
    paid = make.mechanic(name="Paid", salary_cents=765_432_198)
    part = make.part()
    lines = [{"inventory_id": part.id, "quantity": 1}]
    ticket = make.ticket(customer_id=bob.id, description=BOBS_DATA[3], vin=BOBS_DATA[4], mechanic_ids=[paid.id], parts=lines)
    return {"customer_id": bob.id, "mechanic_id": paid.id, "ticket_id": ticket.id, "part_id": part.id}


def bodies(path, ids):
    """Yield valid and invalid bodies for a path, with a password if the path takes one."""
    number = ids["customer_id"]
    good = {
        "/customers": ACCOUNT,
        "/customers/login": {"email": BOBS_DATA[1], "password": NEW_PASSWORD},
        "/mechanics": ACCOUNT | {"salary": 1},
        "/mechanics/login": {"email": "nobody@example.com", "password": NEW_PASSWORD},
        "/customers/{customer_id}": {"email": "someone@example.com", "password": NEW_PASSWORD},
        "/mechanics/{mechanic_id}": {"phone": "555-0199", "password": NEW_PASSWORD},
        "/tickets": TICKET | {"customer_id": number},
        "/inventory": {"name": "Pad", "price": 1},
        "/inventory/{part_id}": {"price": 2},
        "/tickets/{ticket_id}/inventory": {"remove_parts": [ids["part_id"]]},
        "/tickets/{ticket_id}/mechanics": {"mechanic_ids": []},
    }.get(path, {})
    bad = [
        {"password": NEW_PASSWORD * 20},
        {"password": [NEW_PASSWORD]},
        {"password": NEW_PASSWORD + "\n"},
        {"name": {"x": NEW_PASSWORD}, "email": NEW_PASSWORD},
    ]
    yield from ({"json": body} for body in [*bad, good, good])  # The second time, the email is taken.
    yield {"data": f'{{"password": "{NEW_PASSWORD}"', "content_type": "application/json"}
    yield {"data": f'{{"password": "{NEW_PASSWORD}", "password": "{NEW_PASSWORD}"}}', "content_type": "application/json"}
    yield {"data": {"password": NEW_PASSWORD}}


def request_everything(person, ids):
    """Send every request: reads, updates, creations, deletions. Yield (method and path, the response as text)."""
    order = {"GET": 0, "PUT": 1, "PATCH": 2, "POST": 3, "DELETE": 4}
    for endpoint in sorted(ENDPOINTS, key=lambda each: order[each.method]):
        method, path = endpoint.method, endpoint.path
        if path.startswith(("/docs", "/openapi")):
            continue  # Equal for all, and with the words of the schemas.
        queries = ("", "?q=Zebra", f"?customer_id={ids['customer_id']}", "?q=7654321", "?after=x") if method == "GET" else ("",)
        for query in queries:
            for body in bodies(path, ids) if method in ("PUT", "POST") else [{}]:
                response = person.open(method, fill(path, ids) + query, **body)
                yield f"{method} {path}{query}", f"{response.status}\n{response.headers}\n{response.text}"


def find_words(words, texts):
    """Return the words that appear in the texts, in any case, with the label of the text."""
    return [(label, word) for label, text in texts for word in words if word.lower() in text.lower()]


def log_texts(caplog):
    """Return the whole log: messages, arguments, tracebacks and the other attributes of the records."""
    formatter = logging.Formatter()
    return [(record.name, f"{formatter.format(record)} {vars(record)}") for record in caplog.records]


@pytest.mark.parametrize("role", ROLES)
def test_responses_and_logs_have_no_hidden_data(shop, people, caplog, role):
    hidden = {
        "anonymous": [*SECRETS, *BOBS_DATA, SALARY, "Paid", "40000.0"],
        "customer": [*SECRETS, *BOBS_DATA, SALARY, "Paid", "40000.0"],
        "mechanic": [*SECRETS, SALARY, "765432198"],
        "admin": SECRETS,
    }[role]
    caplog.set_level(logging.DEBUG)
    texts = list(request_everything(people[role], shop))
    assert len(texts) > 100
    assert find_words(hidden, texts) == []
    tokens = [person.token for person in people.values() if person.token]
    assert find_words([*SECRETS, *tokens, SALARY, "765432198"], log_texts(caplog)) == []
    if role == "admin":
        assert find_words([SALARY], texts), "the control: an admin sees the salary"
        assert find_words(BOBS_DATA[:3], texts)


def test_mechanic_sees_only_their_own_salary(staff, shop, make):
    make.mechanic(salary_cents=111_111)
    texts = [staff.get(path).text for path in ("/mechanics?per_page=100", f"/mechanics/{staff.id}")]
    assert [text.count('"salary"') for text in texts] == [1, 1]
    assert staff.get(f"/mechanics/{shop['mechanic_id']}").text.count("salary") == 0


def test_login_logs_no_password_or_token(anyone, customer, staff, caplog):
    caplog.set_level(logging.DEBUG)
    tokens = []
    for kind, person in (("customers", customer), ("mechanics", staff)):
        for password in (PASSWORD, NEW_PASSWORD):
            response = anyone.post(f"/{kind}/login", {"email": person.record["email"], "password": password})
            tokens += [response.json["token"]] if response.status_code == 200 else []
    assert len(tokens) == 2
    assert find_words([*SECRETS, *tokens], log_texts(caplog)) == []


# ---------------------------------------------------------------- errors
@pytest.fixture
def broken(app, monkeypatch, customer, admin):
    """Make each statement that writes an account fail in the database, and return 500 as in production."""
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)

    def break_statement(_connection, _cursor, sql, parameters, *_):
        writes = sql.startswith(("INSERT INTO", "UPDATE")) and "password_hash" in sql
        return (re.sub("customers|mechanics", "no_such_table", sql, count=1) if writes else sql), parameters

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", break_statement, retval=True)
    yield
    event.remove(engine, "before_cursor_execute", break_statement)


@pytest.mark.usefixtures("broken")
def test_failing_statement_reveals_no_hash(anyone, customer, admin, caplog, unchanged):
    """By default, SQLAlchemy's exceptions quote the parameters of a statement."""
    caplog.set_level(logging.DEBUG)
    with unchanged():
        responses = [
            anyone.post("/customers", ACCOUNT),
            customer.put(f"/customers/{customer.id}", {"password": NEW_PASSWORD}),
            admin.post("/mechanics", ACCOUNT | {"salary": 7_654_321.98}),
        ]
    assert {response.status_code for response in responses} <= {500, 503}
    assert find_words([*SECRETS[:4], "no_such_table", "sql"], [("answer", response.text) for response in responses]) == []
    assert caplog.records, "nothing was logged"
    assert find_words([PASSWORD, NEW_PASSWORD, "$argon2", "765432198", ACCOUNT["phone"]], log_texts(caplog)) == []


def test_unexpected_error_reveals_nothing_to_the_client(app, admin, customer, caplog, monkeypatch):
    """The log has the traceback, without password or token."""
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)

    def fail(*_):
        raise RuntimeError("a zebra escaped")

    monkeypatch.setattr("app.blueprints.accounts.service.change_account", fail)
    response = customer.put(f"/customers/{customer.id}", {"password": NEW_PASSWORD})
    assert response.status_code == 500
    assert response.mimetype == "application/problem+json"
    assert find_words([*SECRETS, "zebra", "Traceback", "RuntimeError"], [("answer", response.text)]) == []
    assert "a zebra escaped" in caplog.text
    assert find_words([NEW_PASSWORD, "$argon2", customer.token], log_texts(caplog)) == []


# ---------------------------------------------------------------- tables
def test_no_table_has_a_plain_password(shop, anyone, admin, left, engine):
    """Neither beside its hash, nor in a response stored for an `Idempotency-Key`."""
    headers = {"Idempotency-Key": "once"}
    assert anyone.post("/customers", ACCOUNT, headers=headers).status_code == 201
    assert anyone.post("/customers", ACCOUNT, headers=headers).status_code == 201
    assert admin.put(f"/mechanics/{shop['mechanic_id']}", {"password": NEW_PASSWORD}).status_code == 200
    everything = dict(left.everything())
    with engine.connect() as connection:
        for table in db.metadatas[None].sorted_tables:
            everything[table.name] = [tuple(row) for row in connection.execute(table.select())]
    assert NEW_PASSWORD not in repr(everything)
    assert PASSWORD not in repr(everything)
    tables_with_hashes = {name for name, rows in everything.items() if "$argon2" in repr(rows)}
    assert tables_with_hashes == {customers.name, mechanics.name}
