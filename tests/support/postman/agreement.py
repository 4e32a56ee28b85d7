"""Where the collection and the API's document say different things: paths, methods, parameters, fields, statuses."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.support.postman.build import endpoint, requests_of

Names = set[str]


def disagreements(collection: dict[str, Any], document: dict[str, Any], undocumented: Names) -> list[str]:
    """Each in a sentence; none where both agree. ``undocumented`` endpoints stand beside the document."""
    asked: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in requests_of(collection):
        asked[endpoint(item)].append(item)
    operations = {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method not in ("parameters", "patch")  # PATCH is another name of PUT.
    }
    found = differences("the endpoints", set(asked), set(operations) | undocumented)
    problems: Names = set()
    for name in sorted(operations.keys() & asked.keys()):
        found += of_endpoint(name, asked[name], operations[name], document)
        problems |= shown(asked[name], lambda code: code >= 400)
    problem = fields(document["components"]["schemas"]["Problem"], document)
    return found + differences("the fields of a problem", problems, problem)


def of_endpoint(name: str, items: list[dict[str, Any]], operation: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    for place, sent in (("query", queries(items)), ("header", headers(items))):
        documented = {each["name"] for each in operation.get("parameters", []) if each["in"] == place}
        yield from differences(f"{name}: its parameters in the {place}", sent, documented)
    writable = fields_of(operation.get("requestBody"), document)
    yield from differences(f"{name}: what may be sent", bodies(items), writable)
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            seen = shown(items, lambda code: code < 300)
            yield from differences(f"{name}: what is answered", seen, fields_of(answer, document))
    codes = {str(saved["code"]) for item in items for saved in item["response"]}
    yield from (f"{name}: {code} is saved and not documented" for code in sorted(codes - operation["responses"].keys()))
    yield from (
        f"{name}: no example of {kind}" for kind, first in (("success", "2"), ("an error", "4")) if first not in str(codes)
    )
    open_to_all = any(expected(item) < 300 and item["request"]["auth"]["type"] == "noauth" for item in items)
    if open_to_all != (operation["security"] == []):
        yield f"{name}: one asks for a token, the other does not"


def differences(topic: str, in_collection: Names, in_document: Names) -> list[str]:
    one_sided = [("the collection", in_collection - in_document), ("the document", in_document - in_collection)]
    return [f"{topic}: {name} is in {where} alone" for where, names in one_sided for name in sorted(names)]


# ---------------------------------------------------------------- the collection
def expected(item: dict[str, Any]) -> int:
    """The status that a request is meant to get: that of its own example, which is saved first."""
    return int(item["response"][0]["code"])


def queries(items: list[dict[str, Any]]) -> Names:
    return {each["key"] for item in items for each in item["request"]["url"].get("query", [])}


def headers(items: list[dict[str, Any]]) -> Names:
    return {each["key"] for item in items for each in item["request"]["header"]}


def bodies(items: list[dict[str, Any]]) -> Names:
    """What requests send, but for those that are to be refused for a field."""
    sent = [item["request"]["body"]["raw"] for item in items if "body" in item["request"] and expected(item) != 422]
    return {name for text in sent for name in names_in(json.loads(re.sub("{{.+?}}", "1", text)))}


def shown(items: list[dict[str, Any]], which: Any) -> Names:
    saved = [each for item in items for each in item["response"] if which(each["code"]) and each["body"]]
    return {name for each in saved for name in READ[each["_postman_previewlanguage"]](each["body"])}


def columns(text: str) -> Names:
    """The names in the first line of a CSV file."""
    return set(text.lstrip("\ufeff").split("\r\n")[0].split(","))


def names_in(value: Any, before: str = "") -> Names:
    """The names of a JSON value, as ``parts[].name``; what stands below ``errors`` is no field of a schema."""
    if isinstance(value, list):
        return {name for each in value for name in names_in(each, f"{before}[]")}
    if not isinstance(value, dict) or before == "errors":
        return set()
    here = {f"{before}.{key}".lstrip("."): each for key, each in value.items()}
    return set(here) | {name for path, each in here.items() for name in names_in(each, path)}


READ = {"json": lambda body: names_in(json.loads(body)), "csv": columns}
"""What an example's body has names for."""


# ---------------------------------------------------------------- the document
def fields_of(part: dict[str, Any] | None, document: dict[str, Any]) -> Names:
    """The names that a body has; those of a CSV file are the columns of its example."""
    content = (part or {}).get("content", {})
    found = columns(content["text/csv"]["example"]) if "text/csv" in content else set()
    return found.union(*(fields(each["schema"], document) for each in content.values()))


def fields(schema: dict[str, Any], document: dict[str, Any], before: str = "") -> Names:
    """The names that a schema has, in the same form."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    found: Names = set()
    for choice in [*schema.get("oneOf", []), *schema.get("anyOf", []), *schema.get("allOf", [])]:
        found |= fields(choice, document, before)
    if "items" in schema:
        found |= fields(schema["items"], document, f"{before}[]")
    for key, each in schema.get("properties", {}).items():
        path = f"{before}.{key}".lstrip(".")
        found |= {path} | fields(each, document, path)
    return found
