"""Write docs/postman: ``make docs``.

The modules of this package describe the requests. newman runs them against a new shop, and the responses become the
saved examples.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from config import ROOT
from tests.support.postman import customers, deletions, inventory, lists, mechanics, site, ticket_lines, tickets
from tests.support.postman.items import Request, event
from tests.support.start import ADMIN, Start, copy_of_the_shop

FOLDER = ROOT / "docs" / "postman"
COLLECTION, ENVIRONMENT = FOLDER / "MyMechanicShop.postman_collection.json", FOLDER / "local.postman_environment.json"
NEWMAN = ROOT / "tests" / "postman" / "node_modules" / ".bin" / "newman"
FOLDERS = {
    "1 · Site": ("Start page, documentation and health checks.", site.SITE),
    "2 · Mechanics, as an admin": ("Sign in as an admin; create and change mechanics.", mechanics.AS_ADMIN),
    "3 · Mechanics, as a mechanic": ("Sign in as a mechanic; show and change the own record.", mechanics.AS_MECHANIC),
    "4 · Inventory": ("Parts, their stock and its ledger.", inventory.PARTS),
    "5 · Customers": ("Register and sign in as a customer; show and change the own record.", customers.CUSTOMERS),
    "6 · Tickets": ("Open, show and change tickets; retry with an Idempotency-Key.", tickets.TICKETS),
    "7 · Mechanics of a ticket": ("Add, remove and list the mechanics of a ticket.", ticket_lines.MECHANICS),
    "8 · Parts of a ticket": ("Add and remove the parts of a ticket.", ticket_lines.PARTS),
    "9 · Own tickets": ("List and show the caller's own tickets.", tickets.OWN_TICKETS),
    "10 · Shop and lists": ("The record of the shop; filters and pages.", lists.LISTS),
    "11 · CSV": ("Lists as CSV.", lists.CSV_FILES),
    "12 · Deletions": ("Delete the records of this run, so that the collection can be run again.", deletions.DELETIONS),
}
DESCRIPTION = """\
Every endpoint, with its responses and errors as saved examples. The requests build on each other: run them in order.

1. Start the shop: `make run`. Its first start prints the email and password of the first admin.
2. Import this collection and the environment beside it, fill in `admin_email` and `admin_password`, and select it.
3. Run the collection. It saves tokens and ids in variables, and deletes its records at the end.

The collection expects the default limits. With 20 registrations an hour it can run five times an hour; if logins run
out (10 a minute), it waits. Disabled query parameters and headers are optional ones of the endpoint.
"""
EVERY_RESPONSE = """\
pm.test("no server error", () => pm.expect(pm.response.code).to.be.below(500));
if (pm.response.code >= 400) {
    pm.test("a problem of RFC 9457", () => {
        pm.expect(pm.response.headers.get("Content-Type")).to.include("application/problem+json");
        pm.expect(pm.response.json()).to.include({status: pm.response.code, type: "about:blank"});
    });
}"""
EXAMPLE_HEADERS = {
    "content-type",
    "location",
    "link",
    "etag",
    "cache-control",
    "x-total-count",
    "www-authenticate",
    "retry-after",
}
EXAMPLE_HEADERS |= {"idempotency-replayed", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}


# ---------------------------------------------------------------- the collection
def all_requests() -> list[Request]:
    return [request for _, folder in FOLDERS.values() for request in folder]


def collection(document: dict[str, Any]) -> dict[str, Any]:
    """Return the collection without examples. The first request to an endpoint has all its parameters."""
    seen: set[str] = set()
    folders = []
    for name, (description, folder) in FOLDERS.items():
        items = []
        for request in folder:
            first = f"{request.method} {request.path}" not in seen
            seen.add(f"{request.method} {request.path}")
            items.append(request.item(parameters(document, request) if first else {"query": [], "header": []}))
        folders.append({"name": name, "description": description, "item": items})
    variables = ["run", *dict.fromkeys(name for request in all_requests() for name in request.saves)]
    return {
        "info": {
            "name": "MyMechanicShop",
            "description": DESCRIPTION,
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "item": folders,
        "event": [event("test", EVERY_RESPONSE)],
        "variable": [{"key": name, "value": ""} for name in variables],
    }


def environment() -> dict[str, Any]:
    """Return the environment: the variables that the user fills in."""
    values = {"base_url": "http://localhost:5000", "admin_email": "admin@example.com", "admin_password": ""}
    kinds = {"admin_password": "secret"}
    return {
        "name": "MyMechanicShop, local",
        "values": [
            {"key": key, "value": value, "type": kinds.get(key, "default"), "enabled": True} for key, value in values.items()
        ],
        "_postman_variable_scope": "environment",
    }


def parameters(document: dict[str, Any], request: Request) -> dict[str, list[dict[str, Any]]]:
    """Return the query parameters and headers of an endpoint, disabled."""
    documented: list[dict[str, Any]] = (
        document["paths"].get(request.path, {}).get(request.method.lower(), {}).get("parameters", [])
    )
    return {
        place: [
            {"key": each["name"], "value": "", "description": each.get("description", ""), "disabled": True}
            for each in documented
            if each["in"] == place
        ]
        for place in ("query", "header")
    }


def as_json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


# ---------------------------------------------------------------- the examples
def run_newman(
    shop: Start, path: Path, password: str = ADMIN["ADMIN_PASSWORD"]
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """Run a collection with newman. Return the process and its report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        values = {"base_url": f"http://127.0.0.1:{shop.port}", "admin_email": ADMIN["ADMIN_EMAIL"], "admin_password": password}
        variables = [part for name, value in values.items() for part in ("--env-var", f"{name}={value}")]
        command = [str(NEWMAN), "run", str(path), "-e", str(ENVIRONMENT), *variables]
        command += ["--color", "off", "-r", "cli,json", "--reporter-json-export", str(report), "--reporter-cli-no-banner"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        return ran, json.loads(report.read_text("utf-8"))["run"]


def examples(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the response to each request of a run, by name, as Postman saves an example."""
    return {each["item"]["name"]: example(each["item"]["name"], each["response"]) for each in run["executions"]}


def example(name: str, response: dict[str, Any]) -> dict[str, Any]:
    body = bytes(response["stream"]["data"]).decode() if response.get("stream") else ""
    headers = [
        {"key": each["key"], "value": each["value"]} for each in response["header"] if each["key"].lower() in EXAMPLE_HEADERS
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
    """Return method and path of a request, such as ``PUT /tickets/{ticket_id}``."""
    return f"{item['request']['method']} /" + "/".join(
        re.sub("^:(.+)$", r"{\1}", part) for part in item["request"]["url"]["path"]
    )


def add_examples(built: dict[str, Any], found: dict[str, dict[str, Any]]) -> None:
    """Save each response with its request, and all responses of an endpoint with its first request."""
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
    ENVIRONMENT.write_text(as_json(environment()), "utf-8")
    COLLECTION.write_text(as_json(built), "utf-8")
    with tempfile.TemporaryDirectory() as folder, Start(copy_of_the_shop(Path(folder)), **ADMIN) as shop:
        ran, run = run_newman(shop, COLLECTION)
    if ran.returncode:
        sys.exit(ran.stdout)
    add_examples(built, examples(run))
    COLLECTION.write_text(as_json(built), "utf-8")


if __name__ == "__main__":
    main()
