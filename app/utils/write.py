"""``@write``: one decorator that makes a view a write. Its order is the same for every view:

1. The request is validated (``@blp.arguments``, outside), so an invalid request executes no statement.
2. A transaction begins, and the idempotency key is claimed. A replay ends here, with the stored response.
3. The limit of successes is checked.
4. The view runs, and its result is serialized.
5. The success is counted, and the response is stored under its key.
6. The transaction commits, and the after-commit callbacks run.

Returning commits, raising rolls back. A conflict with another transaction retries the whole.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, cast

from flask import Response
from marshmallow import Schema

from app.utils.api import idempotency
from app.utils.api.openapi import document
from app.utils.context import View, current_shop, current_state
from app.utils.db.transactions import run_in_transaction
from app.utils.errors import Conflict
from app.utils.limits.decorators import SuccessLimit


class Write:
    """Run a view in its transaction. ``@blp.response`` sets ``status`` and ``schema``."""

    def __init__(self, limit: SuccessLimit | None) -> None:
        self.limit = limit
        self.status = 200
        self.schema: Schema | None = None

    def run(self, view: Callable[[], Any], key: str | None) -> Response:
        """Run a view in the transaction that is open, and return its response."""
        owner = current_state().limit_key
        if key is not None and (replay := idempotency.claim(owner, key)) is not None:
            return replay
        if self.limit:
            self.limit.require_room()
        response = self.serialize(view())
        if self.limit:
            self.limit.count()
        if key is not None:
            idempotency.store(owner, key, response)
        return response

    def serialize(self, result: Any) -> Response:
        """Return the response for what a view returns: a record, or (record, headers); None for no body."""
        body, headers = result if isinstance(result, tuple) else (result, {})
        app = current_shop()
        if body is None:
            empty = app.response_class(status=self.status)
            del empty.headers["Content-Type"]
            return empty
        response: Any = app.json.response(self.schema.dump(body) if self.schema else body)
        response.status_code = self.status
        response.headers.extend(headers)
        return cast("Response", response)


def write(
    *, idempotent: bool = False, limit: SuccessLimit | None = None, conflicts: Sequence[type[Conflict]] = ()
) -> Callable[[View], View]:
    """Make a view a write: the innermost decorator, right above the function.

    ``idempotent`` accepts an ``Idempotency-Key``; ``limit`` limits the successes; ``conflicts`` are the errors with
    status 409 that the view raises, for the OpenAPI document."""

    def decorate(view: View) -> View:
        if "response" in getattr(view, "_apidoc", {}):
            raise TypeError(f"{view.__name__}: @write must stand right above the function, below @blp.response")
        writing = Write(limit)

        @wraps(view)
        def in_transaction(*args: Any, **kwargs: Any) -> Response:
            key = idempotency.requested_key() if idempotent else None
            return run_in_transaction(lambda: writing.run(lambda: view(*args, **kwargs), key), repeatable=key is not None)

        in_transaction.write = writing  # type: ignore[attr-defined]
        return document(in_transaction, idempotent=idempotent, conflicts=tuple(conflicts))  # type: ignore[return-value]

    return decorate
