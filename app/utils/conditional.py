"""Conditional requests (RFC 9110, section 13): an ETag on every record and list, 304, and 412.

An ETag is a hash of the answer's bytes, so that it changes with whatever the answer shows: a ticket's with the name
of a part on it, too. ``If-Match`` is checked inside the transaction, after the record is locked.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from flask import Request, Response, current_app, request
from marshmallow import Schema
from sqlalchemy import Table

from app.utils.database import lock
from app.utils.errors import Stale

NEVER_STORED = {"Cache-Control": "no-store"}
"""The header of an answer that no cache may keep, and that has no ETag: a token."""


def etag_of(body: bytes) -> str:
    return blake2b(body, digest_size=12).hexdigest()


def label(response: Response) -> None:
    """Give a record or list its ETag, and say who may keep it."""
    headers = response.headers
    if response.status_code in (200, 201) and response.mimetype == "application/json" and "Cache-Control" not in headers:
        headers.add("Cache-Control", "private, no-cache")
        if "ETag" not in headers:
            response.set_etag(etag_of(response.get_data()))


def tag(response: Response, asked: Request) -> None:
    """After each request: label its answer, and make it 304 for who holds it already."""
    label(response)
    if "HTTP_IF_NONE_MATCH" in asked.environ and response.status_code == 200 and "ETag" in response.headers:
        response.make_conditional(asked)


def lock_current(table: Table, record_id: int, schema: type[Schema], read: Callable[[int], Any], **values: Any) -> None:
    """Lock a record that is to be changed, and set ``values`` with it; raise NotFound. Raise Stale where the request
    has an ``If-Match`` that is not the ETag of the record as it stood when it was locked."""
    if not request.headers.get("If-Match"):
        lock(table, record_id, **values)
        return
    lock(table, record_id)
    body = current_app.json.encode(schema().dump(read(record_id)))  # type: ignore[attr-defined]
    if not request.if_match.contains(etag_of(body)):
        raise Stale
    lock(table, record_id, **values)
