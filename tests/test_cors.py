"""CORS: the allowed origins, and the headers that their pages may read."""

import pytest

from tests.support.clients import Person

EXPOSED = {"Location", "Link", "ETag", "X-Total-Count", "Retry-After", "Idempotency-Replayed"}
EXPOSED |= {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
LOCAL = ["http://localhost", "http://localhost:5173", "https://localhost:3000", "http://127.0.0.1:8080", "http://127.0.0.1"]
FOREIGN = ["http://localhost.evil.com", "http://evil.com", "https://evil-localhost", "http://localhost:5173.evil.com", "null"]
FOREIGN += [
    "http://127.0.0.1.evil.com",
    "http://127x0x0x1",
    "http://localhost@evil.com",
    "http://localhost:5173/path",
    "file://",
]
FOREIGN += ["http://evil.com#http://localhost", "ftp://localhost", "http://sub.localhost"]
SECRET = {"SECRET_KEY": "a secret of more than thirty-two bytes", "ADMIN_EMAIL": "", "ADMIN_PASSWORD": ""}
PREFLIGHT = {
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "authorization, content-type, if-match, idempotency-key",
}


def call(person, origin, path="/", method="GET", **headers):
    return person.open(method, path, headers={"Origin": origin} | headers)


def allowed_origin(response):
    return response.headers.get("Access-Control-Allow-Origin")


def header_values(response, name):
    return {each.strip().lower() for each in response.headers[name].split(",")}


@pytest.mark.parametrize("origin", LOCAL)
def test_local_origin_is_allowed_in_development(origin, anyone):
    response = call(anyone, origin)
    assert allowed_origin(response) == origin
    assert "Origin" in response.headers["Vary"]
    assert header_values(response, "Access-Control-Expose-Headers") >= {name.lower() for name in EXPOSED}
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("origin", FOREIGN)
def test_foreign_origin_is_not_allowed(origin, anyone):
    for method in ("GET", "OPTIONS"):
        assert allowed_origin(call(anyone, origin, method=method, **PREFLIGHT)) is None


def test_request_without_origin_has_no_cors_header(anyone):
    assert allowed_origin(anyone.get("/")) is None


def test_preflight_lists_methods_and_headers(anyone):
    """A browser sends the preflight without a token."""
    for path in ("/tickets/1", "/tickets/1/inventory", "/customers/1", "/mechanics", "/inventory"):
        response = call(anyone, "http://localhost:5173", path, "OPTIONS", **PREFLIGHT)
        assert (response.status_code, allowed_origin(response)) == (200, "http://localhost:5173")
        assert {"put", "delete", "post", "get"} <= header_values(response, "Access-Control-Allow-Methods")
        assert {"authorization", "content-type", "if-match", "idempotency-key"} <= header_values(
            response, "Access-Control-Allow-Headers"
        )
        assert response.headers["Access-Control-Max-Age"] == "600"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/customers", 401), ("GET", "/nowhere", 404), ("PATCH", "/", 405), ("POST", "/customers", 415)],
)
def test_error_has_cors_headers(method, path, status, anyone):
    response = call(anyone, "http://localhost:5173", path, method)
    assert (response.status_code, allowed_origin(response)) == (status, "http://localhost:5173")


def test_304_has_cors_headers(admin):
    etag = admin.get("/inventory").headers["ETag"]
    response = call(admin, "http://localhost:5173", "/inventory", **{"If-None-Match": etag})
    assert (response.status_code, allowed_origin(response)) == (304, "http://localhost:5173")


def test_no_origin_is_allowed_in_production_by_default(another_app):
    production = Person(another_app(APP_ENV="production", **SECRET))
    for origin in (*LOCAL, *FOREIGN):
        assert allowed_origin(call(production, origin)) is None
        response = call(production, origin, method="OPTIONS", **PREFLIGHT)
        assert "Access-Control-Allow-Methods" not in response.headers


def test_only_configured_origins_are_allowed(another_app):
    for kind in ("production", "development"):
        shop = Person(another_app(APP_ENV=kind, CORS_ORIGINS="https://shop.example, http://desk.example:81/", **SECRET))
        for origin in ("https://shop.example", "http://desk.example:81"):
            assert allowed_origin(call(shop, origin)) == origin
        for origin in (*LOCAL, *FOREIGN, "http://shop.example", "https://shop.example.evil.com", "https://shopxexample"):
            assert allowed_origin(call(shop, origin)) is None, origin


def test_star_allows_every_origin(another_app):
    shop = Person(another_app(APP_ENV="production", CORS_ORIGINS="*", **SECRET))
    for origin in ("https://any.example", "http://localhost:5173", "null"):
        assert allowed_origin(call(shop, origin)) == "*"
        response = call(shop, origin, "/tickets/1", "OPTIONS", **PREFLIGHT)
        assert allowed_origin(response) == "*"
        assert "authorization" in header_values(response, "Access-Control-Allow-Headers")
