"""Conventions of every endpoint (paths, methods, Location), and the endpoints of the site."""

import re
from urllib.parse import urljoin, urlsplit

import pytest
from sqlalchemy.exc import OperationalError

from app.blueprints.site import routes as site
from app.utils.redis import RedisClient
from tests.support import services
from tests.support.endpoints import SITE_PATHS, fill, methods_by_path

METHODS = methods_by_path()
BAD_IDS = [
    "0",
    "01",
    "+1",
    "-1",
    "%D9%A1",
    "%EF%BC%91",
    "1.0",
    "1_0",
    "1%20",
    "%201",
    "99999999999999999999",
    "2147483648",
    "x",
    "",
]


@pytest.fixture
def urls(ids):
    """Path of the endpoint table → the same path with ids of existing records."""
    return {path: fill(path, ids) for path in METHODS}


def stable_headers(response):
    """Return the headers of a response, without those that differ in every response."""
    return {name: value for name, value in response.headers if name not in ("Date", "X-Request-ID", "X-Request-Id")}


def test_trailing_slash_is_accepted_without_a_redirect(admin, anyone, urls):
    """With and without a token, with each method; refusals are equal as well."""
    requests = [(method, urls[path]) for path, methods in METHODS.items() for method in sorted(methods)]
    for method, url in [*requests, *(("GET", path) for path in SITE_PATHS)]:
        plain = url.rstrip("/") or "/"
        for person in (anyone, admin) if method == "GET" else (anyone,):
            with_slash, without = person.open(method, plain.rstrip("/") + "/"), person.open(method, plain)
            assert (with_slash.status_code, with_slash.data) == (without.status_code, without.data), (method, url)
            assert with_slash.status_code in (200, 401, 415), (method, url)
            assert "Location" not in with_slash.headers


def test_common_path_of_documentation_leads_to_docs(anyone):
    for path in ("/api/docs", "/api/docs/"):
        response = anyone.get(path)
        assert (response.status_code, response.headers["Location"]) == (308, "/docs")


def test_write_with_a_trailing_slash_is_done(admin, anyone, make):
    assert anyone.post("/customers/", json={"name": "A", "email": "a@b.cd", "password": "long enough"}).status_code == 201
    assert anyone.post("/customers/login/", json={"email": "a@b.cd", "password": "long enough"}).status_code == 200
    created = admin.post("/inventory/", json={"name": "Pad", "price": 5})
    assert created.headers["Location"] == f"/inventory/{created.json['id']}"
    assert admin.put(f"{created.headers['Location']}/", json={"price": 6}).json["price"] == 6
    assert admin.delete(f"{created.headers['Location']}/").status_code == 204
    assert admin.get(created.headers["Location"]).status_code == 404
    page = admin.get("/customers/?per_page=1")
    assert admin.get(re.findall(r"<([^>]+)>", page.headers["Link"])[0]).data == page.data


def test_head_returns_the_headers_of_get_without_a_body(admin, urls):
    for url in (*(urls[path] for path, methods in METHODS.items() if "GET" in methods), *SITE_PATHS):
        get, head = admin.get(url), admin.open("HEAD", url)
        assert (head.status_code, head.data) == (200, b""), url
        assert stable_headers(head) == stable_headers(get), url
        if url.endswith(".csv"):
            assert "Content-Length" not in head.headers, "CSV is streamed"
        else:
            assert int(head.headers["Content-Length"]) == len(get.data), url


def allowed_methods(response):
    return set(response.headers["Allow"].replace(" ", "").split(","))


def test_options_lists_the_allowed_methods(anyone, admin, urls, unchanged):
    with unchanged():
        for path, methods in METHODS.items():
            for person in (anyone, admin):
                response = person.open("OPTIONS", urls[path])
                expected = {*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])}
                assert (response.status_code, allowed_methods(response)) == (200, expected), path


def test_method_that_is_not_allowed_is_405(admin, urls, unchanged):
    with unchanged():
        for path, methods in METHODS.items():
            for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "TRACE"} - methods:
                response = admin.open(method, urls[path])
                assert (response.status_code, response.content_type) == (405, "application/problem+json"), (method, path)
                assert methods <= allowed_methods(response)


def test_double_slash_is_404(admin, urls, unchanged):
    """Neither accepted nor redirected: a proxy and the app would not agree on its meaning."""
    with unchanged():
        for url in urls.values():
            for doubled in (f"/{url}", f"{url}//", "/" + url[1:].replace("/", "//")):
                if doubled == url:
                    continue
                response = admin.open("GET", "/", environ_overrides={"PATH_INFO": doubled, "REQUEST_URI": doubled})
                assert (response.status_code, response.content_type) == (404, "application/problem+json"), doubled
                assert "Location" not in response.headers


def test_id_in_another_notation_is_404(admin, ids, unchanged):
    """``/0001`` and ``/١`` are no other names of ``/1``."""
    assert admin.get("/customers/2147483647").status_code == 404
    with unchanged():
        for path, methods in METHODS.items():
            for bad_id in BAD_IDS if "{" in path else ():
                response = admin.get(fill(path, ids | dict.fromkeys(ids, bad_id or "%00")))
                assert response.status_code in (404, 405), (path, bad_id)
                if response.status_code == 405:  # A path without GET.
                    assert "GET" not in methods


def test_location_leads_to_the_created_record(admin, anyone, make, customer):
    part, mechanic = make.part(), make.mechanic()
    bodies = {
        "/customers": {"name": "Ann", "email": "ann@example.com", "password": "correct horse battery"},
        "/mechanics": {"name": "Max", "email": "max@example.com", "phone": "555", "salary": 5},
        "/inventory": {"name": "Pad", "price": 5},
        "/tickets": {
            "customer_id": customer.id,
            "service_date": "2026-11-24",
            "description": "Brakes",
            "vin": "V",
            "mechanic_ids": [mechanic.id],
            "parts": [{"inventory_id": part.id}],
        },
    }
    for path, body in bodies.items():
        created = admin.post(path, json=body)
        assert (created.status_code, created.headers["Location"]) == (201, f"{path}/{created.json['id']}")
        followed = admin.get(created.headers["Location"])
        assert (followed.status_code, followed.data) == (200, created.data)


def test_no_header_is_sent_twice(admin, urls):
    for url in urls.values():
        names = [name for name, _ in admin.get(url).headers]
        assert len(names) == len({name.lower() for name in names}), url


# ---------------------------------------------------------------- also served
def test_start_page_names_the_app_and_links_to_the_rest(anyone):
    response = anyone.get("/")
    assert (response.status_code, response.json["name"]) == (200, "MyMechanicShop")
    for link in response.json["links"].values():
        assert anyone.get(link).status_code in (200, 401), link


def test_documentation_loads_from_this_host_alone(anyone):
    """Offline use: the app serves each file that the page or its stylesheets name."""
    page = anyone.get("/docs")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert anyone.get("/docs/").status_code == 200
    found = re.findall(r"""(?:src|href)=["']([^"']+)["']""", page.text)
    assert any(link.endswith(".js") for link in found)
    assert any(link.endswith(".css") for link in found)
    for link in found:
        path = urljoin("/docs/", link)
        assert urlsplit(path)[:2] == ("", ""), link
        asset = anyone.get(path)
        assert asset.status_code == 200, path
        text = asset.text if path.endswith((".css", ".js")) else ""
        asset.close()
        if path.endswith(".css"):
            named = re.findall(r"""(?:url\(|@import)\s*["']?([^"')]+)""", text)
            assert [each for each in named if not each.startswith(("data:", "#"))] == []
    assert "/openapi.json" in page.text
    assert '"validatorUrl": null' in page.text
    assert "petstore" not in page.text


@pytest.mark.parametrize(
    "path", ["%2e%2e/flask_swagger_ui.py", "..%2f..%2fapp/__init__.py", "%2fetc%2fpasswd", "../config.py", "nowhere.js"]
)
def test_documentation_serves_no_other_file(path, anyone):
    response = anyone.get(f"/docs/{path}")
    assert (response.status_code, response.content_type) == (404, "application/problem+json")


def test_live_runs_no_statement(anyone, statements):
    response = anyone.get("/health/live")
    assert (response.status_code, response.json) == (200, {"status": "ok"})
    assert statements == []


def test_ready_lists_the_checks(anyone):
    response = anyone.get("/health/ready")
    assert (response.status_code, response.json) == (200, {"status": "ok", "checks": {"database": "ok"}})


def test_ready_names_an_unreachable_database(anyone, monkeypatch):
    def fail(*_):
        raise OperationalError("SELECT 1", {}, Exception("a secret address"))

    monkeypatch.setattr(site, "fetch_all", fail)
    response = anyone.get("/health/ready")
    assert (response.status_code, response.content_type) == (503, "application/problem+json")
    assert response.json["checks"] == {"database": "down"}
    assert "database" in response.json["detail"]
    assert "secret" not in response.text
    assert int(response.headers["Retry-After"]) >= 1


def test_ready_names_an_unreachable_redis(app, anyone, monkeypatch):
    """No server listens on port 1."""
    monkeypatch.setattr(app, "redis", RedisClient("redis://127.0.0.1:1/0"))
    response = anyone.get("/health/ready")
    assert (response.status_code, response.json["checks"]) == (503, {"database": "ok", "redis": "down"})
    assert "redis" in response.json["detail"]
    assert "database" not in response.json["detail"]


@pytest.mark.skipif(not services.is_available("redis"), reason="Redis is not reachable")
def test_ready_checks_redis_if_configured(app, anyone, monkeypatch):
    monkeypatch.setattr(app, "redis", RedisClient(services.url_of("redis")))
    response = anyone.get("/health/ready")
    assert (response.status_code, response.json["checks"]) == (200, {"database": "ok", "redis": "ok"})
