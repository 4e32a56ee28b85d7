"""Tokens: which ones are accepted, and the response to the others."""

import base64
import json
import time

import jwt
import pytest

from app.utils.auth import tokens
from tests.support.environment import ENVIRONMENT

KEY = ENVIRONMENT["SECRET_KEY"]
ABSENT = object()


@pytest.fixture
def claims(customer):
    """Return the claims of a valid token of a customer."""
    return jwt.decode(customer.token, KEY, algorithms=["HS256"], audience=tokens.AUDIENCE)


@pytest.fixture
def forged(customer, claims):
    """Return a token with other claims: ``forged(ver=2)``, signed with our key by default."""

    def forge(*, key=KEY, algorithm="HS256", headers=None, **changes):
        payload = {name: value for name, value in (claims | changes).items() if value is not ABSENT}
        return jwt.encode(payload, key, algorithm=algorithm, headers=headers)

    return forge


@pytest.fixture
def request_with_header(anyone, customer):
    """Request the customer's own record with the text of an Authorization header."""

    def send(header):
        return anyone.get(f"/customers/{customer.id}", headers={} if header is None else {"Authorization": header})

    return send


@pytest.fixture
def assert_refused(request_with_header):
    """Check what all refusals have in common: 401, the scheme, an error body and nothing else."""

    def check(header):
        response = request_with_header(header)
        assert response.status_code == 401, header
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert response.mimetype == "application/problem+json"
        assert list(response.json) == ["type", "title", "status", "detail"]
        assert "ETag" not in response.headers
        return response

    return check


# ---------------------------------------------------------------- claims
def test_token_has_exactly_the_documented_claims(customer, claims):
    assert set(claims) == {"sub", "ver", "iat", "exp", "iss", "aud", "jti"}
    assert claims["sub"] == f"customer:{customer.id}"
    assert claims["exp"] - claims["iat"] == 3600
    assert jwt.get_unverified_header(customer.token) == {"alg": "HS256", "typ": "JWT"}


def test_token_with_all_claims_is_accepted(request_with_header, forged):
    assert request_with_header(f"Bearer {forged()}").status_code == 200


@pytest.mark.parametrize("claim", ["sub", "ver", "iat", "exp", "iss", "aud", "jti"])
def test_token_without_a_claim_is_refused(assert_refused, forged, claim):
    assert_refused(f"Bearer {forged(**{claim: ABSENT})}")


@pytest.mark.parametrize(
    "changes",
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
def test_token_with_a_wrong_claim_is_refused(assert_refused, forged, changes):
    assert_refused(f"Bearer {forged(**changes)}")


WRONG = ["soon", "9999999999", "", None, True, [], [9_999_999_999], {}, {"exp": 1}, 9_999_999_999.5, 1e308, 10**400, -1]
DEEP = "[" * 2000 + "]" * 2000


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf", "sub", "iss", "aud", "jti", "ver"])
def test_token_with_a_claim_of_a_wrong_type_is_refused(assert_refused, forged, claim):
    """Even one that is signed with our key: it may come from a script of the shop's own."""
    claims = decoded(forged())
    for wrong in WRONG:
        if not (claim == "jti" and isinstance(wrong, str)) and not (claim in ("iat", "nbf") and wrong == -1):
            assert_refused(f"Bearer {signed({'alg': 'HS256', 'typ': 'JWT'}, claims | {claim: wrong})}")
    for raw in ("Infinity", "NaN", "1e999", DEEP):
        body = json.dumps(claims | {claim: "raw"}).replace('"raw"', raw)
        assert_refused(f"Bearer {signed_text({'alg': 'HS256', 'typ': 'JWT'}, body)}")


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
def test_token_with_a_malformed_subject_is_refused(assert_refused, forged, customer, subject):
    """Even a token that is signed with our key gets 401 and never 5xx, and no two subjects name the same account."""
    if isinstance(subject, str):
        subject = subject.replace("{id}", str(customer.id))
        token = forged(sub=subject)
    else:  # PyJWT itself refuses to sign such a subject.
        token = signed({"alg": "HS256", "typ": "JWT"}, {**decoded(forged()), "sub": subject})
    assert_refused(f"Bearer {token}")


def test_subject_includes_the_kind_of_account(forged, request_with_header, assert_refused, customer, make):
    """Customer 7 is not mechanic 7."""
    assert_refused(f"Bearer {forged(sub=f'mechanic:{customer.id + 1000}')}")
    assert request_with_header(f"Bearer {make.customer().token}").status_code == 404


# ---------------------------------------------------------------- times
@pytest.mark.parametrize(("ago", "status"), [(30, 401), (12, 401), (3, 200), (-30, 200)])
def test_token_expires_after_ten_seconds_of_leeway(request_with_header, forged, ago, status):
    now = int(time.time())
    assert request_with_header(f"Bearer {forged(iat=now - 3600, exp=now - ago)}").status_code == status


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize(("ahead", "status"), [(60, 401), (5, 200)])
def test_token_from_the_future_is_refused_beyond_the_leeway(request_with_header, forged, claim, ahead, status):
    assert request_with_header(f"Bearer {forged(**{claim: int(time.time()) + ahead})}").status_code == status


# ---------------------------------------------------------------- signatures
def encode_part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed(header, payload):
    """Return a token of any header and payload, signed with our key."""
    return signed_text(header, json.dumps(payload))


def signed_text(header, payload):
    """Return a token of any header and any text as its payload, signed with our key."""
    signing_input = f"{encode_part(header)}.{base64.urlsafe_b64encode(payload.encode()).rstrip(b'=').decode()}"
    signature = jwt.get_algorithm_by_name("HS256").sign(signing_input.encode(), KEY.encode())
    return f"{signing_input}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def decoded(token):
    return jwt.decode(token, options={"verify_signature": False})


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "HS512", "RS256", None, 1, ["HS256"]], ids=repr)
def test_algorithm_other_than_hs256_is_refused(assert_refused, forged, algorithm):
    """Above all `alg: none` (RFC 8725): with our signature, without a signature, and with an empty one."""
    header, payload = encode_part({"alg": algorithm, "typ": "JWT"}), encode_part(decoded(forged()))
    assert_refused(f"Bearer {header}.{payload}.")
    assert_refused(f"Bearer {header}.{payload}")
    assert_refused(f"Bearer {header}.{payload}.{forged().rpartition('.')[2]}")
    assert_refused(f"Bearer {signed({'alg': algorithm}, decoded(forged()))}")


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_our_key_with_another_hmac_algorithm_is_refused(assert_refused, forged, algorithm):
    assert_refused(f"Bearer {forged(algorithm=algorithm, key=KEY * 2)}")


def test_token_signed_with_another_key_is_refused(assert_refused, forged):
    assert_refused(f"Bearer {forged(key=KEY + ' ')}")
    assert_refused(f"Bearer {forged(key='x' * 64)}")


def test_key_named_in_the_token_header_is_ignored(assert_refused, forged):
    """`jwk`, `jku` and `kid` in a header name a key that the sender of the token chose."""
    own = "x" * 64
    headers = {"kid": "/dev/null", "jku": "https://example.com/keys", "jwk": {"kty": "oct", "k": "eHg"}}
    assert_refused(f"Bearer {forged(key=own, headers=headers)}")


def test_changed_payload_is_refused(assert_refused, forged, customer):
    header, _, signature = forged().split(".")
    assert_refused(f"Bearer {header}.{encode_part(decoded(forged(jti='another')))}.{signature}")
    assert_refused(f"Bearer {header}.{encode_part(decoded(forged(sub='mechanic:1')))}.{signature}")


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
def test_authorization_header_without_a_token_is_401(assert_refused, customer, header):
    assert_refused(header if header is None else header.replace("{token}", customer.token))


@pytest.mark.parametrize(
    "text", ["[" * 3000, '{"alg":' * 3000, "7", "null", '"x"', "", "{", "\ud800".encode("utf-8", "surrogatepass")]
)
def test_token_with_a_malformed_header_is_401(assert_refused, text):
    data = text if isinstance(text, bytes) else text.encode()
    head = base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    assert_refused(f"Bearer {head}.e30.eA")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
def test_scheme_is_case_insensitive(request_with_header, customer, scheme):
    """RFC 9110, section 11.1."""
    assert request_with_header(f"{scheme} {customer.token}").status_code == 200


@pytest.mark.parametrize("name", ["token", "access_token", "jwt", "Authorization"])
def test_token_outside_the_authorization_header_is_ignored(anyone, customer, name):
    """A URL ends up in logs, and any page can make a browser send a cookie (RFC 6750, section 2.3)."""
    path = f"/customers/{customer.id}"
    assert anyone.get(path, query_string={name: customer.token}).status_code == 401
    assert anyone.get(path, headers={"Cookie": f"{name}={customer.token}"}).status_code == 401


def test_invalid_token_is_ignored_on_public_routes(anyone):
    """A client whose token was revoked must be able to log in again."""
    for path in ("/", "/health/live", "/openapi.json"):
        assert anyone.get(path, headers={"Authorization": "Bearer x"}).status_code == 200
    response = anyone.post("/customers/login", {}, headers={"Authorization": "Bearer x"})
    assert response.status_code == 422
