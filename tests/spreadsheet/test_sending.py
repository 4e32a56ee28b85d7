"""The lists as CSV: how they are sent, to whom, and how often."""

import pytest
from sqlalchemy.exc import OperationalError

from app.blueprints.spreadsheet import csv_export
from app.blueprints.spreadsheet.csv_export import BATCH_SIZE, TRUNCATED_NOTICE
from app.extensions import db
from config import rate_limits
from tests.spreadsheet.test_csv import PATHS
from tests.support.csv_reader import ids_of, rows_of


# ---------------------------------------------------------------- how they are sent
def test_each_batch_is_a_statement_of_its_own_that_holds_no_connection(app, staff, many, statements):
    many(2 * BATCH_SIZE + 3)
    staff.get("/tickets?per_page=1")
    statements.clear()
    answer = staff.get("/tickets.csv")
    chunks = iter(answer.response)
    next(chunks)
    assert len(statements) == 2, "the ids, and the tickets"
    with app.app_context():
        pools = [engine.pool for engine in db.engines.values()]
    assert [pool.checkedout() for pool in pools if hasattr(pool, "checkedout")] in ([0, 0], [])
    assert len(list(chunks)) == 2
    assert len(statements) == 6
    answer.close()


def test_a_long_list_is_written_one_at_a_time_and_a_short_one_always(staff, make, many):
    """A slow client holds one of the three threads that serve requests; the others stay free. 503 says to come again."""
    part = make.part()
    many(BATCH_SIZE)
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
def test_one_search_is_made_at_a_time_and_other_requests_do_not_wait_for_it(staff, make, monkeypatch, path):
    """It has no end, and looks through a whole table: three at once would hold all threads of a process."""
    part, read = make.part(), csv_export.fetch_all
    meanwhile = []

    def look(*asked):
        if not meanwhile:
            meanwhile.append(staff.get(f"{path}?q=other"))
            meanwhile.append(staff.get("/inventory.csv"))
        return read(*asked)

    monkeypatch.setattr(csv_export, "fetch_all", look)
    answer = staff.get(f"{path}?q=nowhere")
    assert (answer.status_code, ids_of(answer)) == (200, [])
    assert [each.status_code for each in meanwhile] == [503, 200]
    assert int(meanwhile[0].headers["Retry-After"]) >= 1
    assert ids_of(meanwhile[1]) == [part.id]
    answer.close()
    assert staff.get(f"{path}?q=nowhere").status_code == 200, "the place is free again"


def test_a_search_that_fails_keeps_no_place(staff, monkeypatch):
    def fail(*_):
        raise OperationalError("SELECT", {}, Exception("a secret address"))

    monkeypatch.setattr(csv_export, "fetch_all", fail)
    assert staff.get("/tickets.csv?q=oil").status_code == 503
    monkeypatch.undo()
    answer = staff.get("/tickets.csv?q=oil")
    assert answer.status_code == 200
    answer.close()


def test_a_client_that_only_asks_for_the_head_or_leaves_keeps_no_place(staff, many):
    many(BATCH_SIZE + 1)
    for _ in range(3):
        head = staff.open("HEAD", "/tickets.csv")
        assert (head.status_code, head.data) == (200, b"")
        head.close()
        left = staff.get("/tickets.csv")
        next(iter(left.response))
        left.close()
    answer = staff.get("/tickets.csv")
    assert len(rows_of(answer)) == BATCH_SIZE + 1
    answer.close()


def test_a_list_that_breaks_off_says_so_in_its_last_line(staff, many, monkeypatch):
    """HTTP has no word for it once the answer has begun: else it would look whole."""
    many(BATCH_SIZE + 5)
    answer = staff.get("/tickets.csv")
    chunks = iter(answer.response)
    first = next(chunks)

    def fail(*_):
        raise OperationalError("SELECT", {}, Exception("a secret address"))

    monkeypatch.setattr(csv_export, "fetch_all", fail)
    lines = (first + b"".join(chunks)).decode().splitlines()
    answer.close()
    assert len(lines) == 1 + BATCH_SIZE + 1
    assert lines[-1] == TRUNCATED_NOTICE
    monkeypatch.undo()
    assert len(rows_of(staff.get("/tickets.csv"))) == BATCH_SIZE + 5


def test_a_list_that_cannot_begin_is_503(staff, monkeypatch):
    def fail(*_):
        raise OperationalError("SELECT", {}, Exception("a secret address"))

    monkeypatch.setattr(csv_export, "fetch_all", fail)
    answer = staff.get("/tickets.csv")
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert "secret" not in answer.text


def test_a_file_is_neither_cached_nor_tagged(staff, make):
    """A change is in the next one at once."""
    make.part()
    answer = staff.get("/inventory.csv", headers={"If-None-Match": "*"})
    assert answer.status_code == 200
    assert "ETag" not in answer.headers
    assert answer.headers["Cache-Control"] == "private, no-cache"
    part = make.part()
    assert ids_of(staff.get("/inventory.csv"))[-1] == part.id


def test_the_answer_is_streamed(staff, many):
    many(BATCH_SIZE + 1)
    answer = staff.get("/tickets.csv")
    assert "Content-Length" not in answer.headers
    assert len(list(answer.response)) == 2
    answer.close()


# ---------------------------------------------------------------- who, and how often
@pytest.mark.parametrize("path", PATHS)
def test_they_are_for_staff(anyone, customer, staff, admin, make, unchanged, path):
    path = path.format(make.part().id)
    with unchanged():
        assert [who.get(path).status_code for who in (anyone, customer, staff, admin)] == [401, 403, 200, 200]
    assert anyone.get(path).headers["WWW-Authenticate"] == "Bearer"


def test_a_file_counts_as_one_request_however_long(app, staff, many, monkeypatch):
    many(3 * BATCH_SIZE)
    monkeypatch.setitem(app.config, "LIMIT_DEFAULT", rate_limits("3 per minute"))
    for left in (2, 1, 0):
        answer = staff.get("/tickets.csv")
        assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (200, str(left))
        assert len(rows_of(answer)) == 3 * BATCH_SIZE
        answer.close()
    answer = staff.get("/tickets.csv")
    assert (answer.status_code, answer.content_type) == (429, "application/problem+json")
    assert int(answer.headers["Retry-After"]) >= 1
