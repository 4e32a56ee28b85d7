"""Tokens: a JWT names an account and the version of its credentials (RFC 7519; HS256 alone, as RFC 8725 advises)."""

import re
import time
import uuid
from typing import Any

import jwt
from sqlalchemy import bindparam, select

from app.models import ACCOUNT_KINDS, MAX_ID, ROLES
from app.utils.context import Caller, current_shop, secret_keys
from app.utils.db.statements import fetch_one
from app.utils.errors import Unauthorized

ISSUER = AUDIENCE = "mymechanicshop"
LEEWAY = 10  # Seconds by which two clocks may differ.
SUBJECT = re.compile(r"(?P<kind>customer|mechanic):(?P<id>[1-9][0-9]{0,9})")
DECODER = jwt.PyJWT({"require": ["exp", "iat", "sub", "iss", "aud", "jti"], "enforce_minimum_key_length": True})
TYPES = {"exp": int, "iat": int, "nbf": int, "sub": str, "iss": str, "jti": str}
MAX_TIME = 2**53
ACCOUNTS = {
    kind: select(table.c.id, table.c.token_version, ROLES[table]).where(
        table.c.id == bindparam("account_id"), table.c.deleted_at.is_(None)
    )
    for table, kind in ACCOUNT_KINDS.items()
}


def make_token(kind: str, account_id: int, token_version: int) -> str:
    """Return a token that is valid for ``TOKEN_MINUTES``."""
    config = current_shop().config
    issued = int(time.time())
    claims = {"sub": f"{kind}:{account_id}", "ver": token_version, "iat": issued, "exp": issued + config["TOKEN_MINUTES"] * 60}
    claims |= {"iss": ISSUER, "aud": AUDIENCE, "jti": uuid.uuid4().hex}
    return jwt.encode(claims, config["SECRET_KEY"], algorithm="HS256")


def verify_token(token: str) -> tuple[Caller, float]:
    """Return the caller of a token, and for how many seconds the token is still valid.

    Raise Unauthorized if the token is forged, expired or revoked."""
    claims = decode(token)
    subject, version = SUBJECT.fullmatch(claims["sub"]), claims.get("ver")
    if subject is None or int(subject["id"]) > MAX_ID or type(version) is not int:
        raise Unauthorized
    account = fetch_one(ACCOUNTS[subject["kind"]], {"account_id": int(subject["id"])})
    if account is None or account.token_version != version:
        raise Unauthorized("The token has been revoked; sign in again.")
    return Caller(subject["kind"], account.id, account.role), claims["exp"] + LEEWAY - time.time()


def decode(token: str) -> dict[str, Any]:
    """Return the claims of a token that one of the shop's secrets has signed. Raise Unauthorized."""
    for secret in secret_keys():
        try:
            claims = DECODER.decode(token, secret, algorithms=["HS256"], audience=AUDIENCE, issuer=ISSUER, leeway=LEEWAY)
        except jwt.InvalidSignatureError:
            continue
        except (jwt.InvalidTokenError, ValueError, TypeError, ArithmeticError, RecursionError):
            break  # Also claims of a wrong type: PyJWT computes with some of them.
        if all(type(claims[name]) is kind for name, kind in TYPES.items() if name in claims) and claims["exp"] < MAX_TIME:
            return claims
        break
    raise Unauthorized
