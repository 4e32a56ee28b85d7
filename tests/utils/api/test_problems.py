"""Errors: each error is a problem of RFC 9457, whatever raised it, and reveals nothing internal."""

import pytest
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.blueprints.inventory import stock
from app.utils.api import pagination
from app.utils.api.problems import flatten
from app.utils.auth.policy import allow
from app.utils.errors import Invalid

JSON = {"Content-Type": "application/json"}


def assert_problem(response, status, title):
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    problem = response.json
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
def test_errors_are_problem_json(method, path, sent, status, title, admin, unchanged):
    with unchanged():
        assert_problem(admin.open(method, path, **sent), status, title)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/customers", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("/customers/login", {"OPTIONS", "POST"}),
        ("/customers/1", {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT"}),
        ("/tickets/1/inventory", {"OPTIONS", "PATCH", "PUT"}),
        ("/tickets/1/mechanics/1", {"DELETE", "OPTIONS"}),
        ("/health/live", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_wrong_method_is_405_with_allow(path, methods, anyone, admin):
    for person in (anyone, admin):
        response = person.open("TRACE", path)
        assert_problem(response, 405, "Method Not Allowed")
        assert set(response.headers["Allow"].replace(" ", "").split(",")) == methods


def test_missing_token_is_401_with_www_authenticate(anyone):
    response = anyone.get("/customers")
    assert_problem(response, 401, "Unauthorized")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_role_without_permission_is_403(customer):
    assert_problem(customer.get("/customers"), 403, "Forbidden")


def test_head_error_has_no_body(admin):
    response = admin.open("HEAD", "/tickets/5")
    assert (response.status_code, response.content_type, response.data) == (404, "application/problem+json", b"")


def test_taken_email_is_409_and_names_the_field(anyone, customer, unchanged):
    body = {"name": "Ann", "email": customer.record["email"].upper(), "password": "correct horse battery"}
    with unchanged():
        problem = assert_problem(anyone.post("/customers", json=body), 409, "Conflict")
    assert problem["errors"] == {"email": ["is taken"]}


# ---------------------------------------------------------------- errors of the server
def failing(error):
    def fail(*_, **__):
        raise error

    return fail


def test_unexpected_exception_is_500_without_details(app, anyone, monkeypatch, caplog):
    """The details are in the log alone."""
    failing_view = allow("anyone")(failing(ZeroDivisionError("the secret formula")))
    monkeypatch.setitem(app.view_functions, "site.show_index", failing_view)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    response = anyone.get("/")
    assert_problem(response, 500, "Internal Server Error")
    assert "formula" not in response.text
    assert "ZeroDivision" not in response.text
    assert "the secret formula" in caplog.text
    monkeypatch.undo()
    assert anyone.get("/").status_code == 200


CONNECTION_ERRORS = [
    OperationalError("SELECT secret", {}, Exception("server closed the connection")),
    InterfaceError("SELECT secret", {}, Exception("connection already closed")),
    PoolTimeout("QueuePool limit reached"),
]


@pytest.mark.parametrize("error", CONNECTION_ERRORS, ids=lambda error: type(error).__name__)
def test_unreachable_database_is_503_with_retry_after(error, admin, monkeypatch, unchanged):
    with unchanged(), monkeypatch.context() as broken:
        broken.setattr(pagination, "fetch_all", failing(error))
        response = admin.get("/customers")
        assert_problem(response, 503, "Service Unavailable")
        assert int(response.headers["Retry-After"]) >= 1
        assert "secret" not in response.text
        assert "ETag" not in response.headers
    assert admin.get("/customers").status_code == 200


@pytest.mark.parametrize("error", CONNECTION_ERRORS, ids=lambda error: type(error).__name__)
def test_database_lost_during_a_write_leaves_nothing(error, admin, monkeypatch, unchanged):
    with unchanged(), monkeypatch.context() as broken:
        broken.setattr(stock, "receive_first_stock", failing(error))
        response = admin.post("/inventory", json={"name": "Pad", "price": 5, "quantity": 3})
        assert_problem(response, 503, "Service Unavailable")
        assert int(response.headers["Retry-After"]) >= 1
    assert admin.post("/inventory", json={"name": "Pad", "price": 5, "quantity": 3}).status_code == 201


# ---------------------------------------------------------------- messages
def test_messages_are_flattened_to_dotted_fields():
    nested = {
        "parts": {0: {"quantity": ["must be a whole number"]}, "_schema": ["is long"]},
        "_schema": ["is odd"],
        "vin": "is required",
    }
    assert dict(flatten(nested)) == {
        "parts.0.quantity": ["must be a whole number"],
        "parts": ["is long"],
        "body": ["is odd"],
        "vin": ["is required"],
    }


def test_single_message_becomes_a_list():
    assert Invalid({"vin": "is odd"}).members == {"errors": {"vin": ["is odd"]}}


def test_every_wrong_field_is_listed(anyone, unchanged):
    with unchanged():
        problem = assert_problem(anyone.post("/customers", json={"phone": "x", "id": 5}), 422, "Unprocessable Content")
    assert problem["errors"] == {
        "name": ["is required"],
        "email": ["is required"],
        "password": ["is required"],
        "phone": ["must have 3 to 20 characters"],
        "id": ["is no field of this request"],
    }


@pytest.mark.parametrize("key", ["\ud800", "é", "a.b", "<script>", "x\0y", "🔧"])
def test_unknown_field_name_is_returned_in_valid_utf_8(key, anyone, unchanged):
    with unchanged():
        response = anyone.post("/customers/login", json={"email": "a@b.cd", "password": "x", key: 1})
    problem = assert_problem(response, 422, "Unprocessable Content")
    assert response.data.decode("utf-8")
    assert list(problem["errors"].values()) == [["is no field of this request"]]
