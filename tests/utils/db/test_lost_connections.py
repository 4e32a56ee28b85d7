"""A connection to the database is lost: before it is used, in a transaction, and in the middle of its commit."""

import pytest

from app.extensions import db
from app.utils.db.transactions import MAX_LOST_CONNECTIONS
from tests.support.failing import cut_off, failing

pytestmark = pytest.mark.databases("postgresql", "mariadb")
KEY = {"Idempotency-Key": "once"}


@pytest.fixture
def answer_lost(engine, monkeypatch):
    """Let the first commit happen and its answer be lost."""
    real, commits = engine.dialect.do_commit, []

    def do_commit(connection):
        real(connection)
        commits.append(1)
        if len(commits) == 1:
            cut_off(getattr(connection, "dbapi_connection", connection), engine.url)
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")  # As if it were the answer to the commit.

    monkeypatch.setattr(engine.dialect, "do_commit", do_commit)
    return commits


def test_a_connection_that_is_lost_before_the_commit_is_no_matter(staff, order, left, engine, retries):
    """Nothing was committed: the transaction is done again over another connection."""
    body, part = order

    def lose(cursor):
        cut_off(cursor.connection, engine.url)

    with failing(engine, "UPDATE inventory", lose):
        answer = staff.post("/tickets", json=body)
    assert answer.status_code == 201
    assert len(retries) == 1
    assert left.movements_of(part) == [("received", 10), ("used", -2)]
    assert len(left.everything()["service_tickets"]) == 1


def test_a_database_that_cuts_off_every_connection_is_soon_given_up(staff, order, unchanged, engine):
    """As one that is going down: 503 with Retry-After, and nothing has changed."""
    body, _ = order
    with unchanged(), failing(engine, "UPDATE inventory", lambda cursor: cut_off(cursor.connection, engine.url), 99) as begun:
        answer = staff.post("/tickets", json=body)
    assert len(begun) == MAX_LOST_CONNECTIONS
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"


def test_cut_off_pooled_connections_cost_one_retry_and_no_error(app, staff, make, engine, retries):
    """As after a restart of the database: the first error makes the pool replace all its connections."""
    part = make.part()
    assert staff.get("/tickets").status_code == 200
    with app.app_context():
        pools = [each.pool for each in db.engines.values()]
    for pool in pools:
        held = [pool.connect() for _ in range(pool.checkedin())]
        for each in held:
            cut_off(each.dbapi_connection, engine.url)
        for each in held:
            each.close()
    assert staff.get("/tickets").status_code == 200
    assert staff.put(f"/inventory/{part.id}", json={"quantity": 3}).status_code == 200
    assert len(retries) <= 2, "one for the pool of each engine"


def test_a_commit_whose_answer_is_lost_is_503_without_a_key(staff, order, left, answer_lost):
    """Only the database knows whether it happened, and the answer says so; it is not done a second time."""
    body, part = order
    answer = staff.post("/tickets", json=body)
    assert len(answer_lost) == 1
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.json["detail"] == "The database was lost while it wrote; look whether the change is there."
    assert left.movements_of(part) == [("received", 10), ("used", -2)]


def test_a_commit_whose_answer_is_lost_is_replayed_with_a_key(staff, order, left, answer_lost):
    """It finds its own key with the answer that the client should have got: done once, and answered."""
    body, part = order
    answer = staff.post("/tickets", json=body, headers=KEY)
    assert answer.status_code == 201
    assert answer.headers["Idempotency-Replayed"] == "true"
    assert left.movements_of(part) == [("received", 10), ("used", -2)]
    assert [row[0] for row in left.everything()["service_tickets"]] == [answer.json["id"]]


@pytest.mark.parametrize("headers", [{}, KEY])
def test_a_commit_whose_answer_is_lost_leaves_nothing_stale(staff, order, headers, answer_lost):
    """With a key the second attempt finds the work done, and tells nobody; without one the client is told to look."""
    body, part = order
    assert staff.get(f"/inventory/{part.id}").json["quantity"] == 10
    answer_lost.clear()
    assert staff.post("/tickets", json=body, headers=headers).status_code == (201 if headers else 503)
    assert staff.get(f"/inventory/{part.id}").json["quantity"] == 8


def test_a_commit_that_was_lost_before_it_happened_is_done_with_a_key(staff, order, left, engine, monkeypatch):
    """The key is not there, so the work is done again; without a key it would be 503."""
    body, part = order
    real, lost = engine.dialect.do_commit, []

    def do_commit(connection):
        if not lost:
            lost.append(1)
            cut_off(getattr(connection, "dbapi_connection", connection), engine.url)
        real(connection)

    monkeypatch.setattr(engine.dialect, "do_commit", do_commit)
    answer = staff.post("/tickets", json=body, headers=KEY)
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers
    assert left.movements_of(part) == [("received", 10), ("used", -2)]


def test_a_read_whose_connection_is_lost_is_read_again(app, staff, make, engine, retries):
    part = make.part()
    with app.app_context():
        reads = db.engines["reads"]
    with failing(reads, "SELECT inventory", lambda cursor: cut_off(cursor.connection, engine.url)):
        answer = staff.get(f"/inventory/{part.id}")
    assert answer.status_code == 200
    assert answer.json["id"] == part.id
    assert len(retries) == 1
