"""The responses to all GET requests of a shop, to compare two shops."""

import http.client
import json
import re
from collections.abc import Iterator

from sqlalchemy import Engine, select

from app.models import customers, inventory, mechanics, service_tickets
from tests.support.shop import Shop

TABLES = {"customers": customers, "mechanics": mechanics, "tickets": service_tickets, "inventory": inventory}
VARYING = {"date", "x-request-id", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}
Read = tuple[int, bytes, tuple[tuple[str, str], ...]]


def ids_of(engine: Engine) -> dict[str, list[int]]:
    """Return the ids of all records, including deleted ones, by the name of their list."""
    with engine.connect() as connection:
        return {
            name: list(connection.execute(select(table.c.id).order_by(table.c.id)).scalars()) for name, table in TABLES.items()
        }


def every_read(shop: Shop, tokens: list[str], ids: dict[str, list[int]]) -> dict[tuple[str, str], Read]:
    """Return (path, token) → (status, body, headers) of all GET requests.

    The paths are those of the OpenAPI document with each id, and all pages of each list, by page and by ``after``.
    Every request is sent without a token and with each token.
    """
    responses: dict[tuple[str, str], Read] = {}
    connection = http.client.HTTPConnection("127.0.0.1", shop.port, timeout=30)

    def read(path: str, token: str) -> Read:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        response = connection.getresponse()
        headers = ((name.lower(), value) for name, value in response.getheaders())
        responses[path, token] = (
            response.status,
            response.read(),
            tuple(sorted(header for header in headers if header[0] not in VARYING)),
        )
        return responses[path, token]

    document = json.loads(read("/openapi.json", "")[1])
    for token in ["", *tokens]:
        for template in ("/", *(path for path, methods in document["paths"].items() if "get" in methods)):
            for path in paths_of(template, ids):
                status, body, _ = read(path, token)
                if status == 200 and body.startswith(b"[") and "{" not in template:
                    walk(path, token, read)
    connection.close()
    return responses


def paths_of(template: str, ids: dict[str, list[int]]) -> Iterator[str]:
    name = template.split("/")[1]
    if "{" not in template:
        yield template
    elif name in ids:
        yield from (re.sub(r"\{\w+\}", str(number), template) for number in ids[name])


def walk(path: str, token: str, read: object) -> None:
    """Read all pages of a list, by page number and by ``after``."""
    for query in ("?page=1&per_page=50", "?per_page=50"):
        next_path = f"{path}{query}"
        while next_path:
            links = dict(read(next_path, token)[2]).get("link", "")  # type: ignore[operator]
            found = re.search(r'<([^>]+)>; rel="next"', links)
            next_path = found[1] if found else ""
