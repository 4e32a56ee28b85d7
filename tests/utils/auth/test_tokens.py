"""Tokens: which are good, and what their refusal says."""

import base64
import json
import time

import jwt
import pytest

from app.utils.auth import tokens
from tests.conftest import ENVIRONMENT

KEY = ENVIRONMENT["SECRET_KEY"]
ABSENT = object()


@pytest.fixture
def claims(customer):
    """What a good token of a customer says."""
    return jwt.decode(customer.token, KEY, algorithms=["HS256"], audience=tokens.AUDIENCE)


@pytest.fixture
def forged(customer, claims):
    """A token that says something else: ``forged(ver=2)``; signed as ours, unless said otherwise."""

    def forge(*, key=KEY, algorithm="HS256", headers=None, **said):
        said = {name: value for name, value in (claims | said).items() if value is not ABSENT}
        return jwt.encode(said, key, algorithm=algorithm, headers=headers)

    return forge


@pytest.fixture
def shows(anyone, customer):
    """Ask for the customer's own record with the text of an Authorization header."""

    def ask(header):
        return anyone.get(f"/customers/{customer.id}", headers={} if header is None else {"Authorization": header})

    return ask


@pytest.fixture
def refused(shows):
    """What all refusals have in common: 401, how to sign in, the shape of an error, and nothing else."""

    def check(header):
        answer = shows(header)
        assert answer.status_code == 401, header
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.mimetype == "application/problem+json"
        assert list(answer.json) == ["type", "title", "status", "detail"]
        assert "ETag" not in answer.headers
        return answer

    return check


# ---------------------------------------------------------------- claims
def test_a_token_says_who_and_until_when_and_nothing_personal(customer, claims):
    assert set(claims) == {"sub", "ver", "iat", "exp", "iss", "aud", "jti"}
    assert claims["sub"] == f"customer:{customer.id}"
    assert claims["exp"] - claims["iat"] == 3600
    assert jwt.get_unverified_header(customer.token) == {"alg": "HS256", "typ": "JWT"}


def test_a_token_that_says_all_of_it_is_good(shows, forged):
    assert shows(f"Bearer {forged()}").status_code == 200


@pytest.mark.parametrize("claim", ["sub", "ver", "iat", "exp", "iss", "aud", "jti"])
def test_a_token_must_say_all_of_it(refused, forged, claim):
    refused(f"Bearer {forged(**{claim: ABSENT})}")


@pytest.mark.parametrize(
    "said",
    [
        {"iss": "another shop"},
        {"iss": ""},
        {"aud": "another shop"},
        {"aud": ["another shop", "a third"]},
        {"aud": []},
        {"aud": None},
        {"exp": "soon"},
        {"exp": None},
        {"iat": "lately"},
        {"jti": None},
        {"ver": 0},
        {"ver": 2},
        {"ver": "1"},
        {"ver": True},
        {"ver": 1.0},
        {"ver": None},
        {"ver": [1]},
        {"ver": 10**30},
    ],
    ids=str,
)
def test_a_token_that_says_something_else_is_refused(refused, forged, said):
    refused(f"Bearer {forged(**said)}")


@pytest.mark.parametrize(
    "subject",
    [
        *["", ":", "customer", "customer:", ":{id}", "{id}", "{id}:customer", "customer:{id}:", "customer:{id}:{id}"],
        *["customer:0", "customer:-{id}", "customer:+{id}", "customer: {id}", "customer:{id} ", "customer:0{id}"],
        *["customer:{id}.0", "customer:{id}_0", "customer:x", "Customer:{id}", "admin:{id}", "staff:{id}", "mechanic:999999"],
        *["customer:999999", f"customer:{2**31}", f"customer:{10**10}", f"customer:{10**30}", f"customer:{'9' * 5000}"],
        *["customer:\u0661", "customer:\uff11", "customer:{id}\n", "customer:{id}\x00", None, 1, True, ["customer:{id}"]],
    ],
    ids=lambda subject: repr(subject)[:40],
)
def test_a_token_with_an_odd_subject_is_refused(refused, forged, customer, subject):
    """Even one that is signed with our key is a 401 and never a 5xx, and no two subjects are the same account."""
    if isinstance(subject, str):
        subject = subject.replace("{id}", str(customer.id))
        token = forged(sub=subject)
    else:  # PyJWT signs no such subject itself.
        token = signed({"alg": "HS256", "typ": "JWT"}, {**decoded(forged()), "sub": subject})
    refused(f"Bearer {token}")


def test_a_mechanics_token_is_no_customers_of_the_same_id(forged, shows, refused, customer, make):
    """Customer 7 is not mechanic 7: the kind is a part of the subject."""
    refused(f"Bearer {forged(sub=f'mechanic:{customer.id + 1000}')}")
    assert shows(f"Bearer {make.customer().token}").status_code == 404


# ---------------------------------------------------------------- times
@pytest.mark.parametrize(("ago", "status"), [(30, 401), (12, 401), (3, 200), (-30, 200)])
def test_a_token_ends_with_its_time_and_ten_seconds_of_leeway(shows, forged, ago, status):
    now = int(time.time())
    assert shows(f"Bearer {forged(iat=now - 3600, exp=now - ago)}").status_code == status


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize(("ahead", "status"), [(60, 401), (5, 200)])
def test_a_token_of_the_future_is_refused_beyond_the_leeway(shows, forged, claim, ahead, status):
    assert shows(f"Bearer {forged(**{claim: int(time.time()) + ahead})}").status_code == status


# ---------------------------------------------------------------- signatures
def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed(header, payload):
    """A token of any header and payload, signed with our key."""
    said = f"{part(header)}.{part(payload)}"
    mark = jwt.get_algorithm_by_name("HS256").sign(said.encode(), KEY.encode())
    return f"{said}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


def decoded(token):
    return jwt.decode(token, options={"verify_signature": False})


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "HS512", "RS256", None, 1, ["HS256"]], ids=repr)
def test_no_algorithm_but_hs256_is_believed(refused, forged, algorithm):
    """`alg: none` above all (RFC 8725); with our signature, without one, and with an empty one."""
    header, payload = part({"alg": algorithm, "typ": "JWT"}), part(decoded(forged()))
    refused(f"Bearer {header}.{payload}.")
    refused(f"Bearer {header}.{payload}")
    refused(f"Bearer {header}.{payload}.{forged().rpartition('.')[2]}")
    refused(f"Bearer {signed({'alg': algorithm}, decoded(forged()))}")


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_our_key_under_another_algorithm_is_refused(refused, forged, algorithm):
    refused(f"Bearer {forged(algorithm=algorithm, key=KEY * 2)}")


def test_another_key_is_refused(refused, forged):
    refused(f"Bearer {forged(key=KEY + ' ')}")
    refused(f"Bearer {forged(key='x' * 64)}")


def test_a_key_of_the_tokens_own_is_not_looked_at(refused, forged):
    """`jwk`, `jku` and `kid` of a header name a key that its maker chose."""
    own = "x" * 64
    headers = {"kid": "/dev/null", "jku": "https://example.com/keys", "jwk": {"kty": "oct", "k": "eHg"}}
    refused(f"Bearer {forged(key=own, headers=headers)}")


def test_a_payload_that_was_changed_is_refused(refused, forged, customer):
    header, _, mark = forged().split(".")
    refused(f"Bearer {header}.{part(decoded(forged(jti='another')))}.{mark}")
    refused(f"Bearer {header}.{part(decoded(forged(sub='mechanic:1')))}.{mark}")


# ---------------------------------------------------------------- the header
@pytest.mark.parametrize(
    "header",
    [
        *[None, "", " ", "Bearer", "Bearer ", "Bearer  ", "{token}", "Basic {token}", "Bearer{token}", "Token {token}"],
        *[
            "Bearer {token} x",
            "Bearer {token},{token}",
            "Bearer x",
            "Bearer a.b.c",
            "Bearer ...",
            "Bearer \u00e9.\u00e9.\u00e9",
        ],
        *["Bearer null", "Bearer {token}.", 'Bearer "{token}"', "Basic YWRtaW46YWRtaW4=", "Bearer Bearer {token}"],
    ],
    ids=repr,
)
def test_a_header_that_holds_no_token_is_401(refused, customer, header):
    refused(header if header is None else header.replace("{token}", customer.token))


@pytest.mark.parametrize(
    "text", ["[" * 3000, '{"alg":' * 3000, "7", "null", '"x"', "", "{", "\ud800".encode("utf-8", "surrogatepass")]
)
def test_a_token_whose_header_is_no_header_is_401(refused, text):
    data = text if isinstance(text, bytes) else text.encode()
    head = base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    refused(f"Bearer {head}.e30.eA")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
def test_the_scheme_counts_in_any_case(shows, customer, scheme):
    """RFC 9110, section 11.1."""
    assert shows(f"{scheme} {customer.token}").status_code == 200


@pytest.mark.parametrize("name", ["token", "access_token", "jwt", "Authorization"])
def test_a_token_counts_in_no_other_place(anyone, customer, name):
    """An address ends up in logs, and a cookie is sent by any page (RFC 6750, section 2.3)."""
    path = f"/customers/{customer.id}"
    assert anyone.get(path, query_string={name: customer.token}).status_code == 401
    assert anyone.get(path, headers={"Cookie": f"{name}={customer.token}"}).status_code == 401


def test_a_bad_token_stops_nobody_where_anyone_may_go(anyone):
    """Who was signed out must be able to sign in again."""
    for path in ("/", "/health/live", "/openapi.json"):
        assert anyone.get(path, headers={"Authorization": "Bearer x"}).status_code == 200
    answer = anyone.post("/customers/login", {}, headers={"Authorization": "Bearer x"})
    assert answer.status_code == 422
