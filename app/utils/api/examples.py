"""Examples of bodies in the document, from the examples of their fields."""

from typing import Any

from marshmallow import Schema, fields


def schema_example(schema: Schema) -> Any:
    """Return an object with every field that has an example; a list of one object if the schema is ``many``."""
    examples = {field.data_key or name: field_example(field) for name, field in schema.fields.items()}
    found = {name: value for name, value in examples.items() if value is not None}
    return [found] if schema.many else found


def field_example(field: fields.Field[Any]) -> Any:
    if "example" in field.metadata or not isinstance(field, fields.Nested | fields.List):
        return field.metadata.get("example")
    if isinstance(field, fields.List):
        inner = field_example(field.inner)
        return None if inner is None else [inner]
    return schema_example(field.schema)
