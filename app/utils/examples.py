"""Examples in the document: what a body looks like, out of the examples of its fields, and what an error looks like."""

from typing import Any

from marshmallow import Schema, fields
from werkzeug.exceptions import RequestEntityTooLarge

from app.utils import errors
from app.utils.errors import Problem, body_of

TOO_LARGE = RequestEntityTooLarge().description or ""
REFUSALS: dict[int, dict[str, Problem]] = {
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
"""What is refused for a reason that many operations share."""


def example_of(schema: Schema) -> Any:
    """An object with every field that has an example, and a list of one where the schema is of many."""
    shown = {field.data_key or name: of_field(field) for name, field in schema.fields.items()}
    whole = {name: value for name, value in shown.items() if value is not None}
    return [whole] if schema.many else whole


def of_field(field: fields.Field[Any]) -> Any:
    """The example of a field, or None where it has none."""
    if "example" in field.metadata or not isinstance(field, fields.Nested | fields.List):
        return field.metadata.get("example")
    if isinstance(field, fields.List):
        inner = of_field(field.inner)
        return None if inner is None else [inner]
    return example_of(field.schema)


def examples_of(status: int, refusals: dict[str, Problem]) -> dict[str, Any]:
    """Bodies of errors by what they are about, as ``examples`` has them."""
    return {name: {"value": body_of(status, refusal.detail, refusal.members)} for name, refusal in refusals.items()}
