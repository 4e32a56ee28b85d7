"""The errors that a client receives. ``api/problems.py`` turns them into ``problem+json`` (RFC 9457)."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self


class Problem(Exception):
    """An error with a status, a sentence for people, and optional members of the body."""

    status = 400
    detail = "The request can't be understood."
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, detail: str | None = None, **members: Any) -> None:
        super().__init__(detail or self.detail)
        self.detail = detail or self.detail
        self.members = members


class MalformedBody(Problem):
    """The body is not JSON, or is ambiguous JSON."""


class Unauthorized(Problem):
    """The request has no valid token (RFC 6750)."""

    status = 401
    detail = "A valid bearer token is required."
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": "Bearer"}


class Forbidden(Problem):
    """The role of the caller may not do this."""

    status = 403
    detail = "Your role may not do this."


class NotFound(Problem):
    """The record does not exist, or the caller may not see it: the response is the same."""

    status = 404
    detail = "There is no such record."


class Conflict(Problem):
    """The request is valid, but conflicts with the state of the shop. ``code`` names the conflict for programs."""

    status = 409
    code: ClassVar[str]

    def __init__(self, detail: str | None = None, **members: Any) -> None:
        super().__init__(detail, code=self.code, **members)

    @classmethod
    def example(cls) -> Self:
        """Return a conflict of this kind for the OpenAPI document."""
        return cls()


class PreconditionFailed(Problem):
    """The record has changed since the ETag in ``If-Match`` (RFC 9110, section 13.1.1)."""

    status = 412
    detail = "The record has changed since you read it; read it again."


class WrongMediaType(Problem):
    """The body is not ``application/json``."""

    status = 415
    detail = "The body must be application/json."


class EncodedBody(WrongMediaType):
    """The body is compressed (RFC 9110, section 12.5.3)."""

    detail = "The body must be sent as it is, without Content-Encoding."
    headers: ClassVar[dict[str, str]] = {"Accept-Encoding": "identity"}


class Invalid(Problem):
    """Fields of the request can't be accepted. ``errors`` maps a field to a message or a list of messages."""

    status = 422
    detail = "The request has fields that can't be accepted."

    def __init__(self, errors: Mapping[str, str | list[str]], detail: str | None = None) -> None:
        lists = {name: [text] if isinstance(text, str) else text for name, text in errors.items()}
        super().__init__(detail, errors=lists)


class TooManyRequests(Problem):
    """A rate limit is reached (RFC 6585)."""

    status = 429
    detail = "The limit for this request is reached; try again later."


class Unavailable(Problem):
    """The shop can't respond at the moment. Nothing was changed."""

    status = 503
    detail = "The shop is busy or a part of it is down; try again shortly."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}
