"""Every read of a shop, byte for byte, so that two shops can be compared."""

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
    """The ids of all records that there are or were, by the path of their list."""
    with engine.connect() as connection:
        return {
            name: list(connection.execute(select(table.c.id).order_by(table.c.id)).scalars()) for name, table in TABLES.items()
        }


def every_read(shop: Shop, tokens: list[str], ids: dict[str, list[int]]) -> dict[tuple[str, str], Read]:
    """(path, token) → status, body and headers of everything that can be read: each path of the shop's own document with
    each id, each list by pages and by ``after`` from its beginning to its end, by each of the people and by nobody."""
    found: dict[tuple[str, str], Read] = {}
    connection = http.client.HTTPConnection("127.0.0.1", shop.port, timeout=30)

    def read(path: str, token: str) -> Read:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        headers = ((name.lower(), value) for name, value in answer.getheaders())
        found[path, token] = answer.status, answer.read(), tuple(sorted(each for each in headers if each[0] not in VARYING))
        return found[path, token]

    document = json.loads(read("/openapi.json", "")[1])
    for token in ["", *tokens]:
        for template in ("/", *(path for path, methods in document["paths"].items() if "get" in methods)):
            for path in filled(template, ids):
                status, body, _ = read(path, token)
                if status == 200 and body.startswith(b"[") and "{" not in template:
                    walk(path, token, read)
    connection.close()
    return found


def filled(template: str, ids: dict[str, list[int]]) -> Iterator[str]:
    name = template.split("/")[1]
    if "{" not in template:
        yield template
    elif name in ids:
        yield from (re.sub(r"\{\w+\}", str(number), template) for number in ids[name])


def walk(path: str, token: str, read: object) -> None:
    """A list from its first page to its last, and again by ``after``."""
    for query in ("?page=1&per_page=50", "?per_page=50"):
        following = f"{path}{query}"
        while following:
            links = dict(read(following, token)[2]).get("link", "")  # type: ignore[operator]
            found = re.search(r'<([^>]+)>; rel="next"', links)
            following = found[1] if found else ""
