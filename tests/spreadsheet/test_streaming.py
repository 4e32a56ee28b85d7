"""The lists as CSV: streaming, permissions and rate limits."""

import pytest
from sqlalchemy.exc import OperationalError

from app.blueprints.spreadsheet.csv_export import TRUNCATED_NOTICE
from app.extensions import db
from app.utils.api import pagination
from app.utils.api.pagination import BATCH_SIZE
from config import rate_limits
from tests.support.csv_reader import PATHS, ids_of, rows_of


# ---------------------------------------------------------------- streaming
def test_batches_hold_no_connection_between_their_statements(app, staff, make_tickets, statements):
    make_tickets(2 * BATCH_SIZE + 3)
    staff.get("/tickets?per_page=1")
    statements.clear()
    response = staff.get("/tickets.csv")
    chunks = iter(response.response)
    next(chunks)
    assert len(statements) == 2, "one for the ids, one for the tickets"
    with app.app_context():
        pools = [engine.pool for engine in db.engines.values()]
    assert [pool.checkedout() for pool in pools if hasattr(pool, "checkedout")] in ([0, 0], [])
    assert len(list(chunks)) == 2
    assert len(statements) == 6
    response.close()


def test_only_one_long_list_is_exported_at_a_time(staff, make, make_tickets):
    """A slow client holds one of the three threads of a process; the others stay free. Short lists are always exported."""
    part = make.part()
    make_tickets(BATCH_SIZE)
    first = staff.get("/tickets.csv")
    next(iter(first.response))
    second = staff.get("/tickets.csv")
    assert (second.status_code, second.content_type) == (503, "application/problem+json")
    assert int(second.headers["Retry-After"]) >= 1
    assert ids_of(staff.get("/inventory.csv")) == [part.id]
    assert len(staff.get("/tickets").json) == 20
    first.close()
    assert len(rows_of(staff.get("/tickets.csv"))) == BATCH_SIZE
    third = staff.get("/tickets.csv")
    third.close()


@pytest.mark.parametrize("path", ["/tickets.csv", "/inventory.csv"])
def test_only_one_search_is_exported_at_a_time(staff, make, monkeypatch, path):
    """A search has no time limit and may scan a whole table: three at once would hold all threads of a process."""
    part, real = make.part(), pagination.fetch_all
    others = []

    def fetch_and_send_others(*args):
        if not others:
            others.append(staff.get(f"{path}?q=other"))
            others.append(staff.get("/inventory.csv"))
        return real(*args)

    monkeypatch.setattr(pagination, "fetch_all", fetch_and_send_others)
    response = staff.get(f"{path}?q=nowhere")
    assert (response.status_code, ids_of(response)) == (200, [])
    assert [each.status_code for each in others] == [503, 200]
    assert int(others[0].headers["Retry-After"]) >= 1
    assert ids_of(others[1]) == [part.id]
    response.close()
    assert staff.get(f"{path}?q=nowhere").status_code == 200, "the slot was not released"


def test_failed_search_releases_the_slot(staff, monkeypatch):
    def fail(*_):
        raise OperationalError("SELECT", {}, Exception("a secret address"))

    monkeypatch.setattr(pagination, "fetch_all", fail)
    assert staff.get("/tickets.csv?q=oil").status_code == 503
    monkeypatch.undo()
    response = staff.get("/tickets.csv?q=oil")
    assert response.status_code == 200
    response.close()


def test_head_request_and_closed_connection_release_the_slot(staff, make_tickets):
    make_tickets(BATCH_SIZE + 1)
    for _ in range(3):
        head = staff.open("HEAD", "/tickets.csv")
        assert (head.status_code, head.data) == (200, b"")
        head.close()
        aborted = staff.get("/tickets.csv")
        next(iter(aborted.response))
        aborted.close()
    response = staff.get("/tickets.csv")
    assert len(rows_of(response)) == BATCH_SIZE + 1
    response.close()


def test_interrupted_list_ends_with_a_notice(staff, make_tickets, monkeypatch):
    """HTTP can't report an error once the response has begun: without the notice, the list would look complete."""
    make_tickets(BATCH_SIZE + 5)
    response = staff.get("/tickets.csv")
    chunks = iter(response.response)
    first = next(chunks)

    def fail(*_):
        raise OperationalError("SELECT", {}, Exception("a secret address"))

    monkeypatch.setattr(pagination, "fetch_all", fail)
    lines = (first + b"".join(chunks)).decode().splitlines()
    response.close()
    assert len(lines) == 1 + BATCH_SIZE + 1
    assert lines[-1] == TRUNCATED_NOTICE
    monkeypatch.undo()
    assert len(rows_of(staff.get("/tickets.csv"))) == BATCH_SIZE + 5


def test_list_that_cannot_begin_is_503(staff, monkeypatch):
    def fail(*_):
        raise OperationalError("SELECT", {}, Exception("a secret address"))

    monkeypatch.setattr(pagination, "fetch_all", fail)
    response = staff.get("/tickets.csv")
    assert (response.status_code, response.content_type) == (503, "application/problem+json")
    assert "secret" not in response.text


def test_csv_has_no_etag_and_is_not_cached(staff, make):
    make.part()
    response = staff.get("/inventory.csv", headers={"If-None-Match": "*"})
    assert response.status_code == 200
    assert "ETag" not in response.headers
    assert response.headers["Cache-Control"] == "private, no-cache"
    part = make.part()
    assert ids_of(staff.get("/inventory.csv"))[-1] == part.id


def test_csv_is_streamed(staff, make_tickets):
    make_tickets(BATCH_SIZE + 1)
    response = staff.get("/tickets.csv")
    assert "Content-Length" not in response.headers
    assert len(list(response.response)) == 2
    response.close()


# ---------------------------------------------------------------- permissions and rate limits
@pytest.mark.parametrize("path", PATHS)
def test_csv_is_for_staff_only(anyone, customer, staff, admin, make, unchanged, path):
    path = path.format(make.part().id)
    with unchanged():
        assert [person.get(path).status_code for person in (anyone, customer, staff, admin)] == [401, 403, 200, 200]
    assert anyone.get(path).headers["WWW-Authenticate"] == "Bearer"


def test_csv_counts_as_one_request_for_the_rate_limit(app, staff, make_tickets, monkeypatch):
    make_tickets(3 * BATCH_SIZE)
    monkeypatch.setitem(app.config, "LIMIT_DEFAULT", rate_limits("3 per minute"))
    for remaining in (2, 1, 0):
        response = staff.get("/tickets.csv")
        assert (response.status_code, response.headers["X-RateLimit-Remaining"]) == (200, str(remaining))
        assert len(rows_of(response)) == 3 * BATCH_SIZE
        response.close()
    response = staff.get("/tickets.csv")
    assert (response.status_code, response.content_type) == (429, "application/problem+json")
    assert int(response.headers["Retry-After"]) >= 1
