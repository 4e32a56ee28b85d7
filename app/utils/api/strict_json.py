"""JSON requests, read strictly, and JSON responses, written by orjson.

Python's own decoder takes ``NaN``, duplicate keys and any nesting depth; here each is malformed (RFC 8259, RFC 7493). A
number with a fraction becomes a Decimal, so that money is exact and ``1.0`` is not an integer.
"""

import json
import re
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from itertools import accumulate
from typing import Any

import orjson
from flask import Request, Response
from flask.json.provider import DefaultJSONProvider
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app.utils.api.fields import trim
from app.utils.context import current_request, current_shop
from app.utils.errors import EncodedBody, MalformedBody, WrongMediaType

MAX_DEPTH = 20  # The levels of objects and arrays that a body may have; no schema needs more than three.
BRACKETS = {"[": 1, "{": 1, "]": -1, "}": -1}
QUERY_CACHE_SIZE, QUERY_CACHE_BYTES = 1000, 200
"""The number of query strings that are cached after parsing, and the length of the longest one."""


def reject_constant(text: str) -> Any:
    """Raise MalformedBody for ``NaN`` and ``Infinity`` (RFC 8259, section 6)."""
    raise MalformedBody(f"{text} is no JSON.")


def reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object. Raise MalformedBody if a key occurs twice (RFC 7493, section 2.3)."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedBody("An object has a key twice.")
    return found


def parse_decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise MalformedBody("A number is too large.") from None


DECODER = json.JSONDecoder(object_pairs_hook=reject_duplicate_keys, parse_constant=reject_constant, parse_float=parse_decimal)


def nesting_depth(text: str) -> int:
    """Return the number of objects and arrays that contain each other at the deepest point."""
    outside_strings = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
    return max(accumulate(BRACKETS.get(character, 0) for character in outside_strings), default=0)


def loads(body: bytes) -> Any:
    """Return the value of a JSON text. Raise MalformedBody."""
    try:
        text = body.decode("utf-8-sig")  # PowerShell and some editors write a byte order mark, which may be ignored.
        if text.count("[") + text.count("{") > MAX_DEPTH and nesting_depth(text) > MAX_DEPTH:
            raise MalformedBody(f"The body nests deeper than {MAX_DEPTH} levels.")
        return DECODER.decode(text)
    except UnicodeDecodeError:
        raise MalformedBody("The body is not UTF-8.") from None
    except ValueError:
        raise MalformedBody("The body is not JSON.") from None


def drain_body(request: Request) -> None:
    """Read the rest of the body. Else the server closes the connection, and a client that still sends sees no response."""
    if request.environ.get("CONTENT_LENGTH"):
        with suppress(HTTPException, OSError):  # The body is too large, or the client has gone.
            request.get_data()


class StrictParser(FlaskParser):
    """webargs' parser over :func:`loads`, with a cache of parsed query strings: front ends repeat a few."""

    def __init__(self) -> None:
        super().__init__()
        self.query_cache: dict[tuple[Any, bytes], dict[str, Any]] = {}

    def parse(self, argmap: Any, req: Request | None = None, *, location: str | None = None, **kwargs: Any) -> Any:
        query_string = current_request().query_string
        if location != "query" or len(query_string) > QUERY_CACHE_BYTES:
            return super().parse(argmap, req, location=location, **kwargs)
        values = self.query_cache.get((argmap, query_string))
        if values is None:
            values = super().parse(argmap, req, location=location, **kwargs)
            if len(self.query_cache) >= QUERY_CACHE_SIZE:
                self.query_cache.clear()
            self.query_cache[argmap, query_string] = values
        return dict(values)

    def load_querystring(self, req: Request, schema: Any) -> Any:
        """Return the values of a query string. A blank one is left out: a form sends its empty fields, too."""
        return {name: value for name, value in req.args.items() if trim(value)}

    def load_json(self, req: Request, schema: Any) -> Any:
        """Return the object of a JSON body. Raise WrongMediaType or MalformedBody."""
        if req.mimetype != "application/json":
            raise WrongMediaType
        if req.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            raise EncodedBody
        body = req.get_data(cache=True)
        if req.content_length is None and len(body) == req.max_content_length:
            raise RequestEntityTooLarge  # Werkzeug truncates a body without a Content-Length.
        value = loads(body)
        if not isinstance(value, dict):
            raise MalformedBody("The body must be a JSON object.")
        return value


class OrjsonProvider(DefaultJSONProvider):
    """Flask's JSON provider on orjson. Times without a zone are UTC and end in ``Z``."""

    OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
    sort_keys = False

    def encode(self, value: Any) -> bytes:
        return orjson.dumps(value, option=self.OPTIONS)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return a JSON response. Takes one value, or keyword arguments as ``jsonify`` does."""
        value = args[0] if args else kwargs
        return current_shop().response_class(self.encode(value), mimetype="application/json")
