"""«Paths», «creating» and «also served»: what holds for every route, and what stands beside the areas."""

import re
from urllib.parse import urljoin, urlsplit

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from sqlalchemy.exc import OperationalError

from app.blueprints.site import routes as site
from app.utils.redis import RedisClient
from tests.support import services

ENDPOINTS = {
    "/customers": "GET POST",
    "/customers/login": "POST",
    "/customers/{}": "DELETE GET PUT",
    "/mechanics": "GET POST",
    "/mechanics/login": "POST",
    "/mechanics/{}": "DELETE GET PUT",
    "/tickets": "GET POST",
    "/tickets/my-tickets": "GET",
    "/tickets/{}": "DELETE GET PUT",
    "/tickets/{}/mechanics": "GET PUT",
    "/tickets/{}/mechanics/{}": "DELETE",
    "/tickets/{}/inventory": "PUT",
    "/inventory": "GET POST",
    "/inventory/{}": "DELETE GET PUT",
    "/inventory/{}/movements": "GET",
    "/inventory.csv": "GET",
    "/tickets.csv": "GET",
    "/inventory/{}/movements.csv": "GET",
    "/shop": "GET PUT",
}
"""Every path of the contract and what it answers to."""
BESIDE = ["/", "/docs", "/openapi.json", "/health/live", "/health/ready"]
NO_IDS = [
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
def paths(make):
    """Every path, with the ids of records that there are."""
    ticket, mechanic, part = make.ticket(), make.mechanic(), make.part()
    ids = {"customers": ticket.customer_id, "mechanics": mechanic.id, "tickets": ticket.id, "inventory": part.id}
    return {path: path.replace("{}", str(ids.get(path.split("/")[1])), 1).replace("{}", str(mechanic.id)) for path in ENDPOINTS}


def without_date(answer):
    """The headers of an answer, without those that differ from one to the next."""
    return {name: value for name, value in answer.headers if name not in ("Date", "X-Request-ID", "X-Request-Id")}


def test_the_routes_are_those_of_the_contract(app):
    rules = {}
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]+>", "{}", rule.rule)
        rules.setdefault(path, set()).update(rule.methods - {"HEAD", "OPTIONS"})
    beside = {path: rules.pop(path) for path in ["/", "/docs/", "/docs/{}", "/openapi.json", "/health/live", "/health/ready"]}
    assert rules == {path: set(methods.split()) for path, methods in ENDPOINTS.items()}
    assert set(map(frozenset, beside.values())) == {frozenset({"GET"})}


def test_a_trailing_slash_is_accepted_without_a_redirect(admin, anyone, paths):
    """Signed in or not, with each method; what is asked for is refused alike."""
    for path in (*paths.values(), *BESIDE):
        plain = path.rstrip("/") or "/"
        methods = next((methods for name, methods in ENDPOINTS.items() if paths[name] == path), "GET").split()
        for method in methods:
            for who in (anyone, admin) if method == "GET" else (anyone,):
                with_slash, without = who.open(method, plain.rstrip("/") + "/"), who.open(method, plain)
                assert (with_slash.status_code, with_slash.data) == (without.status_code, without.data), (method, path)
                assert with_slash.status_code in (200, 401, 415), (method, path)
                assert "Location" not in with_slash.headers


def test_writes_with_a_trailing_slash_are_done(admin, anyone, make):
    assert anyone.post("/customers/", json={"name": "A", "email": "a@b.cd", "password": "long enough"}).status_code == 201
    assert anyone.post("/customers/login/", json={"email": "a@b.cd", "password": "long enough"}).status_code == 200
    made = admin.post("/inventory/", json={"name": "Pad", "price": 5})
    assert made.headers["Location"] == f"/inventory/{made.json['id']}"
    assert admin.put(f"{made.headers['Location']}/", json={"price": 6}).json["price"] == 6
    assert admin.delete(f"{made.headers['Location']}/").status_code == 204
    assert admin.get(made.headers["Location"]).status_code == 404
    page = admin.get("/customers/?per_page=1")
    assert admin.get(re.findall(r"<([^>]+)>", page.headers["Link"])[0]).data == page.data


def test_head_is_a_get_without_its_body(admin, paths):
    for path in (*(paths[name] for name, methods in ENDPOINTS.items() if "GET" in methods), *BESIDE):
        get, head = admin.get(path), admin.open("HEAD", path)
        assert (head.status_code, head.data) == (200, b""), path
        assert without_date(head) == without_date(get), path
        if path.endswith(".csv"):
            assert "Content-Length" not in head.headers, "it is streamed"
        else:
            assert int(head.headers["Content-Length"]) == len(get.data), path


def test_options_says_what_is_allowed(anyone, admin, paths, unchanged):
    with unchanged():
        for name, methods in ENDPOINTS.items():
            for who in (anyone, admin):
                answer = who.open("OPTIONS", paths[name])
                allowed = set(answer.headers["Allow"].replace(" ", "").split(","))
                expected = {*methods.split(), "OPTIONS", *(["HEAD"] if "GET" in methods else [])}
                assert (answer.status_code, allowed) == (200, expected), name


def test_a_method_that_is_not_allowed_is_405(admin, paths, unchanged):
    with unchanged():
        for name, methods in ENDPOINTS.items():
            for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "TRACE"} - set(methods.split()):
                answer = admin.open(method, paths[name])
                assert (answer.status_code, answer.content_type) == (405, "application/problem+json"), (method, name)
                assert set(methods.split()) <= set(answer.headers["Allow"].replace(" ", "").split(","))


def test_a_double_slash_is_no_path(admin, paths, unchanged):
    """Neither answered nor redirected: a proxy and the app would not agree on what it means."""
    with unchanged():
        for path in paths.values():
            for doubled in (f"/{path}", f"{path}//", "/" + path[1:].replace("/", "//")):
                if doubled == path:
                    continue
                answer = admin.open("GET", "/", environ_overrides={"PATH_INFO": doubled, "REQUEST_URI": doubled})
                assert (answer.status_code, answer.content_type) == (404, "application/problem+json"), doubled
                assert "Location" not in answer.headers


def test_an_id_is_a_plain_number_without_leading_zeros(admin, make, unchanged):
    """``/0001`` and ``/١`` are no other names of ``/1``."""
    none = admin.get("/customers/2147483647")
    assert none.status_code == 404
    with unchanged():
        for name in ENDPOINTS:
            for number in NO_IDS if "{}" in name else ():
                answer = admin.get(name.replace("{}", number)) if number else admin.get(name.replace("{}", "%00"))
                assert answer.status_code in (404, 405), (name, number)
                if answer.status_code == 405:  # A path of another kind, without a GET.
                    assert "GET" not in ENDPOINTS.get(name, "")


def test_a_location_can_be_followed(admin, anyone, make, customer):
    part, max_ = make.part(), make.mechanic()
    bodies = {
        "/customers": {"name": "Ann", "email": "ann@example.com", "password": "correct horse battery"},
        "/mechanics": {"name": "Max", "email": "max@example.com", "phone": "555", "salary": 5},
        "/inventory": {"name": "Pad", "price": 5},
        "/tickets": {
            "customer_id": customer.id,
            "service_date": "2026-11-24",
            "description": "Brakes",
            "vin": "V",
            "mechanic_ids": [max_.id],
            "parts": [{"inventory_id": part.id}],
        },
    }
    for path, body in bodies.items():
        made = admin.post(path, json=body)
        assert (made.status_code, made.headers["Location"]) == (201, f"{path}/{made.json['id']}")
        followed = admin.get(made.headers["Location"])
        assert (followed.status_code, followed.data) == (200, made.data)


def test_no_answer_is_stored_twice_in_a_header(admin, paths):
    for path in paths.values():
        names = [name for name, _ in admin.get(path).headers]
        assert len(names) == len({name.lower() for name in names}), path


# ---------------------------------------------------------------- also served
def test_the_front_door_says_what_this_is_and_leads_on(anyone):
    answer = anyone.get("/")
    assert (answer.status_code, answer.json["name"]) == (200, "MyMechanicShop")
    for link in answer.json["links"].values():
        assert anyone.get(link).status_code in (200, 401), link


def test_the_documentation_needs_no_other_host(anyone):
    """It works offline: each file that it names, and each that those name, is served from here."""
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
def test_the_documentation_serves_nothing_else(path, anyone):
    answer = anyone.get(f"/docs/{path}")
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


def test_the_document_is_valid_openapi_3_1(anyone):
    answer = anyone.get("/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(answer.json).validate()


def test_the_document_names_every_endpoint(anyone):
    document = anyone.get("/openapi.json").json
    shown = {
        re.sub(r"\{[^}]+\}", "{}", path): {method.upper() for method in item if method in ("get", "post", "put", "delete")}
        for path, item in document["paths"].items()
    }
    assert shown == {path: set(methods.split()) for path, methods in ENDPOINTS.items()}


def test_live_answers_whatever_else_is_down(anyone, statements):
    answer = anyone.get("/health/live")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})
    assert statements == []


def test_ready_says_what_is_well(anyone):
    answer = anyone.get("/health/ready")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "checks": {"database": "ok"}})


def test_ready_names_the_database_that_is_down(anyone, monkeypatch):
    def fail(*_):
        raise OperationalError("SELECT 1", {}, Exception("a secret address"))

    monkeypatch.setattr(site, "fetch_all", fail)
    answer = anyone.get("/health/ready")
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert answer.json["checks"] == {"database": "down"}
    assert "database" in answer.json["detail"]
    assert "secret" not in answer.text
    assert int(answer.headers["Retry-After"]) >= 1


def test_ready_names_the_redis_that_is_down(app, anyone, monkeypatch):
    """Nobody listens on port 1."""
    monkeypatch.setattr(app, "redis", RedisClient("redis://127.0.0.1:1/0"))
    answer = anyone.get("/health/ready")
    assert (answer.status_code, answer.json["checks"]) == (503, {"database": "ok", "redis": "down"})
    assert "redis" in answer.json["detail"]
    assert "database" not in answer.json["detail"]


@pytest.mark.skipif(not services.answers("redis"), reason="there is no Redis; REQUIRE_SERVICES=1 demands one")
def test_ready_asks_redis_where_it_is_set(app, anyone, monkeypatch):
    monkeypatch.setattr(app, "redis", RedisClient(services.url_of("redis")))
    answer = anyone.get("/health/ready")
    assert (answer.status_code, answer.json["checks"]) == (200, {"database": "ok", "redis": "ok"})
