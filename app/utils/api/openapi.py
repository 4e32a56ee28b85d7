"""The OpenAPI 3.1 document. The errors of an operation follow from its decorators, so that the document can't miss one."""

import re
from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.routing import BaseConverter

from app.extensions import api
from app.models import MAX_ID
from app.utils import errors
from app.utils.api.idempotency import InFlight
from app.utils.api.problems import MEDIA_TYPE, ProblemSchema, problem_body, title
from app.utils.context import View


def header(description: str, kind: str = "string") -> dict[str, Any]:
    return {"schema": {"type": kind}, "description": description}


IF_MATCH = {"name": "If-Match", "in": "header"} | header("ETag that must be current")
IF_NONE_MATCH = {"name": "If-None-Match", "in": "header"} | header("ETag of the client's copy")
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "description": "Makes the request safe to repeat: with the same key and body it runs once within 24 hours",
}
LIMIT_HEADERS = {
    "X-RateLimit-Limit": header("Requests in the window", "integer"),
    "X-RateLimit-Remaining": header("Requests that are left", "integer"),
    "X-RateLimit-Reset": header("When the next request is possible, in seconds since 1970", "integer"),
}
HEADERS = {
    "Idempotency-Replayed": header("`true` if the response was stored by an earlier request"),
    "ETag": header("Version of the response"),
    "Location": header("Path of the new record, or of the list that has it"),
    "Link": header("Paths of other pages (RFC 8288)"),
    "X-Total-Count": header("Number of records, if a page was asked for", "integer"),
    "Retry-After": header("Seconds to wait", "integer"),
    "WWW-Authenticate": header("Bearer"),
}
CONDITIONAL_WRITES = ("put", "patch", "delete")
IN_BODY, IN_QUERY = errors.Invalid({"vin": "is required"}), errors.Invalid({"per_page": "must be from 1 to 100"})
SHARED_ERRORS: dict[int, tuple[str, dict[str, errors.Problem]]] = {
    400: ("The body is not JSON, or is ambiguous JSON.", {"no JSON": errors.MalformedBody("The body is not JSON.")}),
    401: ("There is no valid bearer token.", {"no token": errors.Unauthorized()}),
    403: ("The role of the caller may not do this.", {"the wrong role": errors.Forbidden()}),
    404: ("There is no such record, or the caller may not see it.", {"no such record": errors.NotFound()}),
    412: ("The record has changed since the ETag in `If-Match`.", {"a stale ETag": errors.PreconditionFailed()}),
    413: ("The body is larger than 1 MiB.", {"too large": errors.Problem(RequestEntityTooLarge.description)}),
    415: (
        "The body is not `application/json`, or is encoded.",
        {"no JSON": errors.WrongMediaType(), "gzip": errors.EncodedBody()},
    ),
    422: ("A field or parameter can't be accepted; `errors` names it.", {"in the body": IN_BODY, "in the query": IN_QUERY}),
    429: ("The limit is reached.", {"too often": errors.TooManyRequests()}),
    503: ("The shop is busy or a part of it is down; nothing was changed.", {"busy": errors.Unavailable()}),
}
"""The errors that many operations share: status → (description, examples)."""
ERROR_HEADERS = {429: ["Retry-After"], 503: ["Retry-After"], 401: ["WWW-Authenticate"]}
BAD_CREDENTIALS = "The email or the password is wrong."
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The `token` that `POST /customers/login` and `POST /mechanics/login` return.",
}
INFO = {
    "description": "The backend of an auto repair shop: customers, mechanics, service tickets, "
    "and a parts inventory whose stock follows every ticket.",
    "contact": {"name": "MyMechanicShop"},
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


def documented(**info: Any) -> Callable[[View], View]:
    """Attach facts about a view: ``issues_token``, or ``streamed``, a response without an ETag."""
    return lambda view: document(view, **info)


def component_name(status: int) -> str:
    return title(status).replace(" ", "")


def problem_response(status: int, text: str, problems: dict[str, errors.Problem]) -> dict[str, Any]:
    """Return the response of an error, with an example for each of the problems that it may be."""
    headers = {name: HEADERS[name] for name in ERROR_HEADERS.get(status, [])} | (LIMIT_HEADERS if status == 429 else {})
    examples = {name: {"value": problem_body(status, each.detail, each.members)} for name, each in problems.items()}
    return {
        "description": f"{title(status)}: {text}",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
        **({"headers": headers} if headers else {}),
    }


def shared_errors(operation: dict[str, Any], info: dict[str, Any], method: str) -> set[int]:
    """Return the statuses of the errors that an operation shares with others."""
    statuses = {429, 503}
    statuses |= {401, 403} if "anyone" not in info.get("allowed", ()) else set()
    statuses |= {404} if info.get("names_a_record") else set()
    statuses |= {400, 413, 415, 422} if "requestBody" in operation else set()
    statuses |= {422} if operation["parameters"] else set()
    statuses |= {412} if method in CONDITIONAL_WRITES else set()
    return statuses


def success_headers(status: int, info: dict[str, Any], parameters: list[Any]) -> list[str]:
    """Return the names of the headers of a success, without those of the limits."""
    is_list = any(each.get("name") == "per_page" for each in parameters if isinstance(each, dict))
    names = ["ETag"] if status != 204 and not {"issues_token", "streamed"} & info.keys() else []
    names += ["Idempotency-Replayed"] if info.get("idempotent") else []
    names += ["Location"] if status == 201 else []
    return names + (["Link", "X-Total-Count"] if is_list else [])


def complete_operation(operation: dict[str, Any], info: dict[str, Any], *, method: str, **_: Any) -> dict[str, Any]:
    """Add the operation's id, description, security, headers and errors."""
    roles = sorted(info.get("allowed", ()))
    operation["operationId"] = info["name"]
    if method == "patch":
        operation["operationId"] = re.sub("^[a-z]+", "patch", info["name"])
        info["docstring"]["summary"] = f"The same as PUT. {info['docstring']['summary']}"
    operation["description"] = f"Roles: {', '.join(roles)}."
    operation["x-allowed"] = roles
    parameters, responses = operation.setdefault("parameters", []), operation["responses"]
    shared = shared_errors(operation, info, method)
    operation["security"] = [{"bearer": []}] if 401 in shared else []
    if method in CONDITIONAL_WRITES:
        parameters.append(IF_MATCH)
    if method == "get" and "streamed" not in info:
        parameters.append(IF_NONE_MATCH)
        responses["304"] = {"description": "The client's copy is current.", "headers": {"ETag": HEADERS["ETag"]}}
    if info.get("idempotent"):
        parameters.append(IDEMPOTENCY_KEY)
    for status in map(int, info.get("success_status_codes", [])):
        headers = {name: HEADERS[name] for name in success_headers(status, info, parameters)}
        responses[status]["headers"] = responses[status].get("headers", {}) | headers | LIMIT_HEADERS
    responses |= {str(status): component_name(status) for status in sorted(shared)}
    if "issues_token" in info:
        responses["401"] = problem_response(401, BAD_CREDENTIALS, {"wrong": errors.Unauthorized(BAD_CREDENTIALS)})
    if conflicts := [*info.get("conflicts", ()), *([InFlight] if info.get("idempotent") else [])]:
        text = " ".join(f"`{kind.code}`: {kind.detail}" for kind in conflicts)
        responses["409"] = problem_response(409, text, {kind.code.replace("_", " "): kind.example() for kind in conflicts})
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
    api.ERROR_SCHEMA = ProblemSchema
    api.DEFAULT_ERROR_RESPONSE_NAME = None  # Each operation names its errors.
    api.register_converter(RecordId, lambda _: {"type": "integer", "minimum": 1, "maximum": MAX_ID})
    api.init_app(app)
    api.ma_plugin.converter.add_attribute_function(nested_any_of)
    api.spec.components.security_scheme("bearer", BEARER)
    del api.spec.components.schemas["PaginationMetadata"]  # flask-smorest's own pages are not used.
    for status, (text, problems) in SHARED_ERRORS.items():
        api.spec.components.response(component_name(status), problem_response(status, text, problems))
