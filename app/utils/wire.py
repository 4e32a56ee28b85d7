"""JSON as it stands on the wire: read strictly, written by orjson.

Python's own reader takes ``NaN``, a key twice, UTF-16 and any depth; here each is malformed (RFC 8259, I-JSON). A
number with a fraction becomes a Decimal, so that money is exact and ``1.0`` is no whole number.
"""

import json
import re
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson
from flask import Request
from flask.json.provider import DefaultJSONProvider
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app.utils.errors import Malformed, WrongMediaType
from app.utils.lean import request_itself

MOST_LEVELS = 20
"""How deep a body may nest; no schema needs more than three."""
MOST_REMEMBERED, LONGEST_REMEMBERED = 1000, 200
"""Queries whose meaning is remembered, and the bytes that one may have."""


def refuse(text: str) -> Any:
    raise Malformed(f"{text} is no JSON.")


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys each stand once."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("An object has a key twice.")
    return found


def fraction(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise Malformed("A number is too large.") from None


DECODER = json.JSONDecoder(object_pairs_hook=once, parse_constant=refuse, parse_float=fraction)


def depth(text: str) -> int:
    """How many objects and arrays stand inside each other at the deepest place."""
    deepest = level = 0
    for bracket in re.sub(r'"(?:[^"\\]|\\.)*"', "", text):
        if bracket in "[{":
            level += 1
            deepest = max(deepest, level)
        elif bracket in "]}":
            level -= 1
    return deepest


def read(body: bytes) -> Any:
    """The value of a JSON text; raise Malformed."""
    try:
        text = body.decode("utf-8")
        if text.count("[") + text.count("{") > MOST_LEVELS and depth(text) > MOST_LEVELS:
            raise Malformed(f"The body nests deeper than {MOST_LEVELS} levels.")
        return DECODER.decode(text)
    except UnicodeDecodeError:
        raise Malformed("The body is not UTF-8.") from None
    except RecursionError:
        raise Malformed(f"The body nests deeper than {MOST_LEVELS} levels.") from None
    except ValueError:
        raise Malformed("The body is not JSON.") from None


def take_in(asked: Request) -> None:
    """Read what is left of a request. A server closes the connection of a body that nobody has read, and a client that still
    sends it, or asks again over that connection, would hear of that instead of an answer."""
    if asked.environ.get("CONTENT_LENGTH"):
        with suppress(HTTPException, OSError):  # It is too large, or who sends it has gone.
            asked.get_data()


class StrictParser(FlaskParser):
    """webargs' parser over :func:`read`. Anything that is no object is malformed. What a short query says to a schema is
    remembered: front ends ask the same again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.queries: dict[tuple[Any, bytes], dict[str, Any]] = {}

    def parse(self, argmap: Any, req: Request | None = None, *, location: str | None = None, **kwargs: Any) -> Any:
        asked = request_itself().query_string
        if location != "query" or len(asked) > LONGEST_REMEMBERED:
            return super().parse(argmap, req, location=location, **kwargs)
        said = self.queries.get((argmap, asked))
        if said is None:
            said = super().parse(argmap, req, location=location, **kwargs)
            if len(self.queries) >= MOST_REMEMBERED:
                self.queries.clear()
            self.queries[argmap, asked] = said
        return dict(said)

    def load_json(self, req: Request, schema: Any) -> Any:
        if req.mimetype != "application/json":
            raise WrongMediaType
        body = req.get_data(cache=True)
        if req.content_length is None and len(body) == req.max_content_length:
            raise RequestEntityTooLarge  # Of a body without a length werkzeug keeps what fits, and drops the rest.
        value = read(body)
        if not isinstance(value, dict):
            raise Malformed("The body must be a JSON object.")
        return value


class Provider(DefaultJSONProvider):
    """Answers written by orjson: times without a zone are UTC and end in ``Z``."""

    OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
    sort_keys = False

    def encode(self, obj: Any) -> bytes:
        return orjson.dumps(obj, option=self.OPTIONS)

    def response(self, *args: Any, **kwargs: Any) -> Any:
        body = self.encode(self._prepare_response_obj(args, kwargs))
        return self._app.response_class(body, mimetype="application/json")  # type: ignore[arg-type]
