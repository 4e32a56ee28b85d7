"""Test the Postman collection: it agrees with the OpenAPI document and passes against a running shop."""

import copy
import json
import re

import pytest

from tests.support.openapi import APP, AREA_NAMES, DOCUMENT
from tests.support.postman.agreement import disagreements
from tests.support.postman.build import (
    COLLECTION,
    ENVIRONMENT,
    NEWMAN,
    all_requests,
    collection,
    environment,
    examples,
    requests_of,
    run_newman,
)
from tests.support.services import REQUIRED
from tests.support.start import ADMIN, Start, copy_of_the_shop

UNDOCUMENTED = {
    f"{method} {rule.rule.rstrip('/') or '/'}"
    for rule in APP.url_map.iter_rules()
    for method in rule.methods - {"HEAD", "OPTIONS"}
    if rule.endpoint.partition(".")[0] not in AREA_NAMES and "<path:" not in rule.rule
}
"""Endpoints that the document leaves out: start page, documentation, health checks."""
COMMITTED = json.loads(COLLECTION.read_text("utf-8"))


def without_examples(built):
    for item in requests_of(built):
        item["response"] = []
    return built


def test_committed_collection_is_current():
    """`make docs` writes it."""
    assert without_examples(copy.deepcopy(COMMITTED)) == collection(DOCUMENT)
    assert json.loads(ENVIRONMENT.read_text("utf-8")) == environment()


def test_collection_agrees_with_the_document():
    assert disagreements(COMMITTED, DOCUMENT, UNDOCUMENTED) == []


def schema(document, name):
    return document["components"]["schemas"][name]["properties"]


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda c, d: d["paths"].update({"/bays": d["paths"]["/tickets"]}), "GET /bays is only in the document"),
        (lambda c, d: d["paths"].pop("/customers/{customer_id}"), "PUT /customers/{customer_id} is only in the collection"),
        (
            lambda c, d: d["paths"]["/inventory"].update(head=d["paths"]["/inventory"].pop("post")),
            "HEAD /inventory is only in the",
        ),
        (lambda c, d: schema(d, "PartIn").update(bin={}), "POST /inventory: fields of the body: bin is only in the document"),
        (lambda c, d: schema(d, "TicketChange").pop("vin"), "PUT /tickets/{ticket_id}: fields of the body: vin is only in"),
        (lambda c, d: schema(d, "PartLineIn").update(bin={}), "fields of the body: parts[].bin is only in the document"),
        (
            lambda c, d: schema(d, "TicketOut").update(bay={}),
            "GET /tickets: fields of the response: [].bay is only in the document",
        ),
        (
            lambda c, d: schema(d, "TicketPartOut").pop("total"),
            "fields of the response: parts[].total is only in the collection",
        ),
        (lambda c, d: schema(d, "Problem").update(trace={}), "fields of a problem: trace is only in the document"),
        (lambda c, d: d["paths"]["/tickets"]["get"]["parameters"].pop(), "If-None-Match is only in the collection"),
        (
            lambda c, d: d["paths"]["/inventory.csv"]["get"]["responses"]["200"]["content"]["text/csv"].update(
                example="id,bay\r\n"
            ),
            "GET /inventory.csv: fields of the response: bay is only in the document",
        ),
        (lambda c, d: d["paths"]["/tickets"]["get"]["responses"].pop("422"), "GET /tickets: 422 is not documented"),
        (lambda c, d: d["paths"]["/tickets"]["get"].update(security=[]), "GET /tickets: only one of both needs a token"),
        (lambda c, d: c["item"].pop(0), "GET /health/ready is only in the document"),
        (lambda c, d: c["item"].pop(6), "PUT /tickets/{ticket_id}/mechanics is only in the document"),
        (lambda c, d: requests_of(c)[6]["request"].update(method="PUT"), "PUT /mechanics/login is only in the collection"),
    ],
)
def test_difference_from_the_document_is_found(change, difference):
    changed, document = copy.deepcopy(COMMITTED), copy.deepcopy(DOCUMENT)
    change(changed, document)
    assert difference in "\n".join(disagreements(changed, document, UNDOCUMENTED))


def test_requests_have_checks_and_unique_names():
    assert len({request.name for request in all_requests()}) == len(all_requests())
    for request in all_requests():
        assert request.checks, request.name


def test_committed_collection_has_no_secret():
    text = COLLECTION.read_text("utf-8") + ENVIRONMENT.read_text("utf-8")
    assert ADMIN["ADMIN_PASSWORD"] not in text
    assert not re.search(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", text)


# ---------------------------------------------------------------- against a running shop
needs_newman = pytest.mark.skipif(
    not NEWMAN.exists() and not REQUIRED, reason="newman is not installed: npm ci --prefix tests/postman"
)


@pytest.fixture
def shop(tmp_path, request):
    """Start the shop as `make run` does, with the default limits unless a test sets others."""
    with Start(copy_of_the_shop(tmp_path), **ADMIN, **getattr(request, "param", {})) as started:
        yield started


def comparable(responses):
    """Return the examples by name, without the values that differ between runs: times and the id of the run."""
    [run] = set(re.findall(r"PAD-(\w+)", responses["Create a part"]["body"]))
    varying = re.compile(rf"{run}|\d{{4}}-\d\d-\d\d[T ][\d:]+Z?", re.IGNORECASE)
    found = {}
    for name, each in responses.items():
        body = varying.sub("…", each["body"])
        is_json = body and each["_postman_previewlanguage"] == "json"
        found[name] = (each["code"], {h["key"].lower() for h in each["header"]}, json.loads(body) if is_json else body)
    return found


@pytest.mark.slow
@needs_newman
def test_collection_passes_twice_and_has_the_responses_of_the_shop(shop):
    """Run it twice on one database: the second run finds no records of the first."""
    for turn in ("first", "second"):
        ran, run = run_newman(shop, COLLECTION)
        assert (turn, ran.returncode, run["failures"]) == (turn, 0, []), ran.stdout
        assert [each["item"]["name"] for each in run["executions"]] == [request.name for request in all_requests()]
        assert all(each["assertions"] for each in run["executions"])
        if turn == "first":
            assert comparable(examples(run)) == comparable(
                {item["name"]: item["response"][0] for item in requests_of(COMMITTED)}
            )
    [login] = [each for each in run["executions"] if each["item"]["name"] == "Sign in as an admin"]
    token = json.loads(bytes(login["response"]["stream"]["data"]))["token"]
    for path in ("/customers", "/tickets", "/inventory"):
        assert shop.call("GET", path, token=token) == (200, []), "the run deletes its records"
    assert [each["role"] for each in shop.call("GET", "/mechanics", token=token)[1]] == ["admin"]


@pytest.mark.slow
@needs_newman
def test_missing_or_wrong_password_stops_the_collection(shop):
    ran, _ = run_newman(shop, COLLECTION, password="")
    assert ran.returncode == 1
    assert "Fill in admin_email and admin_password" in ran.stdout
    ran, run = run_newman(shop, COLLECTION, password="wrong horse battery")
    assert ran.returncode == 1
    assert run["executions"][-1]["item"]["name"] == "Sign in as an admin"
    assert "admin_email and admin_password are those of an admin" in ran.stdout


@pytest.mark.slow
@needs_newman
@pytest.mark.parametrize("shop", [{"LIMIT_LOGIN": "1 per 3 second"}], indirect=True)
def test_collection_waits_for_the_login_limit(shop):
    ran, run = run_newman(shop, COLLECTION)
    assert (ran.returncode, run["failures"]) == (0, []), ran.stdout
    logins = [each["response"]["code"] for each in run["executions"] if each["item"]["name"] == "Sign in as a mechanic"]
    assert logins[-1] == 200
    assert set(logins[:-1]) == {429}
    assert [*dict.fromkeys(each["item"]["name"] for each in run["executions"])] == [request.name for request in all_requests()]
