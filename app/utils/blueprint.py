"""The blueprint of every area: flask-smorest's, with the strict reader of bodies and the contract in its document.

What each operation can answer is derived from its decorators, so that the document can't forget an error.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import flask_smorest
from flask import Flask
from marshmallow import Schema
from werkzeug.routing import BaseConverter

from app.models import MAX_ID
from app.utils.errors import MEDIA_TYPE, Problem, Unauthorized, title
from app.utils.examples import REFUSALS, example_of, examples_of
from app.utils.extensions import api
from app.utils.idempotency import InFlight
from app.utils.wire import StrictParser

View = TypeVar("View", bound=Callable[..., Any])
IF_MATCH = {"name": "If-Match", "in": "header", "schema": {"type": "string"}, "description": "ETag that must be current"}
IF_NONE_MATCH = IF_MATCH | {"name": "If-None-Match", "description": "ETag that the client holds already"}
LIMIT_HEADERS = {
    name: {"schema": {"type": "integer"}, "description": text}
    for name, text in {
        "X-RateLimit-Limit": "Requests in the window",
        "X-RateLimit-Remaining": "Requests that are left",
        "X-RateLimit-Reset": "When one more is there, in seconds since 1970",
    }.items()
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "description": "Makes the request safe to repeat: with the same key and body it is done once, for 24 hours",
}
HEADERS = {
    "Idempotency-Replayed": {"schema": {"type": "string"}, "description": "`true` where this is the first answer again"},
    "ETag": {"schema": {"type": "string"}, "description": "Version of what is answered"},
    "Location": {"schema": {"type": "string"}, "description": "Path of the new record"},
    "Link": {"schema": {"type": "string"}, "description": "Paths of other pages (RFC 8288)"},
    "X-Total-Count": {"schema": {"type": "integer"}, "description": "Records in all, where a page was asked for"},
    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait"},
    "WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer"},
}
SAYS = {
    400: "The body is not JSON, or not JSON that means one thing.",
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
WRONG = "The email or the password is wrong."
IN_FLIGHT = "A request with the same `Idempotency-Key` is being answered; `Retry-After` says when to ask again."
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The `token` that `POST /customers/login` and `POST /mechanics/login` answer with.",
}


class RecordId(BaseConverter):
    """The id in a path: a plain ASCII integer without leading zeros, not larger than the tables' ids; anything else
    names nothing (404)."""

    regex = r"[1-9][0-9]*"

    def to_python(self, value: str) -> int:
        """The number; 0, which no record has, for one that is larger than any id and that PostgreSQL would not compare."""
        return int(value) if len(value) <= len(str(MAX_ID)) and int(value) <= MAX_ID else 0


def conflict(text: str, **examples: Problem) -> Callable[[View], View]:
    """Document when a view answers 409, with examples by what they are about."""

    def decorate(view: View) -> View:
        shown = examples_of(409, {name.replace("_", " "): problem for name, problem in examples.items()})
        view._apidoc = {**getattr(view, "_apidoc", {}), "conflict": (text, shown)}  # type: ignore[attr-defined]
        return view

    return decorate


def signs_in(view: View) -> View:
    """Document that a view answers with a token, and 401 where it gives none."""
    view._apidoc = {**getattr(view, "_apidoc", {}), "signs_in": True}  # type: ignore[attr-defined]
    return view


def streamed(view: View) -> View:
    """Document that a view answers while it still reads: nobody knows an ETag of that."""
    view._apidoc = {**getattr(view, "_apidoc", {}), "streamed": True}  # type: ignore[attr-defined]
    return view


def name_of(status: int) -> str:
    """What a problem that many operations share is called among the document's components."""
    return title(status).replace(" ", "")


def problem(status: int, text: str, examples: dict[str, Any]) -> dict[str, Any]:
    headers = {429: ["Retry-After"], 503: ["Retry-After"], 401: ["WWW-Authenticate"]}.get(status, [])
    limits = LIMIT_HEADERS if status == 429 else {}
    return {
        "description": f"{title(status)}: {text}",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
        **({"headers": {name: HEADERS[name] for name in headers} | limits} if headers else {}),
    }


def errors_of(doc: dict[str, Any], info: dict[str, Any]) -> set[int]:
    """What may be wrong with any request of this kind: who sends it, its path, its query, and its body."""
    errors = {429, 503}
    if "anyone" not in info.get("allowed", ()):
        errors |= {401, 403}
    if info.get("names_a_record"):
        errors |= {404}
    if "requestBody" in doc:
        errors |= {400, 413, 415, 422}
    if doc["parameters"]:
        errors |= {422}
    return errors


def headers_of(status: int, info: dict[str, Any], parameters: list[Any]) -> list[str]:
    """The headers of a success, but for those of the limits."""
    is_list = any(each.get("name") == "per_page" for each in parameters if isinstance(each, dict))
    names = ["ETag"] if status != 204 and not {"signs_in", "streamed"} & info.keys() else []
    names += ["Idempotency-Replayed"] if "idempotent" in info else []
    names += ["Location"] if status == 201 else []
    return names + (["Link", "X-Total-Count"] if is_list else [])


class Blueprint(flask_smorest.Blueprint):
    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(self.prepare_contract_doc)

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register a view, and note for the document whether its path names a record."""
        register = super().route(rule, **options)

        def decorate(view: View) -> View:
            view._apidoc = {**getattr(view, "_apidoc", {}), "names_a_record": "<id:" in rule}  # type: ignore[attr-defined]
            return cast("View", register(view))

        return decorate

    def arguments(self, schema: type[Schema] | Schema, **kwargs: Any) -> Callable[[View], View]:
        """flask-smorest's, with one schema for all requests: webargs would make one for each; and with an example."""
        made = schema() if isinstance(schema, type) else schema
        if kwargs.get("location", "json") == "json" and not {"example", "examples"} & kwargs.keys():
            kwargs["example"] = example_of(made)
        return cast("Callable[[View], View]", super().arguments(made, **kwargs))

    def response(self, status_code: int, schema: Any = None, **kwargs: Any) -> Callable[[View], View]:
        """flask-smorest's, with an example."""
        made = schema() if isinstance(schema, type) else schema
        if isinstance(made, Schema):
            kwargs["example"] = example_of(made)
        return cast("Callable[[View], View]", super().response(status_code, made, **kwargs))

    @staticmethod
    def prepare_contract_doc(doc: dict[str, Any], info: dict[str, Any], *, method: str, **_: Any) -> dict[str, Any]:
        """Add to an operation its security, the errors that its decorators bring, and its headers."""
        allowed = info.get("allowed", ())
        parameters = doc.setdefault("parameters", [])
        successes = [int(status) for status in info.get("success_status_codes", [])]
        errors = errors_of(doc, info)
        doc["security"] = [{"bearer": []}] if 401 in errors else []
        if method in ("put", "delete"):
            parameters.append(IF_MATCH)
            errors |= {412}
        if method == "get" and "streamed" not in info:
            parameters.append(IF_NONE_MATCH)
            doc["responses"]["304"] = {"description": "The client holds this already.", "headers": {"ETag": HEADERS["ETag"]}}
        if "idempotent" in info:
            parameters.append(IDEMPOTENCY_KEY)
        for status in successes:
            answer = doc["responses"][status]
            names = headers_of(status, info, parameters)
            answer["headers"] = answer.get("headers", {}) | {name: HEADERS[name] for name in names} | LIMIT_HEADERS
        doc["responses"] |= {str(status): name_of(status) for status in sorted(errors)}
        if "signs_in" in info:
            doc["responses"]["401"] = problem(401, WRONG, examples_of(401, {"wrong": Unauthorized(WRONG)}))
        conflicts = [info["conflict"]] if "conflict" in info else []
        if "idempotent" in info:
            conflicts.append((IN_FLIGHT, examples_of(409, {"in flight": InFlight()})))
        if conflicts:
            examples = {name: example for _, shown in conflicts for name, example in shown.items()}
            doc["responses"]["409"] = problem(409, " ".join(text for text, _ in conflicts), examples)
        doc["x-allowed"] = sorted(allowed)
        return doc


def one_of_several(_converter: Any, _field: Any, ret: dict[str, Any]) -> dict[str, Any]:
    """In the document, a schema that stands for a field beside other forms of it (``anyOf``) is one of them."""
    if "anyOf" in ret and "$ref" in ret:
        ret["anyOf"] = [{"$ref": ret.pop("$ref")}, *ret["anyOf"]]
    return ret


def init_app(app: Flask) -> None:
    """Bind the Api: paths, OpenAPI 3.1, and how a client signs in."""
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.url_map.converters["id"] = RecordId
    app.config |= {
        "API_TITLE": "MyMechanicShop",
        "API_VERSION": "1.0.0",
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": "/",
        "OPENAPI_JSON_PATH": "openapi.json",
        "API_SPEC_OPTIONS": {
            "info": {
                "description": "The backend of an auto repair shop: customers, mechanics, service tickets, "
                "and a parts inventory whose stock follows every ticket.",
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": "/"}],
        },
    }
    api.DEFAULT_ERROR_RESPONSE_NAME = None  # Each operation names its errors.
    api.register_converter(RecordId, lambda _: {"type": "integer", "minimum": 1, "maximum": MAX_ID})
    api.init_app(app)
    api.ma_plugin.converter.add_attribute_function(one_of_several)
    api.spec.components.security_scheme("bearer", BEARER)
    for status, text in SAYS.items():
        api.spec.components.response(name_of(status), problem(status, text, examples_of(status, REFUSALS[status])))
