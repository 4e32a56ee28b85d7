"""«Errors»: RFC 9457, whoever raised them, and nothing of the inside in them."""

import pytest
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.blueprints.inventory import stock
from app.utils.api import pagination
from app.utils.api.problems import flatten
from app.utils.auth.policy import allow
from app.utils.errors import Invalid

JSON = {"Content-Type": "application/json"}


def assert_problem(answer, status, title):
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    problem = answer.json
    assert (problem["type"], problem["title"], problem["status"]) == ("about:blank", title, status)
    assert problem["detail"]
    return problem


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "title"),
    [
        ("POST", "/inventory", {"data": b"{", "headers": JSON}, 400, "Bad Request"),
        ("GET", "/nowhere", {}, 404, "Not Found"),
        ("GET", "/tickets/5", {}, 404, "Not Found"),
        ("GET", "/docs/nowhere.css", {}, 404, "Not Found"),
        ("PATCH", "/inventory", {}, 405, "Method Not Allowed"),
        ("TRACE", "/", {}, 405, "Method Not Allowed"),
        ("POST", "/inventory", {"data": b" " * 2**21, "headers": JSON}, 413, "Content Too Large"),
        ("POST", "/inventory", {"data": b"{}", "headers": {"Content-Type": "text/plain"}}, 415, "Unsupported Media Type"),
        ("POST", "/inventory", {"json": {}}, 422, "Unprocessable Content"),
        ("GET", "/inventory?page=0", {}, 422, "Unprocessable Content"),
    ],
)
def test_every_error_is_a_problem(method, path, sent, status, title, admin, unchanged):
    with unchanged():
        assert_problem(admin.open(method, path, **sent), status, title)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/customers", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("/customers/login", {"OPTIONS", "POST"}),
        ("/customers/1", {"DELETE", "GET", "HEAD", "OPTIONS", "PUT"}),
        ("/tickets/1/inventory", {"OPTIONS", "PUT"}),
        ("/tickets/1/mechanics/1", {"DELETE", "OPTIONS"}),
        ("/health/live", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_405_with_allow(path, methods, anyone, admin):
    for who in (anyone, admin):
        answer = who.open("PATCH", path)
        assert_problem(answer, 405, "Method Not Allowed")
        assert set(answer.headers["Allow"].replace(" ", "").split(",")) == methods


def test_without_a_token_it_is_401_with_the_scheme(anyone):
    answer = anyone.get("/customers")
    assert_problem(answer, 401, "Unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_role_that_may_not_is_403(customer):
    assert_problem(customer.get("/customers"), 403, "Forbidden")


def test_an_error_of_head_has_no_body(admin):
    answer = admin.open("HEAD", "/tickets/5")
    assert (answer.status_code, answer.content_type, answer.data) == (404, "application/problem+json", b"")


def test_a_taken_email_names_the_field(anyone, customer, unchanged):
    body = {"name": "Ann", "email": customer.record["email"].upper(), "password": "correct horse battery"}
    with unchanged():
        problem = assert_problem(anyone.post("/customers", json=body), 409, "Conflict")
    assert problem["errors"] == {"email": ["is taken"]}


# ---------------------------------------------------------------- what no client caused
def failing(error):
    def fail(*_, **__):
        raise error

    return fail


def test_a_bug_is_a_500_that_tells_nothing(app, anyone, monkeypatch, caplog):
    """The client learns that it failed, the operator's log why."""
    bug = allow("anyone")(failing(ZeroDivisionError("the secret formula")))
    monkeypatch.setitem(app.view_functions, "site.show_index", bug)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    answer = anyone.get("/")
    assert_problem(answer, 500, "Internal Server Error")
    assert "formula" not in answer.text
    assert "ZeroDivision" not in answer.text
    assert "the secret formula" in caplog.text
    monkeypatch.undo()
    assert anyone.get("/").status_code == 200


GONE = [
    OperationalError("SELECT secret", {}, Exception("server closed the connection")),
    InterfaceError("SELECT secret", {}, Exception("connection already closed")),
    PoolTimeout("QueuePool limit reached"),
]


@pytest.mark.parametrize("error", GONE, ids=lambda error: type(error).__name__)
def test_a_database_that_is_gone_is_503_with_retry_after(error, admin, monkeypatch, unchanged):
    with unchanged(), monkeypatch.context() as broken:
        broken.setattr(pagination, "fetch_all", failing(error))
        answer = admin.get("/customers")
        assert_problem(answer, 503, "Service Unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        assert "secret" not in answer.text
        assert "ETag" not in answer.headers
    assert admin.get("/customers").status_code == 200


@pytest.mark.parametrize("error", GONE, ids=lambda error: type(error).__name__)
def test_a_database_that_goes_in_the_middle_of_a_write_leaves_nothing(error, admin, monkeypatch, unchanged):
    with unchanged(), monkeypatch.context() as broken:
        broken.setattr(stock, "receive_first_stock", failing(error))
        answer = admin.post("/inventory", json={"name": "Pad", "price": 5, "quantity": 3})
        assert_problem(answer, 503, "Service Unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
    assert admin.post("/inventory", json={"name": "Pad", "price": 5, "quantity": 3}).status_code == 201


# ---------------------------------------------------------------- the pieces
def test_messages_are_flattened_to_dotted_fields():
    nested = {
        "parts": {0: {"quantity": ["must be a whole number"]}, "_schema": ["is long"]},
        "_schema": ["is odd"],
        "vin": "is needed",
    }
    assert dict(flatten(nested)) == {
        "parts.0.quantity": ["must be a whole number"],
        "parts": ["is long"],
        "body": ["is odd"],
        "vin": ["is needed"],
    }


def test_one_message_is_a_list_of_one():
    assert Invalid({"vin": "is odd"}).members == {"errors": {"vin": ["is odd"]}}


def test_each_message_of_a_field_is_shown(anyone, unchanged):
    with unchanged():
        problem = assert_problem(anyone.post("/customers", json={"phone": "x", "id": 5}), 422, "Unprocessable Content")
    assert problem["errors"] == {
        "name": ["is needed"],
        "email": ["is needed"],
        "password": ["is needed"],
        "phone": ["must have 3 to 20 characters"],
        "id": ["Unknown field."],
    }


@pytest.mark.parametrize("key", ["\ud800", "é", "a.b", "<script>", "x\0y", "🔧"])
def test_a_field_that_a_client_made_up_is_answered_in_good_utf_8(key, anyone, unchanged):
    with unchanged():
        answer = anyone.post("/customers/login", json={"email": "a@b.cd", "password": "x", key: 1})
    problem = assert_problem(answer, 422, "Unprocessable Content")
    assert answer.data.decode("utf-8")
    assert list(problem["errors"].values()) == [["Unknown field."]]
