"""«Errors»: no input gives a 5xx, and a refusal changes nothing.

A table of everything that a client may get wrong (bad_bodies.py) against every body, query and path that the shop
reads, and what hypothesis finds beside it.
"""

from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import rate_limits
from tests.support.bad_bodies import BODIES, QUERIES, RECORDS, cases_of
from tests.support.bad_values import IDS_IN_PATHS, IN_QUERY, encode

JSON = {"Content-Type": "application/json"}
fuzzed = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def records(make):
    """A record of each kind, by the name that stands in a path."""
    ticket = make.ticket()
    return {"customer": ticket.customer_id, "mechanic": make.mechanic().id, "part": make.part().id, "ticket": ticket.id}


@pytest.fixture
def people(anyone, admin):
    return {"anyone": anyone, "admin": admin}


def filled(text, records):
    """A path or body with the ids of the records in it."""
    for name, number in records.items():
        text = text.replace(f"{{{name}}}", str(number))
    return text


def in_body(case, records):
    return case.body.replace(b'"{customer}"', str(records["customer"]).encode())


def faults_of(answer, statuses, field=None):
    """What is wrong with a refusal; none where it is as the contract wants it."""
    if answer.status_code not in statuses:
        return [f"{answer.status_code} instead of {statuses}: {answer.text[:200]}"]
    problem = answer.json
    faults = [] if answer.mimetype == "application/problem+json" else [f"it is {answer.mimetype}"]
    if not {"type", "title", "status", "detail"} <= problem.keys() or problem["status"] != answer.status_code:
        faults.append(f"no problem details: {problem}")
    if answer.status_code == 422:
        shown = None if field is None else field.encode("utf-8", "replace").decode()
        named = problem.get("errors", {})
        if not named or not all(isinstance(texts, list) and texts for texts in named.values()):
            faults.append(f"errors are {named}")
        elif shown is not None and not any(name == shown or name.startswith(f"{shown}.") for name in named):
            faults.append(f"{field!r} is not named in {named}")
    return faults


def test_there_are_thousands_of_bad_inputs():
    bodies = sum(len(list(cases_of(body))) for body in BODIES)
    queries = sum(len(IN_QUERY[name]) for names in QUERIES.values() for name in names)
    assert bodies + queries + 3 * len(RECORDS) * len(IDS_IN_PATHS) >= 3000
    assert bodies >= 2000


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.name)
def test_a_bad_body_is_refused_and_changes_nothing(body, people, records, unchanged):
    wrong = []
    path = filled(body.path, records)
    with unchanged():
        for case in cases_of(body):
            answer = people[body.who].open(body.method, path, data=in_body(case, records), content_type=case.media_type)
            wrong += [(case.what, fault) for fault in faults_of(answer, case.statuses, case.field)]
    assert wrong == []


@pytest.mark.parametrize("path", QUERIES)
def test_a_query_parameter_with_a_bad_value_is_422(path, admin, records, unchanged):
    wrong = []
    with unchanged():
        for name in QUERIES[path]:
            for value in IN_QUERY[name]:
                answer = admin.get(f"{filled(path, records)}?{name}={value}")
                wrong += [(name, value[:40], fault) for fault in faults_of(answer, (422,), name)]
    assert wrong == []


@pytest.mark.parametrize("path", QUERIES)
def test_an_unknown_query_parameter_is_ignored(path, admin, records):
    path = filled(path, records)
    plain = admin.get(path)
    for query in ("colour=red", "%00=1", "=", "&&&", "page_=0", "PAGE=0", "%ED%A0%80=%FF", "a[]=1&a[]=2", "per_page%00=500"):
        answer = admin.get(f"{path}?{query}")
        assert (answer.status_code, answer.data) == (200, plain.data), query


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("path", RECORDS)
def test_an_id_in_a_path_that_is_none_is_404(method, path, admin, records, unchanged):
    wrong = []
    with unchanged():
        for number in IDS_IN_PATHS:
            sent = {"json": {}} if method == "PUT" else {}
            answer = admin.open(method, filled(path.replace("{}", number, 1), records), **sent)
            allowed = (404, 405) if answer.status_code == 405 and "Allow" in answer.headers else (404,)
            wrong += [(number[:40], fault) for fault in faults_of(answer, allowed)]
    assert wrong == []


def test_two_mebibytes_without_a_length_are_too_much(admin, unchanged):
    """A chunked body says nothing of its length beforehand; what is good of it must not be taken for the whole."""
    stream = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    good = encode({"name": "Pad", "price": 5})
    with unchanged():
        sent = BytesIO(good + b" " * 2**21)
        answer = admin.post("/inventory", headers=JSON, input_stream=sent, environ_overrides=stream)
        assert faults_of(answer, (413,)) == []
    answer = admin.post("/inventory", headers=JSON, input_stream=BytesIO(good), environ_overrides=stream)
    assert (answer.status_code, answer.json["name"]) == (201, "Pad")


def test_a_bad_login_is_refused_where_logins_are_limited(app, anyone, monkeypatch, unchanged):
    """The limit looks into the body for the account before the schema has seen it."""
    monkeypatch.setitem(app.config, "LIMIT_LOGIN", rate_limits("100000 per minute"))
    logins = [body for body in BODIES if body.path.endswith("/login")]
    with unchanged():
        for body in logins:
            for case in cases_of(body):
                answer = anyone.post(body.path, data=case.body, content_type=case.media_type)
                assert faults_of(answer, case.statuses, case.field) == [], case.what


def test_an_id_in_a_body_that_is_another_kind_of_record_is_422(admin, make, records, unchanged):
    mechanic, part = max(make.mechanic().id for _ in range(9)), records["part"]
    body = {"service_date": "2026-11-24", "description": "Brakes", "vin": "V"}
    with unchanged():
        answer = admin.post("/tickets", json=body | {"customer_id": mechanic + 1000})
        assert faults_of(answer, (422,), "customer_id") == []
        crew = admin.put(f"/tickets/{records['ticket']}/mechanics", json={"add_mechanic_ids": [mechanic, mechanic + 1000]})
        assert faults_of(crew, (422,), "add_mechanic_ids") == []
        lines = [{"inventory_id": part}, {"inventory_id": part + 1000}]
        parts = admin.put(f"/tickets/{records['ticket']}/inventory", json={"add_parts": lines})
        assert faults_of(parts, (422,), "add_parts.1.inventory_id") == []


def test_anothers_id_is_answered_like_one_that_names_nothing(customer, records, unchanged):
    """«Someone else's record»: 404 with the same body, so that no id can be found out."""
    acts = [("GET", "/customers/{customer}"), ("PUT", "/customers/{customer}"), ("DELETE", "/customers/{customer}")]
    acts += [("GET", "/tickets/{ticket}"), ("GET", "/tickets/{ticket}/mechanics")]
    with unchanged():
        for method, path in acts:
            sent = {"json": {"name": "Mine"}} if method == "PUT" else {}
            theirs = customer.open(method, filled(path, records), **sent)
            none = customer.open(method, filled(path, dict.fromkeys(records, 2_000_000_000)), **sent)
            assert faults_of(theirs, (404,)) == []
            assert theirs.data == none.data


def test_ten_thousand_wrong_fields_get_a_short_answer(admin, unchanged):
    with unchanged():
        answer = admin.post("/inventory", json={f"field{number}": number for number in range(10_000)})
        assert faults_of(answer, (422,)) == []
        assert len(answer.data) < 20_000


# ---------------------------------------------------------------- what hypothesis finds
SURROGATES = st.characters(codec=None, categories=None)
ANY_TEXT = st.text(SURROGATES, max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT
VALUES = st.recursive(
    SCALARS, lambda each: st.lists(each, max_size=4) | st.dictionaries(ANY_TEXT, each, max_size=4), max_leaves=8
)


def answers_to(body, sent, people, records, left):
    """Send it; a refusal must be a problem that changed nothing, and what is accepted must not fail."""
    before = left.everything()
    answer = people[body.who].open(body.method, filled(body.path, records), data=sent, headers=JSON)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert faults_of(answer, (400, 401, 409, 413, 422)) == []
        assert left.everything() == before


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.name)
def test_random_json_never_fails(body, people, records, left):
    fields = st.sampled_from([*body.bad, *body.read_only])

    @fuzzed
    @given(st.dictionaries(fields | ANY_TEXT, VALUES | st.integers(-1, 3), max_size=5), st.booleans())
    def send(found, whole):
        answers_to(body, filled(encode((body.good if whole else {}) | found).decode(), records), people, records, left)

    send()


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.name)
def test_random_bytes_never_fail(body, people, records, left):
    """Bytes of any kind, and a good body in which some are wrong."""
    good = encode(body.good)

    @fuzzed
    @given(st.binary(max_size=60), st.integers(0, len(good)), st.integers(0, 8))
    def send(noise, place, gone):
        answers_to(body, noise, people, records, left)
        answers_to(body, good[:place] + noise + good[place + gone :], people, records, left)

    send()


@pytest.mark.parametrize("path", QUERIES)
def test_random_queries_never_fail(path, admin, records, unchanged):
    names = st.sampled_from(list(QUERIES[path]))

    @fuzzed
    @given(st.dictionaries(names, st.text(max_size=8) | st.integers(-5, 10**20).map(str), max_size=4))
    def ask(query):
        answer = admin.get(filled(path, records), query_string=query)
        assert answer.status_code == 200 or faults_of(answer, (422,)) == []

    with unchanged():
        ask()
