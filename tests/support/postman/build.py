"""Writes docs/postman: ``make docs``.

The day is described in opening.py, counter.py, bay.py and closing.py. A shop is started, newman plays the day
against it, and what the shop answered becomes the saved examples. Never edit what it writes by hand.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from config import ROOT
from tests.support.postman import bay, closing, counter, opening
from tests.support.postman.asking import Ask, event
from tests.support.start import ADMIN, Start, copy_of_the_shop

FOLDER = ROOT / "docs" / "postman"
COLLECTION, ENVIRONMENT = FOLDER / "MyMechanicShop.postman_collection.json", FOLDER / "local.postman_environment.json"
NEWMAN = ROOT / "tests" / "postman" / "node_modules" / ".bin" / "newman"
DAY = {
    "1 · Before the doors open": ("Does it run, and what is it?", opening.DOORS),
    "2 · The owner comes in": ("An admin signs in, and hires.", opening.OWNER),
    "3 · The shift begins": ("A mechanic signs in.", opening.SHIFT),
    "4 · Parts arrive": ("The stock, what it costs, and the ledger.", opening.PARTS),
    "5 · A customer at the counter": ("They register, sign in, and see themselves alone.", counter.CUSTOMER),
    "6 · The ticket is opened": ("Its parts leave the stock with it, whatever the line does.", counter.TICKETS),
    "7 · Who works on it": ("Mechanics on a ticket.", bay.CREW),
    "8 · What goes on it": ("Parts on a ticket, and off again.", bay.LINES),
    "9 · The customer asks": ("Their own tickets.", closing.ASKS),
    "10 · The office looks things up": ("Filters and pages.", closing.OFFICE),
    "11 · The books": ("The same lists as CSV.", closing.SHEETS),
    "12 · Closing time": ("What the day has made is tidied away, so that it can be played again.", closing.CLOSING),
}
ABOUT = """\
A day at the shop, from top to bottom: every endpoint, with its answers and its errors as saved examples.

1. Start the shop: `make run`. Its first start prints the first admin's email and password.
2. Import this collection and the environment beside it, fill in `admin_email` and `admin_password`, and choose it.
3. Run the collection. Tokens and ids are carried over by it; what it makes it deletes again at the end.

It expects the limits as they are by default, of which registrations (20 an hour) let it pass five times an hour;
where logins run out (10 a minute), it waits. Requests that are switched off in an address or its headers are what
the endpoint offers besides.
"""
EVERY_ANSWER = """\
pm.test("no error of the shop's own", () => pm.expect(pm.response.code).to.be.below(500));
if (pm.response.code >= 400) {
    pm.test("a problem as RFC 9457 describes it", () => {
        pm.expect(pm.response.headers.get("Content-Type")).to.include("application/problem+json");
        pm.expect(pm.response.json()).to.include({status: pm.response.code, type: "about:blank"});
    });
}"""
SHOWN_HEADERS = {
    "content-type",
    "location",
    "link",
    "etag",
    "cache-control",
    "x-total-count",
    "www-authenticate",
    "retry-after",
}
SHOWN_HEADERS |= {"idempotency-replayed", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}


# ---------------------------------------------------------------- what is written
def asks() -> list[Ask]:
    return [ask for _, folder in DAY.values() for ask in folder]


def collection(document: dict[str, Any]) -> dict[str, Any]:
    """The collection without examples. The first request to an endpoint offers all its parameters."""
    seen: set[str] = set()
    folders = []
    for name, (about, folder) in DAY.items():
        items = []
        for ask in folder:
            first = f"{ask.method} {ask.path}" not in seen
            seen.add(f"{ask.method} {ask.path}")
            items.append(ask.item(parameters(document, ask) if first else {"query": [], "header": []}))
        folders.append({"name": name, "description": about, "item": items})
    kept = ["run", *dict.fromkeys(name for ask in asks() for name in ask.keep)]
    return {
        "info": {
            "name": "MyMechanicShop",
            "description": ABOUT,
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "item": folders,
        "event": [event("test", EVERY_ANSWER)],
        "variable": [{"key": name, "value": ""} for name in kept],
    }


def environment() -> dict[str, Any]:
    """What the tester fills in."""
    values = {"base_url": "http://localhost:5000", "admin_email": "admin@example.com", "admin_password": ""}
    kinds = {"admin_password": "secret"}
    return {
        "name": "MyMechanicShop, local",
        "values": [
            {"key": key, "value": value, "type": kinds.get(key, "default"), "enabled": True} for key, value in values.items()
        ],
        "_postman_variable_scope": "environment",
    }


def parameters(document: dict[str, Any], ask: Ask) -> dict[str, list[dict[str, Any]]]:
    """The query parameters and headers of an endpoint, switched off."""
    offered: list[dict[str, Any]] = document["paths"].get(ask.path, {}).get(ask.method.lower(), {}).get("parameters", [])
    return {
        place: [
            {"key": each["name"], "value": "", "description": each.get("description", ""), "disabled": True}
            for each in offered
            if each["in"] == place
        ]
        for place in ("query", "header")
    }


def written(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


# ---------------------------------------------------------------- what the shop answers
def play(
    shop: Start, path: Path, password: str = ADMIN["ADMIN_PASSWORD"]
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """Let newman play a collection from top to bottom; (how it ended, its report)."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        given = {"base_url": f"http://127.0.0.1:{shop.port}", "admin_email": ADMIN["ADMIN_EMAIL"], "admin_password": password}
        variables = [part for name, value in given.items() for part in ("--env-var", f"{name}={value}")]
        command = [str(NEWMAN), "run", str(path), "-e", str(ENVIRONMENT), *variables]
        command += ["--color", "off", "-r", "cli,json", "--reporter-json-export", str(report), "--reporter-cli-no-banner"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        return ran, json.loads(report.read_text("utf-8"))["run"]


def answers(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The answer to each request of a run, by its name, as Postman saves an example."""
    return {each["item"]["name"]: example(each["item"]["name"], each["response"]) for each in run["executions"]}


def example(name: str, response: dict[str, Any]) -> dict[str, Any]:
    body = bytes(response["stream"]["data"]).decode() if response.get("stream") else ""
    headers = [
        {"key": each["key"], "value": each["value"]} for each in response["header"] if each["key"].lower() in SHOWN_HEADERS
    ]
    kind = next((each["value"] for each in headers if each["key"].lower() == "content-type"), "")
    if "json" in kind and body:
        value = json.loads(body)
        if "openapi" in value:
            value = {"openapi": value["openapi"], "info": value["info"]}
        if "token" in value:
            value["token"] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.…"
        body = json.dumps(value, indent=2, ensure_ascii=False)
    elif "html" in kind:
        body = body.partition("</title>")[0] + "</title>…"
    return {
        "name": f"{response['code']} · {name}",
        "status": response["status"],
        "code": response["code"],
        "_postman_previewlanguage": next((each for each in ("json", "html", "csv") if each in kind), "text"),
        "header": headers,
        "cookie": [],
        "body": body,
    }


def requests_of(built: dict[str, Any]) -> list[dict[str, Any]]:
    return [item for folder in built["item"] for item in folder["item"]]


def endpoint(item: dict[str, Any]) -> str:
    """``PUT /tickets/{ticket_id}`` of a request."""
    return f"{item['request']['method']} /" + "/".join(
        re.sub("^:(.+)$", r"{\1}", part) for part in item["request"]["url"]["path"]
    )


def add_examples(built: dict[str, Any], found: dict[str, dict[str, Any]]) -> None:
    """Save each answer with its request, and all answers of an endpoint with the first request to it."""
    first: dict[str, dict[str, Any]] = {}
    for item in requests_of(built):
        saved = found[item["name"]]
        saved = {"name": saved["name"], "originalRequest": item["request"]} | saved
        item["response"].append(saved)
        if first.setdefault(endpoint(item), item) is not item:
            first[endpoint(item)]["response"].append(saved)


def main() -> None:
    document = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))
    built = collection(document)
    FOLDER.mkdir(exist_ok=True)
    ENVIRONMENT.write_text(written(environment()), "utf-8")
    COLLECTION.write_text(written(built), "utf-8")
    with tempfile.TemporaryDirectory() as folder, Start(copy_of_the_shop(Path(folder)), **ADMIN) as shop:
        ran, run = play(shop, COLLECTION)
    if ran.returncode:
        sys.exit(ran.stdout)
    add_examples(built, answers(run))
    COLLECTION.write_text(written(built), "utf-8")


if __name__ == "__main__":
    main()
