"""«CORS»: which pages of other origins a browser lets in, and what they may read."""

import pytest

from tests.conftest import Person

EXPOSED = {"Location", "Link", "ETag", "X-Total-Count", "Retry-After", "Idempotency-Replayed"}
EXPOSED |= {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
LOCAL = ["http://localhost", "http://localhost:5173", "https://localhost:3000", "http://127.0.0.1:8080", "http://127.0.0.1"]
STRANGE = ["http://localhost.evil.com", "http://evil.com", "https://evil-localhost", "http://localhost:5173.evil.com", "null"]
STRANGE += [
    "http://127.0.0.1.evil.com",
    "http://127x0x0x1",
    "http://localhost@evil.com",
    "http://localhost:5173/path",
    "file://",
]
STRANGE += ["http://evil.com#http://localhost", "ftp://localhost", "http://sub.localhost"]
SECRET = {"SECRET_KEY": "a secret of more than thirty-two bytes", "ADMIN_EMAIL": "", "ADMIN_PASSWORD": ""}
PREFLIGHT = {
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "authorization, content-type, if-match, idempotency-key",
}


def asked(who, origin, path="/", method="GET", **headers):
    return who.open(method, path, headers={"Origin": origin} | headers)


def allowed(answer):
    return answer.headers.get("Access-Control-Allow-Origin")


def listed(answer, name):
    return {each.strip().lower() for each in answer.headers[name].split(",")}


@pytest.mark.parametrize("origin", LOCAL)
def test_any_port_of_this_machine_may_read_in_development(origin, anyone):
    answer = asked(anyone, origin)
    assert allowed(answer) == origin
    assert "Origin" in answer.headers["Vary"]
    assert listed(answer, "Access-Control-Expose-Headers") >= {name.lower() for name in EXPOSED}
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", STRANGE)
def test_no_other_origin_may(origin, anyone):
    for method in ("GET", "OPTIONS"):
        assert allowed(asked(anyone, origin, method=method, **PREFLIGHT)) is None


def test_without_an_origin_nothing_is_said(anyone):
    assert allowed(anyone.get("/")) is None


def test_a_preflight_tells_what_a_page_may_send(anyone):
    """A browser asks before it sends a token, and asks without one."""
    for path in ("/tickets/1", "/tickets/1/inventory", "/customers/1", "/mechanics", "/inventory"):
        answer = asked(anyone, "http://localhost:5173", path, "OPTIONS", **PREFLIGHT)
        assert (answer.status_code, allowed(answer)) == (200, "http://localhost:5173")
        assert {"put", "delete", "post", "get"} <= listed(answer, "Access-Control-Allow-Methods")
        assert {"authorization", "content-type", "if-match", "idempotency-key"} <= listed(
            answer, "Access-Control-Allow-Headers"
        )
        assert answer.headers["Access-Control-Max-Age"] == "600"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/customers", 401), ("GET", "/nowhere", 404), ("PATCH", "/", 405), ("POST", "/customers", 415)],
)
def test_a_page_may_read_errors_too(method, path, status, anyone):
    answer = asked(anyone, "http://localhost:5173", path, method)
    assert (answer.status_code, allowed(answer)) == (status, "http://localhost:5173")


def test_a_304_may_be_read_too(admin):
    etag = admin.get("/inventory").headers["ETag"]
    answer = asked(admin, "http://localhost:5173", "/inventory", **{"If-None-Match": etag})
    assert (answer.status_code, allowed(answer)) == (304, "http://localhost:5173")


def test_in_production_no_origin_may_unless_it_is_set(another_app):
    production = Person(another_app(APP_ENV="production", **SECRET))
    for origin in (*LOCAL, *STRANGE):
        assert allowed(asked(production, origin)) is None
        answer = asked(production, origin, method="OPTIONS", **PREFLIGHT)
        assert "Access-Control-Allow-Methods" not in answer.headers


def test_only_the_origins_that_are_set_may(another_app):
    for kind in ("production", "development"):
        shop = Person(another_app(APP_ENV=kind, CORS_ORIGINS="https://shop.example, http://desk.example:81/", **SECRET))
        for origin in ("https://shop.example", "http://desk.example:81"):
            assert allowed(asked(shop, origin)) == origin
        for origin in (*LOCAL, *STRANGE, "http://shop.example", "https://shop.example.evil.com", "https://shopxexample"):
            assert allowed(asked(shop, origin)) is None, origin


def test_a_star_lets_in_all(another_app):
    shop = Person(another_app(APP_ENV="production", CORS_ORIGINS="*", **SECRET))
    for origin in ("https://any.example", "http://localhost:5173", "null"):
        assert allowed(asked(shop, origin)) == "*"
        answer = asked(shop, origin, "/tickets/1", "OPTIONS", **PREFLIGHT)
        assert allowed(answer) == "*"
        assert "authorization" in listed(answer, "Access-Control-Allow-Headers")
