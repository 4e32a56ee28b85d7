"""Examples in the document: bodies, from the examples of their fields, and errors."""

from typing import Any

from marshmallow import Schema, fields
from werkzeug.exceptions import RequestEntityTooLarge

from app.utils import errors
from app.utils.api.problems import problem_body
from app.utils.errors import Problem

TOO_LARGE = RequestEntityTooLarge().description or ""
SHARED_PROBLEMS: dict[int, dict[str, Problem]] = {
    400: {"no JSON": errors.Malformed("The body is not JSON.")},
    401: {"no token": errors.Unauthorized()},
    403: {"the wrong role": errors.Forbidden()},
    404: {"no such record": errors.NotFound()},
    412: {"a stale ETag": errors.Stale()},
    413: {"too large": errors.Problem(TOO_LARGE)},
    415: {"no JSON": errors.WrongMediaType()},
    422: {
        "in the body": errors.Invalid({"vin": "is needed"}),
        "in the query": errors.Invalid({"per_page": "must be from 1 to 100"}),
    },
    429: {"too often": errors.TooMany()},
    503: {"busy": errors.Unavailable()},
}
"""The errors that many operations share, by status."""


def schema_example(schema: Schema) -> Any:
    """Return an object with every field that has an example; a list of one object if the schema is ``many``."""
    examples = {field.data_key or name: field_example(field) for name, field in schema.fields.items()}
    found = {name: value for name, value in examples.items() if value is not None}
    return [found] if schema.many else found


def field_example(field: fields.Field[Any]) -> Any:
    """Return the example of a field, or None."""
    if "example" in field.metadata or not isinstance(field, fields.Nested | fields.List):
        return field.metadata.get("example")
    if isinstance(field, fields.List):
        inner = field_example(field.inner)
        return None if inner is None else [inner]
    return schema_example(field.schema)


def problem_examples(status: int, problems: dict[str, Problem]) -> dict[str, Any]:
    """Return the bodies of errors by name, as OpenAPI's ``examples``."""
    return {name: {"value": problem_body(status, each.detail, each.members)} for name, each in problems.items()}
