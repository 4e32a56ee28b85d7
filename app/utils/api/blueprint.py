"""The blueprint of every area: flask-smorest's, with strict JSON and with examples in the OpenAPI document."""

from collections.abc import Callable
from typing import Any, cast

import flask_smorest
from marshmallow import Schema, fields

from app.utils.api.openapi import complete_operation, document
from app.utils.api.strict_json import StrictParser
from app.utils.context import View


def schema_example(schema: Schema, *, to_load: bool = False) -> Any:
    """Return an object with every field that has an example, or that can be loaded; a list of one if the schema is ``many``."""
    shown = schema.load_fields if to_load else schema.fields
    examples = {field.data_key or name: field_example(field) for name, field in shown.items()}
    found = {name: value for name, value in examples.items() if value is not None}
    return [found] if schema.many else found


def field_example(field: fields.Field[Any]) -> Any:
    if "example" in field.metadata or not isinstance(field, fields.Nested | fields.List):
        return field.metadata.get("example")
    if isinstance(field, fields.List):
        inner = field_example(field.inner)
        return None if inner is None else [inner]
    return schema_example(field.schema)


class Blueprint(flask_smorest.Blueprint):
    """A blueprint with strict JSON, PATCH beside PUT, and examples in the OpenAPI document."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # FRAGILE: flask-smorest: the list of callbacks that complete an operation has no public name.
        self._prepare_doc_cbks.append(complete_operation)

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register a view, and document its name and whether its path names a record."""
        register = super().route(rule, **options)
        return lambda view: register(document(view, name=view.__name__, names_a_record="<id:" in rule))

    def put(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register a view for PUT, and for PATCH, which is another name of it."""
        return self.route(rule, methods=["PUT", "PATCH"], **options)

    def arguments(self, schema: type[Schema] | Schema, **kwargs: Any) -> Callable[[View], View]:
        """Parse and validate the body or the query with one schema for all requests; document an example."""
        instance = schema() if isinstance(schema, type) else schema
        if kwargs.get("location", "json") == "json" and not {"example", "examples"} & kwargs.keys():
            kwargs["example"] = schema_example(instance, to_load=True)
        return cast("Callable[[View], View]", super().arguments(instance, **kwargs))

    def response(self, status_code: int, schema: Any = None, **kwargs: Any) -> Callable[[View], View]:
        """Serialize what the view returns; document an example.

        A view under ``@write`` serializes inside its transaction, because the response is stored there with the
        idempotency key. So the status and the schema are handed to ``@write``."""
        instance = schema() if isinstance(schema, type) else schema
        if isinstance(instance, Schema):
            kwargs["example"] = schema_example(instance)
        decorate = super().response(status_code, instance, **kwargs)

        def hand_over(view: View) -> View:
            if hasattr(view, "write"):
                view.write.status, view.write.schema = status_code, instance
            return cast("View", decorate(view))

        return hand_over
