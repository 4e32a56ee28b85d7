"""«CORS»: the origins whose pages may read responses, and the headers that they may read."""

import pytest

from tests.conftest import Person

EXPOSED = {"Location", "Link", "ETag", "X-Total-Count", "Retry-After", "Idempotency-Replayed"}
EXPOSED |= {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
LOCAL_ORIGINS = [
    "http://localhost",
    "http://localhost:5173",
    "https://localhost:3000",
    "http://127.0.0.1:8080",
    "http://127.0.0.1",
]
OTHER_ORIGINS = [
    "http://localhost.evil.com",
    "http://evil.com",
    "https://evil-localhost",
    "http://localhost:5173.evil.com",
    "null",
]
OTHER_ORIGINS += [
    "http://127.0.0.1.evil.com",
    "http://127x0x0x1",
    "http://localhost@evil.com",
    "http://localhost:5173/path",
    "file://",
]
OTHER_ORIGINS += ["http://evil.com#http://localhost", "ftp://localhost", "http://sub.localhost"]
SECRET = {"SECRET_KEY": "a secret of more than thirty-two bytes", "ADMIN_EMAIL": "", "ADMIN_PASSWORD": ""}
PREFLIGHT = {
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "authorization, content-type, if-match, idempotency-key",
}


def request_from(person, origin, path="/", method="GET", **headers):
    return person.open(method, path, headers={"Origin": origin} | headers)


def allowed_origin(response):
    return response.headers.get("Access-Control-Allow-Origin")


def listed_values(response, name):
    return {value.strip().lower() for value in response.headers[name].split(",")}


@pytest.mark.parametrize("origin", LOCAL_ORIGINS)
def test_any_localhost_port_is_allowed_in_development(origin, anyone):
    response = request_from(anyone, origin)
    assert allowed_origin(response) == origin
    assert "Origin" in response.headers["Vary"]
    assert listed_values(response, "Access-Control-Expose-Headers") >= {name.lower() for name in EXPOSED}
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("origin", OTHER_ORIGINS)
def test_other_origins_are_not_allowed_in_development(origin, anyone):
    for method in ("GET", "OPTIONS"):
        assert allowed_origin(request_from(anyone, origin, method=method, **PREFLIGHT)) is None


def test_response_without_an_origin_has_no_cors_header(anyone):
    assert allowed_origin(anyone.get("/")) is None


def test_preflight_lists_methods_and_headers(anyone):
    """A browser sends the preflight without a token."""
    for path in ("/tickets/1", "/tickets/1/inventory", "/customers/1", "/mechanics", "/inventory"):
        response = request_from(anyone, "http://localhost:5173", path, "OPTIONS", **PREFLIGHT)
        assert (response.status_code, allowed_origin(response)) == (200, "http://localhost:5173")
        assert {"put", "delete", "post", "get"} <= listed_values(response, "Access-Control-Allow-Methods")
        assert {"authorization", "content-type", "if-match", "idempotency-key"} <= listed_values(
            response, "Access-Control-Allow-Headers"
        )
        assert response.headers["Access-Control-Max-Age"] == "600"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/customers", 401), ("GET", "/nowhere", 404), ("PATCH", "/", 405), ("POST", "/customers", 415)],
)
def test_errors_allow_the_origin(method, path, status, anyone):
    response = request_from(anyone, "http://localhost:5173", path, method)
    assert (response.status_code, allowed_origin(response)) == (status, "http://localhost:5173")


def test_304_allows_the_origin(admin):
    etag = admin.get("/inventory").headers["ETag"]
    response = request_from(admin, "http://localhost:5173", "/inventory", **{"If-None-Match": etag})
    assert (response.status_code, allowed_origin(response)) == (304, "http://localhost:5173")


def test_production_allows_no_origin_by_default(another_app):
    production = Person(another_app(APP_ENV="production", **SECRET))
    for origin in (*LOCAL_ORIGINS, *OTHER_ORIGINS):
        assert allowed_origin(request_from(production, origin)) is None
        response = request_from(production, origin, method="OPTIONS", **PREFLIGHT)
        assert "Access-Control-Allow-Methods" not in response.headers


def test_only_configured_origins_are_allowed(another_app):
    for environment in ("production", "development"):
        shop = Person(another_app(APP_ENV=environment, CORS_ORIGINS="https://shop.example, http://desk.example:81/", **SECRET))
        for origin in ("https://shop.example", "http://desk.example:81"):
            assert allowed_origin(request_from(shop, origin)) == origin
        for origin in (
            *LOCAL_ORIGINS,
            *OTHER_ORIGINS,
            "http://shop.example",
            "https://shop.example.evil.com",
            "https://shopxexample",
        ):
            assert allowed_origin(request_from(shop, origin)) is None, origin


def test_star_allows_every_origin(another_app):
    shop = Person(another_app(APP_ENV="production", CORS_ORIGINS="*", **SECRET))
    for origin in ("https://any.example", "http://localhost:5173", "null"):
        assert allowed_origin(request_from(shop, origin)) == "*"
        response = request_from(shop, origin, "/tickets/1", "OPTIONS", **PREFLIGHT)
        assert allowed_origin(response) == "*"
        assert "authorization" in listed_values(response, "Access-Control-Allow-Headers")
