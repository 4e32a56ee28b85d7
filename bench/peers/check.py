"""Compare the responses of servers, so that no server is fast because its responses are incomplete. Each server needs freshly
seeded data. The check reverts its writes if the server has DELETE /tickets/<id>."""
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from client import Answer, Client

READS = {
    "inventory_list": "/inventory?page=1&per_page=50",
    "inventory_get": "/inventory/1234",
    "ticket_get": "/tickets/4321",
    "tickets_page": "/tickets?page=2&per_page=20",
    "tickets_page, the last": "/tickets?page=2500&per_page=20",
    "tickets_keyset": "/tickets?after=4321&per_page=20",
}
ORDER = {"customer_id": 77, "service_date": "2023-06-01", "description": "Replace front brake pads", "vin": "1HGCM82633A004352", "mechanic_ids": [4, 3]}
PARTS = [{"inventory_id": 1502, "quantity": 2}, {"inventory_id": 1501}, {"inventory_id": 1502, "quantity": 1}]
CHANGED = "/tickets/4321/inventory"  # This ticket holds 20 each of the parts 248, 379 and 510.
REFUSED = {
    "inventory_list without a token": ("GET", READS["inventory_list"], None),
    "inventory_get without a token": ("GET", READS["inventory_get"], None),
    "ticket_get without a token": ("GET", READS["ticket_get"], None),
    "tickets_page without a token": ("GET", READS["tickets_page"], None),
    "ticket_post without a token": ("POST", "/tickets", ORDER | {"parts": PARTS}),
    "ticket_put without a token": ("PUT", CHANGED, {"add_parts": PARTS}),
    "inventory_get of none": ("GET", "/inventory/99999999", None),
    "ticket_get of none": ("GET", "/tickets/99999999", None),
    "ticket_put of none": ("PUT", "/tickets/99999999/inventory", {"add_parts": PARTS}),
    "ticket_post of an unknown part": ("POST", "/tickets", ORDER | {"parts": [*PARTS, {"inventory_id": 99999999, "quantity": 1}]}),
    "ticket_post of an unknown mechanic": ("POST", "/tickets", ORDER | {"mechanic_ids": [3, 99999999]}),
    "ticket_post of more than there is": ("POST", "/tickets", ORDER | {"parts": [*PARTS, {"inventory_id": 1503, "quantity": 200000000}]}),
    "ticket_put on of more than there is": ("PUT", CHANGED, {"add_parts": [*PARTS, {"inventory_id": 1503, "quantity": 200000000}]}),
    "ticket_put off of more than it holds": ("PUT", CHANGED, {"add_parts": PARTS, "remove_parts": [{"inventory_id": 379, "quantity": 21}]}),
}
WATCHED = [248, 379, 1501, 1502, 1503]


def blurred(value: object) -> object:
    """Reduce a value that may differ to its form."""
    return re.sub(r"\d+", "0", value) if isinstance(value, str) else value if value is None else type(value)()


def plain(answer: Answer, *blur: str) -> dict:
    """Return the compared parts of a response. Every updated_at is blurred, since an earlier run may have changed it."""
    if answer.status >= 400:
        return {"status": answer.status}
    records = answer.body if isinstance(answer.body, list) else [answer.body]
    for record in records:
        for key in {"updated_at", *blur} & set(record):
            record[key] = blurred(record[key])
    return {
        "status": answer.status,
        "Content-Type": answer.headers.get_content_type(),
        "X-Total-Count": answer.headers["X-Total-Count"],
        "Link": {rel: True for rel in sorted(re.findall(r'rel="?(\w+)', answer.headers["Link"] or ""))},
        "Location": answer.headers["Location"] and blurred(urlsplit(answer.headers["Location"]).path),
        "body": answer.body,
    }


def stock(client: Client) -> dict[int, int]:
    return {part: client.call("GET", f"/inventory/{part}").body["quantity"] for part in WATCHED}


def observe(client: Client) -> dict[str, dict]:
    """Send every request to a server; return the responses and the effect of the writes on the stock."""
    seen = {name: plain(client.call("GET", path)) for name, path in READS.items()}
    before = stock(client)

    def moved() -> dict[int, int]:
        return {part: quantity - before[part] for part, quantity in stock(client).items()}

    created = client.call("POST", "/tickets", ORDER | {"parts": PARTS})
    seen["ticket_post"] = plain(created, "id", "created_at") | {"stock": moved()}
    if created.status == 201:
        read_again = client.call("GET", created.headers["Location"].removeprefix(client.url))
        seen["ticket_get of the new one"] = plain(read_again, "id", "created_at")
        client.call("DELETE", created.headers["Location"].removeprefix(client.url))  # The peers lack this route; their databases are copies.
    before = stock(client)
    changed = client.call("PUT", CHANGED, {"add_parts": [{"inventory_id": 248, "quantity": 1}], "remove_parts": [{"inventory_id": 379, "quantity": 1}]})
    seen["ticket_put"] = plain(changed) | {"stock": moved()}
    client.call("PUT", CHANGED, {"add_parts": [{"inventory_id": 379, "quantity": 1}], "remove_parts": [{"inventory_id": 248, "quantity": 1}]})
    for name, (method, path, body) in REFUSED.items():
        seen[name] = {"status": client.call(method, path, body, signed_in="without a token" not in name).status}
    seen["stock after all"] = moved()
    return seen


def differences(base: object, other: object, where: str) -> Iterator[tuple[str, str]]:
    """Yield the place and the kind of each difference from the base. An integer may stand for a float, but not a float for an integer."""
    if isinstance(base, dict) and isinstance(other, dict):
        for key in base:
            if key in other:
                yield from differences(base[key], other[key], f"{where}.{key}")
            else:
                yield f"{where}.{key}", "is missing"
    elif isinstance(base, list) and isinstance(other, list):
        if len(base) != len(other):
            yield where, f"has {len(other)} elements, the base {len(base)}"
        for index, pair in enumerate(zip(base, other)):
            yield from differences(*pair, f"{where}[{index}]")
    elif type(base) is not type(other) and not (isinstance(base, float) and type(other) is int):
        yield where, f"is {other!r} ({type(other).__name__}), the base's {base!r} ({type(base).__name__})"
    elif base != other:
        yield where, f"is {other!r}, the base's {base!r}"


def besides(base: object, other: object, where: str) -> Iterator[str]:
    """Yield the fields of a response that the base lacks."""
    if isinstance(base, dict) and isinstance(other, dict):
        yield from (f"{where}.{key}" for key in other.keys() - base.keys())
        for key in base.keys() & other.keys():
            yield from besides(base[key], other[key], f"{where}.{key}")
    elif isinstance(base, list) and isinstance(other, list):
        for pair in zip(base, other):
            yield from besides(*pair, f"{where}[]")


def check(clients: dict[str, Client], base: str) -> bool:
    """Print the differences of each server from the base, and return True if there are none."""
    expected = observe(clients[base])
    fine = True
    for name, client in clients.items():
        if name == base:
            continue
        seen = observe(client)
        found = {}
        for where, what in differences(expected, seen, name):
            found.setdefault(re.sub(r"\[\d+\]", "[]", where), []).append(f"{where} {what}")
        print(f"{name}: {f'differs from {base}' if found else f'as {base}'}")
        for first, *others in found.values():
            print(f"  {first}{f' (and {len(others)} more like it)' if others else ''}")
        for line in sorted(set(besides(expected, seen, name))):
            print(f"  besides: {line}")
        fine = fine and not found
    if fine:
        print("All answer alike.")
    return fine
