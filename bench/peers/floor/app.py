"""The floor: one WSGI function on prepared statements of psycopg, without a framework. It checks the token and the stock, not its input."""
import base64
import hmac
import os
import threading
import time
from datetime import date
from urllib.parse import parse_qsl

import orjson
import psycopg
import sql

SECRET = os.environ["JWT_SECRET"].encode()
CACHE_SECONDS = 60
COUNT_SECONDS = 5
local = threading.local()
cached = {}


def fetch(statement: str, **values):
    """Run a statement and return its row. Each thread keeps a connection, and each statement is a transaction."""
    try:
        cursor = local.cursor
    except AttributeError:
        cursor = local.cursor = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True).cursor()
    return cursor.execute(statement, values, prepare=True).fetchone()


def remember(key: tuple, seconds: int, make):
    """Return the cached value of a key, or call make() if the value is older than this number of seconds."""
    expires, value = cached.get(key, (0, None))
    if expires < time.monotonic():
        value = make()
        cached[key] = (time.monotonic() + seconds, value)
    return value


def signed_in(environ) -> str | None:
    try:
        scheme, token = environ["HTTP_AUTHORIZATION"].split(" ")
        signed, signature = token.encode().rsplit(b".", 1)
        wanted = base64.urlsafe_b64encode(hmac.digest(SECRET, signed, "sha256")).rstrip(b"=")
        claims = orjson.loads(base64.urlsafe_b64decode(signed.split(b".")[1] + b"=="))
        return claims["sub"] if scheme == "Bearer" and hmac.compare_digest(wanted, signature) and claims["exp"] > time.time() else None
    except (KeyError, ValueError):
        return None


def page_headers(path: str, page: int, per_page: int, total: int) -> list[tuple[str, str]]:
    last = max(1, -(-total // per_page))
    pages = {"first": 1, "prev": page - 1, "next": page + 1, "last": last}
    links = [f'<{path}?page={number}&per_page={per_page}>; rel="{rel}"' for rel, number in pages.items() if 1 <= number <= last]
    return [("X-Total-Count", str(total)), ("Link", ", ".join(links))]


def list_inventory(query: str):
    def make():
        arguments = dict(parse_qsl(query))
        page, per_page = int(arguments.get("page", 1)), int(arguments.get("per_page", 20))
        body = fetch(sql.ITEMS, limit=per_page, offset=(page - 1) * per_page)[0]
        return "200 OK", body.encode(), page_headers("/inventory", page, per_page, fetch(sql.ITEM_COUNT)[0])

    return remember(("inventory", query), CACHE_SECONDS, make)


def list_tickets(query: str):
    arguments = dict(parse_qsl(query))
    page, per_page = int(arguments.get("page", 1)), int(arguments.get("per_page", 20))
    if "after" in arguments:
        body, last = fetch(sql.AFTER, after=int(arguments["after"]), limit=per_page)
        headers = [("Link", f'</tickets?after={last}&per_page={per_page}>; rel="next"')] if last else []
    else:
        body, _ = fetch(sql.PAGE, limit=per_page, offset=(page - 1) * per_page)
        headers = page_headers("/tickets", page, per_page, remember(("tickets",), COUNT_SECONDS, lambda: fetch(sql.TICKET_COUNT)[0]))
    return "200 OK", body.encode(), headers


def get_one(statement: str, record_id: str):
    row = fetch(statement, id=int(record_id))
    return ("200 OK", row[0].encode(), []) if row else ("404 Not Found", b"{}", [])


def create_ticket(data: dict, actor: str):
    parts = data.get("parts", [])
    known, ticket_id, body = fetch(
        sql.CREATE,
        parts=[part["inventory_id"] for part in parts],
        quantities=[part.get("quantity", 1) for part in parts],
        mechanics=data.get("mechanic_ids", []),
        customer_id=data["customer_id"],
        service_date=date.fromisoformat(data["service_date"]),
        description=data["description"],
        vin=data["vin"],
        actor=actor,
    )
    if ticket_id is None:
        return "409 Conflict" if known else "422 Unprocessable Content", b"{}", []
    return "201 Created", body.encode(), [("Location", f"/tickets/{ticket_id}")]


def change_parts(ticket_id: str, data: dict, actor: str):
    changes = [(part["inventory_id"], part.get("quantity", 1)) for part in data.get("add_parts", [])]
    changes += [(part["inventory_id"], -part["quantity"]) for part in data.get("remove_parts", [])]
    found, known, granted = fetch(sql.CHANGE, id=int(ticket_id), parts=[part for part, _ in changes], changes=[change for _, change in changes], actor=actor)
    if granted or not found:
        return get_one(sql.TICKET, ticket_id)
    return "409 Conflict" if known else "422 Unprocessable Content", b"{}", []


def answer(environ):
    user = signed_in(environ)
    if user is None:
        return "401 Unauthorized", b"{}", [("WWW-Authenticate", "Bearer")]
    body = orjson.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))) if environ["REQUEST_METHOD"] in ("POST", "PUT") else None
    match [environ["REQUEST_METHOD"], *environ["PATH_INFO"].split("/")[1:]]:
        case ["GET", "inventory"]:
            return list_inventory(environ["QUERY_STRING"])
        case ["GET", "inventory", item_id]:
            return get_one(sql.ITEM, item_id)
        case ["GET", "tickets"]:
            return list_tickets(environ["QUERY_STRING"])
        case ["GET", "tickets", ticket_id]:
            return get_one(sql.TICKET, ticket_id)
        case ["POST", "tickets"]:
            return create_ticket(body, user)
        case ["PUT", "tickets", ticket_id, "inventory"]:
            return change_parts(ticket_id, body, user)
    return "404 Not Found", b"{}", []


def app(environ, start_response):
    status, body, headers = answer(environ)
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers])
    return [body]
