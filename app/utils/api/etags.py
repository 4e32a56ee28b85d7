"""Conditional requests (RFC 9110, section 13): ETags, 304 and 412.

An ETag is a hash of the response body: a ticket's ETag changes with the name of a part on the ticket, too. ``If-Match``
is checked inside the transaction, after the record is locked.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from flask import Request, Response
from marshmallow import Schema
from sqlalchemy import Table

from app.utils.api.strict_json import loads
from app.utils.context import current_request, current_shop, current_state
from app.utils.db.statements import lock_row
from app.utils.errors import Invalid, PreconditionFailed

NO_STORE = {"Cache-Control": "no-store"}  # The header of a response that no cache may keep, and that has no ETag: a token.


def etag_of(body: bytes) -> str:
    return blake2b(body, digest_size=12).hexdigest()


def add_etag(response: Response) -> None:
    """Add the ETag and ``Cache-Control`` to a record or a list."""
    headers = response.headers
    if response.status_code in (200, 201) and response.mimetype == "application/json" and "Cache-Control" not in headers:
        headers.add("Cache-Control", "private, no-cache")
        if "ETag" not in headers:
            response.set_etag(etag_of(response.get_data()))


def make_conditional(response: Response, request: Request) -> None:
    """Add the ETag, and turn the response into a 304 if ``If-None-Match`` names its ETag."""
    add_etag(response)
    if "HTTP_IF_NONE_MATCH" in request.environ and response.status_code == 200 and "ETag" in response.headers:
        response.make_conditional(request)


def lock_if_match(table: Table, record_id: int, schema: type[Schema], read: Callable[[int], Any], **values: Any) -> None:
    """Lock a record that is to be changed, and set ``values``. Raise NotFound.

    Raise PreconditionFailed if the request has an ``If-Match`` that is not the ETag of the locked record, or Invalid if it
    sends back a field that can't be changed with another value than the record's."""
    request, read_only = current_request(), current_state().read_only or {}
    if not request.headers.get("If-Match") and not read_only:
        lock_row(table, record_id, **values)
        return
    lock_row(table, record_id)
    body = current_shop().json.encode(schema().dump(read(record_id)))  # type: ignore[attr-defined]
    # RFC 9110 wants strong ETags here. But a proxy that compresses makes them weak, and the record is still the same.
    if request.headers.get("If-Match") and not request.if_match.contains_weak(etag_of(body)):
        raise PreconditionFailed
    record = loads(body)
    if changed := {name for name, value in read_only.items() if name not in record or not is_same_json(record[name], value)}:
        raise Invalid(dict.fromkeys(sorted(changed), "can't be changed"))
    if values:
        lock_row(table, record_id, **values)


def is_same_json(shown: Any, sent: Any) -> bool:
    """Return whether two JSON values are the same. Python takes ``True`` for 1."""
    return bool(shown == sent) and isinstance(shown, bool) == isinstance(sent, bool)
