"""Lost database connections: before use, in a transaction, and during the commit."""

import pytest

from app.extensions import db
from app.utils.db.transactions import MAX_LOST_CONNECTIONS
from tests.support.failing import cut_off, failing

pytestmark = pytest.mark.databases("postgresql", "mariadb")
KEY = {"Idempotency-Key": "once"}


@pytest.fixture
def lost_commit_response(engine, monkeypatch):
    """Execute the first commit, and lose the response of the database. Return a list with an entry for each commit."""
    real, commits = engine.dialect.do_commit, []

    def do_commit(connection):
        real(connection)
        commits.append(1)
        if len(commits) == 1:
            cut_off(getattr(connection, "dbapi_connection", connection), engine.url)
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")  # Stands for the response to the commit.

    monkeypatch.setattr(engine.dialect, "do_commit", do_commit)
    return commits


def test_connection_lost_before_the_commit_is_retried(staff, order, left, engine, retries):
    """Nothing was committed: the transaction runs again on another connection."""
    body, part = order

    def lose(cursor):
        cut_off(cursor.connection, engine.url)

    with failing(engine, "UPDATE inventory", lose):
        response = staff.post("/tickets", json=body)
    assert response.status_code == 201
    assert len(retries) == 1
    assert left.movements_of(part) == [("received", 10), ("used", -2)]
    assert len(left.everything()["service_tickets"]) == 1


def test_repeatedly_lost_connections_are_503(staff, order, unchanged, engine):
    """As with a database that shuts down: 503 with Retry-After, and nothing has changed."""
    body, _ = order
    with (
        unchanged(),
        failing(engine, "UPDATE inventory", lambda cursor: cut_off(cursor.connection, engine.url), 99) as executed,
    ):
        response = staff.post("/tickets", json=body)
    assert len(executed) == MAX_LOST_CONNECTIONS
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"


def test_dead_pooled_connections_cost_one_retry_and_no_error(app, staff, make, engine, retries):
    """As after a restart of the database: the first error makes the pool replace all its connections."""
    part = make.part()
    assert staff.get("/tickets").status_code == 200
    with app.app_context():
        pools = [each.pool for each in db.engines.values()]
    for pool in pools:
        connections = [pool.connect() for _ in range(pool.checkedin())]
        for each in connections:
            cut_off(each.dbapi_connection, engine.url)
        for each in connections:
            each.close()
    assert staff.get("/tickets").status_code == 200
    assert staff.put(f"/inventory/{part.id}", json={"quantity": 3}).status_code == 200
    assert len(retries) <= 2, "one for the pool of each engine"


def test_lost_commit_response_is_503_without_a_key(staff, order, left, lost_commit_response):
    """Only the database knows whether the commit happened, and the response says so. The write is not repeated."""
    body, part = order
    response = staff.post("/tickets", json=body)
    assert len(lost_commit_response) == 1
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert response.json["detail"] == "The database was lost while it wrote; look whether the change is there."
    assert left.movements_of(part) == [("received", 10), ("used", -2)]


def test_lost_commit_response_is_replayed_with_a_key(staff, order, left, lost_commit_response):
    """The retry finds its own key with the stored response: the write runs once."""
    body, part = order
    response = staff.post("/tickets", json=body, headers=KEY)
    assert response.status_code == 201
    assert response.headers["Idempotency-Replayed"] == "true"
    assert left.movements_of(part) == [("received", 10), ("used", -2)]
    assert [row[0] for row in left.everything()["service_tickets"]] == [response.json["id"]]


@pytest.mark.parametrize("headers", [{}, KEY])
def test_lost_commit_response_leaves_no_stale_cache(staff, order, headers, lost_commit_response):
    """With a key, the retry only finds the work done; without a key, the client is told to look. Both must read the new
    stock."""
    body, part = order
    assert staff.get(f"/inventory/{part.id}").json["quantity"] == 10
    lost_commit_response.clear()
    assert staff.post("/tickets", json=body, headers=headers).status_code == (201 if headers else 503)
    assert staff.get(f"/inventory/{part.id}").json["quantity"] == 8


def test_commit_lost_before_it_happened_is_retried_with_a_key(staff, order, left, engine, monkeypatch):
    """The key is not stored, so the work runs again. Without a key, the response would be 503."""
    body, part = order
    real, lost = engine.dialect.do_commit, []

    def do_commit(connection):
        if not lost:
            lost.append(1)
            cut_off(getattr(connection, "dbapi_connection", connection), engine.url)
        real(connection)

    monkeypatch.setattr(engine.dialect, "do_commit", do_commit)
    response = staff.post("/tickets", json=body, headers=KEY)
    assert response.status_code == 201
    assert "Idempotency-Replayed" not in response.headers
    assert left.movements_of(part) == [("received", 10), ("used", -2)]


def test_read_is_retried_after_a_lost_connection(app, staff, make, engine, retries):
    part = make.part()
    with app.app_context():
        reads = db.engines["reads"]
    with failing(reads, "SELECT inventory", lambda cursor: cut_off(cursor.connection, engine.url)):
        response = staff.get(f"/inventory/{part.id}")
    assert response.status_code == 200
    assert response.json["id"] == part.id
    assert len(retries) == 1
