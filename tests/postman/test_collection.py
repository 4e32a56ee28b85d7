"""The Postman collection: what it says is what the document says, and played against a running shop it passes."""

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
    answers,
    asks,
    collection,
    environment,
    play,
    requests_of,
)
from tests.support.services import REQUIRED
from tests.support.start import ADMIN, Start, copy_of_the_shop

BESIDE = {
    f"{method} {rule.rule.rstrip('/') or '/'}"
    for rule in APP.url_map.iter_rules()
    for method in rule.methods - {"HEAD", "OPTIONS"}
    if rule.endpoint.partition(".")[0] not in AREA_NAMES and "<path:" not in rule.rule
}
"""What the shop serves beside the document: the front door, the documentation, health."""
COMMITTED = json.loads(COLLECTION.read_text("utf-8"))


def without_examples(built):
    for item in requests_of(built):
        item["response"] = []
    return built


def test_what_is_committed_is_what_the_day_describes():
    """`make docs` writes it anew."""
    assert without_examples(copy.deepcopy(COMMITTED)) == collection(DOCUMENT)
    assert json.loads(ENVIRONMENT.read_text("utf-8")) == environment()


def test_the_collection_and_the_document_agree():
    assert disagreements(COMMITTED, DOCUMENT, BESIDE) == []


def schema(document, name):
    return document["components"]["schemas"][name]["properties"]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda c, d: d["paths"].update({"/bays": d["paths"]["/tickets"]}), "GET /bays is in the document alone"),
        (lambda c, d: d["paths"].pop("/customers/{customer_id}"), "PUT /customers/{customer_id} is in the collection alone"),
        (
            lambda c, d: d["paths"]["/inventory"].update(head=d["paths"]["/inventory"].pop("post")),
            "HEAD /inventory is in the",
        ),
        (lambda c, d: schema(d, "PartIn").update(bin={}), "POST /inventory: what may be sent: bin is in the document"),
        (lambda c, d: schema(d, "TicketChange").pop("vin"), "PUT /tickets/{ticket_id}: what may be sent: vin is in the coll"),
        (lambda c, d: schema(d, "PartLineIn").update(bin={}), "what may be sent: parts[].bin is in the document alone"),
        (lambda c, d: schema(d, "TicketOut").update(bay={}), "GET /tickets: what is answered: [].bay is in the document alone"),
        (lambda c, d: schema(d, "TicketPartOut").pop("total"), "what is answered: parts[].total is in the collection alone"),
        (lambda c, d: schema(d, "Problem").update(trace={}), "the fields of a problem: trace is in the document alone"),
        (lambda c, d: d["paths"]["/tickets"]["get"]["parameters"].pop(), "If-None-Match is in the collection alone"),
        (
            lambda c, d: d["paths"]["/inventory.csv"]["get"]["responses"]["200"]["content"]["text/csv"].update(
                example="id,bay\r\n"
            ),
            "GET /inventory.csv: what is answered: bay is in the document alone",
        ),
        (lambda c, d: d["paths"]["/tickets"]["get"]["responses"].pop("422"), "GET /tickets: 422 is saved and not documented"),
        (lambda c, d: d["paths"]["/tickets"]["get"].update(security=[]), "GET /tickets: one asks for a token"),
        (lambda c, d: c["item"].pop(0), "GET /health/ready is in the document alone"),
        (lambda c, d: c["item"].pop(6), "PUT /tickets/{ticket_id}/mechanics is in the document alone"),
        (lambda c, d: requests_of(c)[6]["request"].update(method="PUT"), "PUT /mechanics/login is in the collection alone"),
    ],
)
def test_where_they_do_not_agree_it_is_found(change, found):
    changed, document = copy.deepcopy(COMMITTED), copy.deepcopy(DOCUMENT)
    change(changed, document)
    assert found in "\n".join(disagreements(changed, document, BESIDE))


def test_every_request_is_tested_and_has_a_name_of_its_own():
    assert len({ask.name for ask in asks()}) == len(asks())
    for ask in asks():
        assert ask.shows, ask.name


def test_no_secret_is_committed():
    text = COLLECTION.read_text("utf-8") + ENVIRONMENT.read_text("utf-8")
    assert ADMIN["ADMIN_PASSWORD"] not in text
    assert not re.search(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", text)


# ---------------------------------------------------------------- played
needs_newman = pytest.mark.skipif(
    not NEWMAN.exists() and not REQUIRED, reason="newman is not there: npm ci --prefix tests/postman installs it"
)


@pytest.fixture
def shop(tmp_path, request):
    """The shop as `make run` starts it, with its limits as they are by default unless a test says otherwise."""
    with Start(copy_of_the_shop(tmp_path), **ADMIN, **getattr(request, "param", {})) as started:
        yield started


def comparable(examples):
    """Examples by their name, without what differs from run to run: times, and what the run puts into its names."""
    [run] = set(re.findall(r"PAD-(\w+)", examples["Twenty brake pads arrive"]["body"]))
    varying = re.compile(rf"{run}|\d{{4}}-\d\d-\d\d[T ][\d:]+Z?", re.IGNORECASE)
    found = {}
    for name, each in examples.items():
        body = varying.sub("…", each["body"])
        is_json = body and each["_postman_previewlanguage"] == "json"
        found[name] = (each["code"], {h["key"].lower() for h in each["header"]}, json.loads(body) if is_json else body)
    return found


@pytest.mark.slow
@needs_newman
def test_it_passes_from_top_to_bottom_twice_on_one_database_and_its_examples_are_true(shop):
    """newman, twice in a row: every request and test passes."""
    for turn in ("first", "second"):
        ran, run = play(shop, COLLECTION)
        assert (turn, ran.returncode, run["failures"]) == (turn, 0, []), ran.stdout
        assert [each["item"]["name"] for each in run["executions"]] == [ask.name for ask in asks()]
        assert all(each["assertions"] for each in run["executions"])
        if turn == "first":
            assert comparable(answers(run)) == comparable(
                {item["name"]: item["response"][0] for item in requests_of(COMMITTED)}
            )
    [login] = [each for each in run["executions"] if each["item"]["name"] == "The owner signs in"]
    token = json.loads(bytes(login["response"]["stream"]["data"]))["token"]
    for path in ("/customers", "/tickets", "/inventory"):
        assert shop.call("GET", path, token=token) == (200, []), "it tidies away what it made"
    assert [each["role"] for each in shop.call("GET", "/mechanics", token=token)[1]] == ["admin"]


@pytest.mark.slow
@needs_newman
def test_it_stops_with_a_word_where_the_password_is_not_filled_in_or_wrong(shop):
    ran, _ = play(shop, COLLECTION, password="")
    assert ran.returncode == 1
    assert "Fill in admin_email and admin_password" in ran.stdout
    ran, run = play(shop, COLLECTION, password="wrong horse battery")
    assert ran.returncode == 1
    assert run["executions"][-1]["item"]["name"] == "The owner signs in"
    assert "admin_email and admin_password are those of an admin" in ran.stdout


@pytest.mark.slow
@needs_newman
@pytest.mark.parametrize("shop", [{"LIMIT_LOGIN": "1 per 3 second"}], indirect=True)
def test_where_logins_run_out_it_waits_and_goes_on(shop):
    ran, run = play(shop, COLLECTION)
    assert (ran.returncode, run["failures"]) == (0, []), ran.stdout
    logins = [each["response"]["code"] for each in run["executions"] if each["item"]["name"] == "The mechanic signs in"]
    assert logins[-1] == 200
    assert set(logins[:-1]) == {429}
    assert [*dict.fromkeys(each["item"]["name"] for each in run["executions"])] == [ask.name for ask in asks()]
