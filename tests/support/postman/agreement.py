"""Compare the collection with the OpenAPI document: paths, methods, parameters, fields, statuses."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.support.postman.build import endpoint, requests_of

Names = set[str]


def disagreements(collection: dict[str, Any], document: dict[str, Any], undocumented: Names) -> list[str]:
    """Return a line for each difference. ``undocumented`` are the endpoints that the document leaves out."""
    requests: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in requests_of(collection):
        requests[endpoint(item)].append(item)
    operations = {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method not in ("parameters", "patch")  # PATCH is another name of PUT.
    }
    lines = differences("endpoints", set(requests), set(operations) | undocumented)
    problems: Names = set()
    for name in sorted(operations.keys() & requests.keys()):
        lines += endpoint_differences(name, requests[name], operations[name], document)
        problems |= shown(requests[name], lambda code: code >= 400)
    problem = fields(document["components"]["schemas"]["Problem"], document)
    return lines + differences("fields of a problem", problems, problem)


def endpoint_differences(
    name: str, items: list[dict[str, Any]], operation: dict[str, Any], document: dict[str, Any]
) -> Iterator[str]:
    for place, used in (("query", queries(items)), ("header", headers(items))):
        documented = {each["name"] for each in operation.get("parameters", []) if each["in"] == place}
        yield from differences(f"{name}: {place} parameters", used, documented)
    body = operation.get("requestBody")
    writable = fields_of(body, document) - read_only_fields_of(body, document)
    yield from differences(f"{name}: fields of the body", bodies(items), writable)
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            seen = shown(items, lambda code: code < 300)
            yield from differences(f"{name}: fields of the response", seen, fields_of(response, document))
    codes = {str(saved["code"]) for item in items for saved in item["response"]}
    yield from (f"{name}: {code} is not documented" for code in sorted(codes - operation["responses"].keys()))
    yield from (
        f"{name}: no example of {kind}" for kind, first in (("success", "2"), ("an error", "4")) if first not in str(codes)
    )
    open_to_all = any(expected(item) < 300 and item["request"]["auth"]["type"] == "noauth" for item in items)
    if open_to_all != (operation["security"] == []):
        yield f"{name}: only one of both needs a token"


def differences(topic: str, in_collection: Names, in_document: Names) -> list[str]:
    one_sided = [("the collection", in_collection - in_document), ("the document", in_document - in_collection)]
    return [f"{topic}: {name} is only in {where}" for where, names in one_sided for name in sorted(names)]


# ---------------------------------------------------------------- the collection
def expected(item: dict[str, Any]) -> int:
    """Return the expected status of a request: the status of its own example, which is saved first."""
    return int(item["response"][0]["code"])


def queries(items: list[dict[str, Any]]) -> Names:
    return {each["key"] for item in items for each in item["request"]["url"].get("query", [])}


def headers(items: list[dict[str, Any]]) -> Names:
    return {each["key"] for item in items for each in item["request"]["header"]}


def bodies(items: list[dict[str, Any]]) -> Names:
    """Return the fields that requests send, except requests whose fields are refused."""
    sent = [item["request"]["body"]["raw"] for item in items if "body" in item["request"] and expected(item) != 422]
    return {name for text in sent for name in names_in(json.loads(re.sub("{{.+?}}", "1", text)))}


def shown(items: list[dict[str, Any]], which: Any) -> Names:
    saved = [each for item in items for each in item["response"] if which(each["code"]) and each["body"]]
    return {name for each in saved for name in READ[each["_postman_previewlanguage"]](each["body"])}


def columns(text: str) -> Names:
    """Return the names in the first line of a CSV file."""
    return set(text.lstrip("\ufeff").split("\r\n")[0].split(","))


def names_in(value: Any, before: str = "") -> Names:
    """Return the names of a JSON value, such as ``parts[].name``, without the keys of ``errors``."""
    if isinstance(value, list):
        return {name for each in value for name in names_in(each, f"{before}[]")}
    if not isinstance(value, dict) or before == "errors":
        return set()
    here = {f"{before}.{key}".lstrip("."): each for key, each in value.items()}
    return set(here) | {name for path, each in here.items() for name in names_in(each, path)}


READ = {"json": lambda body: names_in(json.loads(body)), "csv": columns}
"""Language of an example → reader of the names in its body."""


# ---------------------------------------------------------------- the document
def fields_of(part: dict[str, Any] | None, document: dict[str, Any]) -> Names:
    """Return the names of a documented body; for a CSV file, the columns of its example."""
    content = (part or {}).get("content", {})
    lines = columns(content["text/csv"]["example"]) if "text/csv" in content else set()
    return lines.union(*(fields(each["schema"], document) for each in content.values()))


def read_only_fields_of(part: dict[str, Any] | None, document: dict[str, Any]) -> Names:
    """Return the names of the fields that a client may send back, but not change, and of the fields inside them."""
    names: Names = set()
    for each in (part or {}).get("content", {}).values():
        schema = document["components"]["schemas"][each["schema"]["$ref"].rpartition("/")[2]]
        for key, field in schema["properties"].items():
            if field.get("readOnly"):
                names |= fields({"properties": {key: field}}, document)
    return names


def fields(schema: dict[str, Any], document: dict[str, Any], before: str = "") -> Names:
    """Return the names of a schema, in the same form."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    lines: Names = set()
    for choice in [*schema.get("oneOf", []), *schema.get("anyOf", []), *schema.get("allOf", [])]:
        lines |= fields(choice, document, before)
    if "items" in schema:
        lines |= fields(schema["items"], document, f"{before}[]")
    for key, each in schema.get("properties", {}).items():
        path = f"{before}.{key}".lstrip(".")
        lines |= {path} | fields(each, document, path)
    return lines
