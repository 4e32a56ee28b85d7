"""Bad input of every endpoint: no input gives a 5xx, and a refusal changes nothing.

Tables of bad values (tests/support/bad_bodies.py, bad_values.py) against every body, query and path of the endpoint
table, and random input by hypothesis.
"""

import re
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import rate_limits
from tests.support.bad_bodies import cases_of
from tests.support.bad_values import BAD_PATH_IDS, BAD_QUERY_VALUES, encode
from tests.support.endpoints import ENDPOINTS, LISTS, WITH_BODY, fill, fill_body, paths_for_bad_ids

JSON = {"Content-Type": "application/json"}
fuzzed = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
OWN_WORDS = re.compile(r"(is|has|have|must|may|can't|takes|shares|was|[0-9]+ is)\b.*[^.]")
"""A message of a field, such as "must be a string": without the name of the field, and without a full stop."""
each_with_body = pytest.mark.parametrize("endpoint", WITH_BODY, ids=lambda endpoint: endpoint.name)
each_list = pytest.mark.parametrize("endpoint", LISTS, ids=lambda endpoint: endpoint.name)


def faults_of(response, statuses, field=None):
    """Return what is wrong with a refusal: an empty list if it is as docs/openapi.json describes it."""
    if response.status_code not in statuses:
        return [f"{response.status_code} instead of {statuses}: {response.text[:200]}"]
    problem = response.json
    faults = [] if response.mimetype == "application/problem+json" else [f"media type {response.mimetype}"]
    if not {"type", "title", "status", "detail"} <= problem.keys() or problem["status"] != response.status_code:
        faults.append(f"no problem details: {problem}")
    if response.status_code == 422:
        shown = None if field is None else field.encode("utf-8", "replace").decode()
        named = problem.get("errors", {})
        if not named or not all(isinstance(texts, list) and texts for texts in named.values()):
            faults.append(f"errors are {named}")
        elif not all(OWN_WORDS.fullmatch(text) for texts in named.values() for text in texts):
            faults.append(f"the words are not the shop's: {named}")
        elif shown is not None and not any(name == shown or name.startswith(f"{shown}.") for name in named):
            faults.append(f"{field!r} is not named in {named}")
    return faults


def test_tables_have_thousands_of_bad_inputs():
    bodies = sum(len(list(cases_of(endpoint))) for endpoint in WITH_BODY)
    queries = sum(len(BAD_QUERY_VALUES[name]) for endpoint in LISTS for name in endpoint.parameters)
    assert bodies + queries + 3 * len(paths_for_bad_ids()) * len(BAD_PATH_IDS) >= 3000
    assert bodies >= 2000


def sender(endpoint, people):
    """Return who sends bad bodies to an endpoint: an admin if it needs a role."""
    return people["anonymous" if "anonymous" in endpoint.roles else "admin"]


@each_with_body
def test_bad_body_is_refused_and_changes_nothing(endpoint, people, ids, unchanged):
    wrong, person, path = [], sender(endpoint, people), fill(endpoint.path, ids)
    with unchanged():
        for case in cases_of(endpoint):
            data = fill_body(case.body, ids)
            response = person.open(endpoint.method, path, data=data, content_type=case.media_type)
            wrong += [(case.name, fault) for fault in faults_of(response, case.statuses, case.field)]
    assert wrong == []


@each_list
def test_bad_query_value_is_422(endpoint, admin, ids, unchanged):
    wrong = []
    with unchanged():
        for name in endpoint.parameters:
            for value in BAD_QUERY_VALUES[name]:
                response = admin.get(f"{fill(endpoint.path, ids)}?{name}={value}")
                wrong += [(name, value[:40], fault) for fault in faults_of(response, (422,), name)]
    assert wrong == []


@each_list
def test_blank_query_parameter_is_ignored(endpoint, admin, ids):
    """A form sends its empty fields, too."""
    path = fill(endpoint.path, ids)
    plain = admin.get(path)
    for blank in ("", "+", "%20%09", "%C2%A0", "%E3%80%80"):
        for names in (endpoint.parameters, *([name] for name in endpoint.parameters)):
            response = admin.get(f"{path}?{'&'.join(f'{name}={blank}' for name in names)}")
            assert (response.status_code, response.data) == (200, plain.data), (names, blank)
            assert response.headers.get("Link") == plain.headers.get("Link")


@each_list
def test_unknown_query_parameter_is_ignored(endpoint, admin, ids):
    path = fill(endpoint.path, ids)
    plain = admin.get(path)
    for query in ("colour=red", "%00=1", "=", "&&&", "page_=0", "PAGE=0", "%ED%A0%80=%FF", "a[]=1&a[]=2", "per_page%00=500"):
        response = admin.get(f"{path}?{query}")
        assert (response.status_code, response.data) == (200, plain.data), query


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("path", paths_for_bad_ids())
def test_bad_id_in_a_path_is_404(method, path, admin, ids, unchanged):
    wrong = []
    with unchanged():
        for bad_id in BAD_PATH_IDS:
            body = {"json": {}} if method == "PUT" else {}
            response = admin.open(method, fill(path, ids | {"bad_id": bad_id}), **body)
            allowed = (404, 405) if response.status_code == 405 and "Allow" in response.headers else (404,)
            wrong += [(bad_id[:40], fault) for fault in faults_of(response, allowed)]
    assert wrong == []


def test_chunked_body_of_two_mebibytes_is_413(admin, unchanged):
    """A chunked body has no length in advance; its valid beginning must not be taken for the whole body."""
    stream = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    good = encode({"name": "Pad", "price": 5})
    with unchanged():
        sent = BytesIO(good + b" " * 2**21)
        response = admin.post("/inventory", headers=JSON, input_stream=sent, environ_overrides=stream)
        assert faults_of(response, (413,)) == []
    response = admin.post("/inventory", headers=JSON, input_stream=BytesIO(good), environ_overrides=stream)
    assert (response.status_code, response.json["name"]) == (201, "Pad")


def test_bad_login_is_refused_if_logins_are_limited(app, anyone, monkeypatch, unchanged):
    """The rate limit reads the account from the body before the schema validates it."""
    monkeypatch.setitem(app.config, "LIMIT_LOGIN", rate_limits("100000 per minute"))
    with unchanged():
        for endpoint in WITH_BODY:
            for case in cases_of(endpoint) if endpoint.path.endswith("/login") else ():
                response = anyone.post(endpoint.path, data=case.body, content_type=case.media_type)
                assert faults_of(response, case.statuses, case.field) == [], case.name


def test_id_of_another_kind_of_record_in_a_body_is_422(admin, make, ids, unchanged):
    mechanic, part = max(make.mechanic().id for _ in range(9)), ids["part_id"]
    body = {"service_date": "2026-11-24", "description": "Brakes", "vin": "V"}
    with unchanged():
        response = admin.post("/tickets", json=body | {"customer_id": mechanic + 1000})
        assert faults_of(response, (422,), "customer_id") == []
        crew = admin.put(f"/tickets/{ids['ticket_id']}/mechanics", json={"add_mechanic_ids": [mechanic, mechanic + 1000]})
        assert faults_of(crew, (422,), "add_mechanic_ids") == []
        lines = [{"inventory_id": part}, {"inventory_id": part + 1000}]
        parts = admin.put(f"/tickets/{ids['ticket_id']}/inventory", json={"add_parts": lines})
        assert faults_of(parts, (422,), "add_parts.1.inventory_id") == []


def test_id_of_another_customer_is_refused_like_an_unknown_one(customer, ids, unchanged):
    """404 with the same body: the response does not show that the id exists."""
    with unchanged():
        for endpoint in ENDPOINTS:
            if not endpoint.owned:
                continue
            body = {"json": {"name": "Mine"}} if endpoint.method in ("PUT", "PATCH") else {}
            other = customer.open(endpoint.method, fill(endpoint.path, ids), **body)
            unknown = customer.open(endpoint.method, fill(endpoint.path, 2_000_000_000), **body)
            assert faults_of(other, (404,)) == []
            assert other.data == unknown.data


def test_ten_thousand_unknown_fields_give_a_short_response(admin, unchanged):
    with unchanged():
        response = admin.post("/inventory", json={f"field{number}": number for number in range(10_000)})
        assert faults_of(response, (422,)) == []
        assert len(response.data) < 20_000


# ---------------------------------------------------------------- random input
SURROGATES = st.characters(codec=None, categories=None)
ANY_TEXT = st.text(SURROGATES, max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT
VALUES = st.recursive(
    SCALARS, lambda each: st.lists(each, max_size=4) | st.dictionaries(ANY_TEXT, each, max_size=4), max_leaves=8
)


@pytest.fixture
def send(people, ids, left):
    """Send a body to an endpoint. A refusal must be a problem that changes nothing; an accepted body must not fail."""

    def send_body(endpoint, body):
        before = left.everything()
        data = fill_body(body, ids)
        response = sender(endpoint, people).open(endpoint.method, fill(endpoint.path, ids), data=data, headers=JSON)
        assert response.status_code < 500, response.text
        if response.status_code >= 400:
            assert faults_of(response, (400, 401, 409, 413, 422)) == []
            assert left.everything() == before

    return send_body


@each_with_body
def test_random_json_never_fails(endpoint, send):
    fields = st.sampled_from([*endpoint.body.bad, *endpoint.body.read_only])

    @fuzzed
    @given(st.dictionaries(fields | ANY_TEXT, VALUES | st.integers(-1, 3), max_size=5), st.booleans())
    def run(values, with_example):
        send(endpoint, encode((endpoint.body.example if with_example else {}) | values))

    run()


@each_with_body
def test_random_bytes_never_fail(endpoint, send):
    """Random bytes alone, and in the middle of a good body."""
    good = encode(endpoint.body.example)

    @fuzzed
    @given(st.binary(max_size=60), st.integers(0, len(good)), st.integers(0, 8))
    def run(noise, start, removed):
        send(endpoint, noise)
        send(endpoint, good[:start] + noise + good[start + removed :])

    run()


@each_list
def test_random_queries_never_fail(endpoint, admin, ids, unchanged):
    names = st.sampled_from(endpoint.parameters)

    @fuzzed
    @given(st.dictionaries(names, st.text(max_size=8) | st.integers(-5, 10**20).map(str), max_size=4))
    def run(query):
        response = admin.get(fill(endpoint.path, ids), query_string=query)
        assert response.status_code == 200 or faults_of(response, (422,)) == []

    with unchanged():
        run()
