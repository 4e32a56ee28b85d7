"""What no answer and no log may hold: passwords and their hashes, tokens, and what is not the reader's to see.

Each record holds words that stand nowhere else. Every role walks every route, with bodies that are good and bad, and
afterwards each body, each header and each line of the log is searched.
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
"""What no answer and no line of a log ever holds."""
BOBS = ["Zebra Bob", "zebra.bob@example.com", "+49 40 11223344", "Zebra brakes", "ZEBRAVIN"]
"""What belongs to one customer and their ticket, and no other customer may see."""
ACCOUNT = {"name": "Someone", "email": "someone@example.com", "phone": "555-0123", "password": NEW}
TICKET = {"service_date": "2026-11-24", "description": "Oil", "vin": "VIN1"}


@pytest.fixture
def shop(make, customer, staff, admin):
    """A customer Bob with a ticket, a mechanic Paid on it with a part, all with words of their own."""
    bob = make.customer(name=BOBS[0], email=BOBS[1], phone=BOBS[2])
    paid = make.mechanic(name="Paid", salary_cents=765_432_198)
    part = make.part()
    lines = [{"inventory_id": part.id, "quantity": 1}]
    ticket = make.ticket(customer_id=bob.id, description=BOBS[3], vin=BOBS[4], mechanic_ids=[paid.id], parts=lines)
    return {"customer_id": bob.id, "mechanic_id": paid.id, "ticket_id": ticket.id, "part_id": part.id}


def bodies(path, ids):
    """Good and bad bodies for a path; each with a password where one may be."""
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
    yield from ({"json": body} for body in [*bad, good, good])  # The second time, an email is taken.
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
                answer = person.open(method, fill(path, ids) + query, **body)
                yield f"{method} {path}{query}", f"{answer.status}\n{answer.headers}\n{answer.text}"


def found(words, texts):
    """Which words stand in which texts, in any case."""
    return [(what, word) for what, text in texts for word in words if word.lower() in text.lower()]


def lines_of(caplog):
    """All that the log holds: messages, their arguments, tracebacks and whatever else a record carries."""
    formatter = logging.Formatter()
    return [(record.name, f"{formatter.format(record)} {vars(record)}") for record in caplog.records]


@pytest.mark.parametrize("role", ROLES)
def test_no_answer_and_no_log_holds_what_is_not_the_readers(shop, people, caplog, role):
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
        assert found([SALARY], texts), "the control: who may see it does"
        assert found(BOBS[:3], texts)


def test_a_mechanic_sees_one_salary_their_own(staff, shop, make):
    make.mechanic(salary_cents=111_111)
    texts = [staff.get(path).text for path in ("/mechanics?per_page=100", f"/mechanics/{staff.id}")]
    assert [text.count('"salary"') for text in texts] == [1, 1]
    assert staff.get(f"/mechanics/{shop['mechanic_id']}").text.count("salary") == 0


def test_no_log_of_a_login_holds_password_or_token(anyone, customer, staff, caplog):
    caplog.set_level(logging.DEBUG)
    tokens = []
    for kind, person in (("customers", customer), ("mechanics", staff)):
        for password in (PASSWORD, NEW):
            answer = anyone.post(f"/{kind}/login", {"email": person.record["email"], "password": password})
            tokens += [answer.json["token"]] if answer.status_code == 200 else []
    assert len(tokens) == 2
    assert found([*NEVER, *tokens], lines_of(caplog)) == []


# ---------------------------------------------------------------- when something breaks
@pytest.fixture
def broken(app, monkeypatch, customer, admin):
    """Let each statement that writes an account be one that no database understands; answer 500s, as in production."""
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
def test_a_statement_that_fails_takes_no_hash_to_the_answer_or_the_log(anyone, customer, admin, caplog, unchanged):
    """SQLAlchemy's exceptions quote the values of a statement, unless told otherwise."""
    caplog.set_level(logging.DEBUG)
    with unchanged():
        answers = [
            anyone.post("/customers", ACCOUNT),
            customer.put(f"/customers/{customer.id}", {"password": NEW}),
            admin.post("/mechanics", ACCOUNT | {"salary": 7_654_321.98}),
        ]
    assert {answer.status_code for answer in answers} <= {500, 503}
    assert found([*NEVER[:4], "no_such_table", "sql"], [("answer", answer.text) for answer in answers]) == []
    assert caplog.records, "the operator is told"
    assert found([PASSWORD, NEW, "$argon2", "765432198", ACCOUNT["phone"]], lines_of(caplog)) == []


def test_an_unexpected_error_tells_the_client_nothing(app, admin, customer, caplog, monkeypatch):
    """500 as `problem+json`; the operator's log has the traceback, and neither password nor token."""
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)

    def fail(*_):
        raise RuntimeError("a zebra escaped")

    monkeypatch.setattr("app.blueprints.accounts.service.update_account", fail)
    answer = customer.put(f"/customers/{customer.id}", {"password": NEW})
    assert answer.status_code == 500
    assert answer.mimetype == "application/problem+json"
    assert found([*NEVER, "zebra", "Traceback", "RuntimeError"], [("answer", answer.text)]) == []
    assert "a zebra escaped" in caplog.text
    assert found([NEW, "$argon2", customer.token], lines_of(caplog)) == []


# ---------------------------------------------------------------- what is kept
def test_no_password_stands_in_any_table(shop, anyone, admin, left, engine):
    """Not beside its hash, and not in an answer that is kept for an `Idempotency-Key`."""
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
