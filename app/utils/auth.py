"""Who calls, and what they may do: tokens and the whole access policy.

A token is a JWT (RFC 7519, HS256 alone as RFC 8725 advises) that names an account and the version of its
credentials. Each request looks whether the account still stands at that version. The look-up is remembered for
less than a second in each process, and forgotten at once where this process changes the account.
"""

import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import jwt
from flask import Flask, Request, current_app, g
from flask.ctx import _AppCtxGlobals
from sqlalchemy import bindparam, literal, select

from app.models import MAX_ID, customers, mechanics
from app.utils.database import after_commit, fetch_one
from app.utils.errors import Forbidden, NotFound, Unauthorized
from app.utils.lean import app_itself
from app.utils.prepared import Prepared

ISSUER = AUDIENCE = "mymechanicshop"
LEEWAY = 10
"""Seconds by which two clocks may differ."""
REMEMBERED = 0.9
"""Seconds for which an account is believed to be as it was; the contract allows one."""
MOST_REMEMBERED = 10_000
STAFF = ("mechanic", "admin")
EVERYONE = ("customer", *STAFF)

DOCUMENTATION = ("api-docs.openapi_json", "swagger_ui.show")
"""Views of libraries, which can't declare it themselves: they are for anyone."""

View = TypeVar("View", bound=Callable[..., Any])

ACCOUNTS = {
    "customer": select(customers.c.id, customers.c.name, customers.c.token_version, literal("customer").label("role")).where(
        customers.c.deleted_at.is_(None)
    ),
    "mechanic": select(mechanics.c.id, mechanics.c.name, mechanics.c.token_version, mechanics.c.role).where(
        mechanics.c.deleted_at.is_(None)
    ),
}
BY_ID = {
    "customer": Prepared(ACCOUNTS["customer"].where(customers.c.id == bindparam("account_id"))),
    "mechanic": Prepared(ACCOUNTS["mechanic"].where(mechanics.c.id == bindparam("account_id"))),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """The account that a request comes from. ``kind`` is the table it stands in, ``customer`` or ``mechanic``."""

    kind: str
    id: int
    name: str
    role: str

    @property
    def is_staff(self) -> bool:
        return self.kind == "mechanic"

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.id}"


# ---------------------------------------------------------------- tokens
def make_token(kind: str, account_id: int, token_version: int) -> dict[str, Any]:
    """What a login answers: a token that lives for ``TOKEN_MINUTES`` and how to use it (RFC 6750)."""
    lifetime = current_app.config["TOKEN_MINUTES"] * 60
    issued = int(time.time())
    claims = {
        "sub": f"{kind}:{account_id}",
        "ver": token_version,
        "iat": issued,
        "exp": issued + lifetime,
        "iss": ISSUER,
        "aud": AUDIENCE,
        "jti": uuid.uuid4().hex,
    }
    token = jwt.encode(claims, current_app.config["SECRET_KEY"], algorithm="HS256")
    return {
        "status": "success",
        "message": "You are signed in.",
        "token": token,
        "token_type": "Bearer",
        "expires_in": lifetime,
    }


def signing_keys() -> tuple[str, ...]:
    """The secrets of this shop: the one that signs, and then the others whose signatures are still good."""
    return (current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"])


SUBJECT = re.compile(r"(?P<kind>customer|mechanic):(?P<id>[1-9][0-9]{0,9})")
DECODER = jwt.PyJWT({"require": ["exp", "iat", "sub", "iss", "aud", "jti"], "enforce_minimum_key_length": True})


# ---------------------------------------------------------------- accounts
class Accounts:
    """The callers whom this process has looked at in the last second, each under the very token that was verified."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[float, Caller]] = {}
        self.changes = 0

    def find(self, token: str) -> Caller:
        """The caller whom a token stands for now, or did less than a second ago; raise Unauthorized."""
        expires, caller = self.known.get(token, (0.0, None))
        asked = time.monotonic()
        if caller is not None and expires > asked:
            return caller
        changes = self.changes
        caller, lifetime = read_token(token)
        if changes == self.changes:  # Else the account may be from before a change that this process made meanwhile.
            if len(self.known) >= MOST_REMEMBERED:
                self.known.clear()
            self.known[token] = (asked + min(REMEMBERED, lifetime), caller)
        return caller

    def forget(self) -> None:
        """Look again next time: an account has changed."""
        self.changes += 1
        self.known.clear()


def read_token(token: str) -> tuple[Caller, float]:
    """The caller whom a token stands for, and the seconds that it will still be good; raise Unauthorized where it is
    forged, too old or revoked."""
    claims = verified(token)
    subject, version = SUBJECT.fullmatch(claims["sub"]), claims.get("ver")
    if subject is None or int(subject["id"]) > MAX_ID or type(version) is not int:
        raise Unauthorized
    kind = subject["kind"]
    row = fetch_one(BY_ID[kind], {"account_id": int(subject["id"])})
    if row is None or row.token_version != version:
        raise Unauthorized("The token is no longer good; sign in again.")
    return Caller(kind, row.id, row.name, row.role), claims["exp"] + LEEWAY - time.time()


def verified(token: str) -> dict[str, Any]:
    """What a token says, where one of the shop's secrets has signed it and its time is now; raise Unauthorized."""
    for key in signing_keys():
        try:
            return DECODER.decode(token, key, algorithms=["HS256"], audience=AUDIENCE, issuer=ISSUER, leeway=LEEWAY)
        except jwt.InvalidSignatureError:
            continue
        except (jwt.InvalidTokenError, ValueError):
            break
    raise Unauthorized


def accounts() -> Accounts:
    found: Accounts = app_itself().extensions["accounts"]
    return found


def account_changed() -> None:
    """Call in the transaction that changes an account: from its commit on, this process sees it as it is."""
    after_commit(accounts().forget)


# ---------------------------------------------------------------- the policy
def allow(*roles: str) -> Callable[[View], View]:
    """Declare who may call a view: any of ``customer``, ``mechanic``, ``admin``; or ``anyone``, signed in or not.

    A view that declares nothing is refused to all."""

    def declare(view: View) -> View:
        view.allowed_roles = frozenset(roles)  # type: ignore[attr-defined]
        view._apidoc = {**getattr(view, "_apidoc", {}), "allowed": roles}  # type: ignore[attr-defined]
        return view

    return declare


def roles_of(app: Flask, endpoint: str) -> frozenset[str]:
    """Who may call an endpoint; nobody where its view declares nothing."""
    roles: frozenset[str] | None = getattr(app.view_functions[endpoint], "allowed_roles", None)
    if roles is None:
        return frozenset({"anyone"} if endpoint in DOCUMENTATION else ())
    return roles


def identify(asked: Request, known: _AppCtxGlobals) -> None:
    """Before each request: who calls? A bad token refuses nothing yet, since some views are for anyone."""
    known.caller, known.refusal = None, None
    scheme, _, token = asked.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "bearer":
        try:
            known.caller = accounts().find(token.strip())
        except Unauthorized as error:
            known.refusal = error
    known.limit_key = known.caller.key if known.caller else f"address:{asked.remote_addr}"


def require_access(asked: Request, known: _AppCtxGlobals) -> None:
    """Before each request: may they? Access is denied unless the view declares it."""
    if asked.endpoint is None or asked.method == "OPTIONS":
        return  # Flask answers 404, 405 or the methods itself.
    roles = roles_of(app_itself(), asked.endpoint)
    if "anyone" in roles:
        return
    if known.caller is None:
        raise known.refusal or Unauthorized
    if known.caller.role not in roles:
        raise Forbidden


def caller() -> Caller:
    """The account that is signed in; only for views that demand one."""
    found: Caller = g.caller
    return found


def require_owner(customer_id: int) -> None:
    """Staff may see any customer's record, a customer their own; another's is not there for them."""
    if not caller().is_staff and caller().id != customer_id:
        raise NotFound


def init_app(app: Flask) -> None:
    app.extensions["accounts"] = Accounts()
