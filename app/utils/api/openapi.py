"""The OpenAPI 3.1 document: what every operation shares, and what follows from the decorators of each.

The errors of an operation are derived from its decorators, so that the document can't miss one.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from flask import Flask
from werkzeug.routing import BaseConverter

from app.extensions import api
from app.models import MAX_ID
from app.utils.api.examples import SHARED_PROBLEMS, problem_examples
from app.utils.api.idempotency import InFlight
from app.utils.api.problems import MEDIA_TYPE, title
from app.utils.errors import Conflict, Problem, Unauthorized

View = TypeVar("View", bound=Callable[..., Any])
IF_MATCH = {"name": "If-Match", "in": "header", "schema": {"type": "string"}, "description": "ETag that must be current"}
IF_NONE_MATCH = IF_MATCH | {"name": "If-None-Match", "description": "ETag that the client holds already"}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "description": "Makes the request safe to repeat: with the same key and body it is done once, for 24 hours",
}
LIMIT_HEADERS = {
    name: {"schema": {"type": "integer"}, "description": text}
    for name, text in {
        "X-RateLimit-Limit": "Requests in the window",
        "X-RateLimit-Remaining": "Requests that are left",
        "X-RateLimit-Reset": "When the next request is possible, in seconds since 1970",
    }.items()
}
HEADERS = {
    "Idempotency-Replayed": {"schema": {"type": "string"}, "description": "`true` if this is the first answer again"},
    "ETag": {"schema": {"type": "string"}, "description": "Version of the answer"},
    "Location": {"schema": {"type": "string"}, "description": "Path of the new record"},
    "Link": {"schema": {"type": "string"}, "description": "Paths of other pages (RFC 8288)"},
    "X-Total-Count": {"schema": {"type": "integer"}, "description": "Number of records, if a page was asked for"},
    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait"},
    "WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer"},
}
ERROR_DESCRIPTIONS = {
    400: "The body is not JSON, or is ambiguous JSON.",
    401: "There is no valid bearer token.",
    403: "The role of the caller may not do this.",
    404: "There is no such record, or it is someone else's.",
    412: "The record has changed since the ETag in `If-Match`.",
    413: "The body is larger than 1 MiB.",
    415: "The body is not `application/json`.",
    422: "A field or parameter can't be accepted; `errors` names it.",
    429: "The limit is reached.",
    503: "The shop is busy or a part of it is down; nothing was changed.",
}
ERROR_HEADERS = {429: ["Retry-After"], 503: ["Retry-After"], 401: ["WWW-Authenticate"]}
BAD_CREDENTIALS = "The email or the password is wrong."
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The `token` that `POST /customers/login` and `POST /mechanics/login` answer with.",
}
INFO = {
    "description": "The backend of an auto repair shop: customers, mechanics, service tickets, "
    "and a parts inventory whose stock follows every ticket.",
    "license": {"name": "MIT", "identifier": "MIT"},
}


class RecordId(BaseConverter):
    """The id in a path: ASCII digits without leading zeros, at most the largest id of the tables. Else the path is a 404."""

    regex = r"[1-9][0-9]*"

    def to_python(self, value: str) -> int:
        """Return the id, or 0, which no record has, if the number is larger than any id."""
        return int(value) if len(value) <= len(str(MAX_ID)) and int(value) <= MAX_ID else 0


def document(view: View, **info: Any) -> View:
    """Attach facts about a view for :func:`complete_operation`."""
    # FRAGILE: flask-smorest: the library keeps what its decorators document in this attribute.
    view._apidoc = {**getattr(view, "_apidoc", {}), **info}  # type: ignore[attr-defined]
    return view


def issues_token(view: View) -> View:
    """Document that a view answers with a token, or 401."""
    return document(view, issues_token=True)


def streamed(view: View) -> View:
    """Document that a view streams its answer, which has no ETag."""
    return document(view, streamed=True)


def component_name(status: int) -> str:
    """Return the name of the shared response of a status."""
    return title(status).replace(" ", "")


def problem_response(status: int, text: str, examples: dict[str, Any]) -> dict[str, Any]:
    headers = {name: HEADERS[name] for name in ERROR_HEADERS.get(status, [])} | (LIMIT_HEADERS if status == 429 else {})
    return {
        "description": f"{title(status)}: {text}",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
        **({"headers": headers} if headers else {}),
    }


def conflict_response(conflicts: Iterable[type[Conflict]]) -> dict[str, Any]:
    """Return the 409 of an operation, from the exceptions that it raises."""
    examples: dict[str, Problem] = {kind.code.replace("_", " "): kind.example() for kind in conflicts}
    text = " ".join(f"`{kind.code}`: {kind.detail}" for kind in conflicts)
    return problem_response(409, text, problem_examples(409, examples))


def shared_errors(operation: dict[str, Any], info: dict[str, Any], method: str) -> set[int]:
    """Return the statuses of the errors that an operation shares with others."""
    errors = {429, 503}
    if "anyone" not in info.get("allowed", ()):
        errors |= {401, 403}
    if info.get("names_a_record"):
        errors |= {404}
    if "requestBody" in operation:
        errors |= {400, 413, 415, 422}
    if operation["parameters"]:
        errors |= {422}
    if method in ("put", "delete"):
        errors |= {412}
    return errors


def success_headers(status: int, info: dict[str, Any], parameters: list[Any]) -> list[str]:
    """Return the names of the headers of a success, without those of the limits."""
    is_list = any(each.get("name") == "per_page" for each in parameters if isinstance(each, dict))
    names = ["ETag"] if status != 204 and not {"issues_token", "streamed"} & info.keys() else []
    names += ["Idempotency-Replayed"] if info.get("idempotent") else []
    names += ["Location"] if status == 201 else []
    return names + (["Link", "X-Total-Count"] if is_list else [])


def complete_operation(operation: dict[str, Any], info: dict[str, Any], *, method: str, **_: Any) -> dict[str, Any]:
    """Add security, headers and errors to an operation."""
    parameters, responses = operation.setdefault("parameters", []), operation["responses"]
    errors = shared_errors(operation, info, method)
    operation["security"] = [{"bearer": []}] if 401 in errors else []
    if method in ("put", "delete"):
        parameters.append(IF_MATCH)
    if method == "get" and "streamed" not in info:
        parameters.append(IF_NONE_MATCH)
        responses["304"] = {"description": "The client holds this already.", "headers": {"ETag": HEADERS["ETag"]}}
    if info.get("idempotent"):
        parameters.append(IDEMPOTENCY_KEY)
    for status in map(int, info.get("success_status_codes", [])):
        headers = {name: HEADERS[name] for name in success_headers(status, info, parameters)}
        responses[status]["headers"] = responses[status].get("headers", {}) | headers | LIMIT_HEADERS
    responses |= {str(status): component_name(status) for status in sorted(errors)}
    if "issues_token" in info:
        wrong = problem_examples(401, {"wrong": Unauthorized(BAD_CREDENTIALS)})
        responses["401"] = problem_response(401, BAD_CREDENTIALS, wrong)
    if conflicts := [*info.get("conflicts", ()), *([InFlight] if info.get("idempotent") else [])]:
        responses["409"] = conflict_response(conflicts)
    operation["x-allowed"] = sorted(info.get("allowed", ()))
    return operation


def nested_any_of(_converter: Any, _field: Any, ret: dict[str, Any]) -> dict[str, Any]:
    """Move the schema of a nested field into its ``anyOf``: the schema is one of several forms."""
    if "anyOf" in ret and "$ref" in ret:
        ret["anyOf"] = [{"$ref": ret.pop("$ref")}, *ret["anyOf"]]
    return ret


def init_app(app: Flask) -> None:
    """Configure the URL map, and bind the Api: OpenAPI 3.1, shared responses, how a client signs in."""
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.url_map.converters["id"] = RecordId
    app.config |= {
        "API_TITLE": "MyMechanicShop",
        "API_VERSION": "1.0.0",
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": "/",
        "OPENAPI_JSON_PATH": "openapi.json",
        "API_SPEC_OPTIONS": {"info": INFO, "servers": [{"url": "/"}]},
    }
    api.DEFAULT_ERROR_RESPONSE_NAME = None  # Each operation names its errors.
    api.register_converter(RecordId, lambda _: {"type": "integer", "minimum": 1, "maximum": MAX_ID})
    api.init_app(app)
    api.ma_plugin.converter.add_attribute_function(nested_any_of)
    api.spec.components.security_scheme("bearer", BEARER)
    for status, text in ERROR_DESCRIPTIONS.items():
        response = problem_response(status, text, problem_examples(status, SHARED_PROBLEMS[status]))
        api.spec.components.response(component_name(status), response)
