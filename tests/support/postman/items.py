"""Describe a request, and write it as an item of a Postman collection (v2.1)."""

import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

PHRASES = {404: "Not Found", 413: "Content Too Large", 422: "Unprocessable Content"}
"""The names of RFC 9110 where Python's differ from version to version."""
RETRY_LOGIN = """\
if (pm.response.code === 429) {
    // Too many logins this minute: wait for Retry-After, then send the request again.
    pm.execution.setNextRequest(pm.info.requestName);
    setTimeout(() => {}, 1000 * pm.response.headers.get("Retry-After"));
}"""


@dataclass(frozen=True)
class Request:
    """Describe one request, the checks of its response and the variables that later requests use."""

    name: str
    call: str
    """Method and path as in docs/openapi.json, with the query: ``GET /tickets/{ticket_id}``."""
    status: int
    by: str = ""
    """The caller: ``admin`` sends ``{{admin_token}}``; empty sends no token."""
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    path_values: dict[str, str] = field(default_factory=dict)
    """Values of path parameters; by default, the variable of the same name."""
    checks: dict[str, str] = field(default_factory=dict)
    """Name of a check → its JavaScript; ``body`` is the response, ``variable(name)`` a variable of the collection."""
    saves: dict[str, str] = field(default_factory=dict)
    """Variable of the collection → the JavaScript of its value."""
    before: str = ""
    """JavaScript that runs before the request."""
    description: str = ""

    @property
    def method(self) -> str:
        return self.call.split()[0]

    @property
    def path(self) -> str:
        return self.call.split()[1].partition("?")[0]

    @property
    def query(self) -> list[list[str]]:
        text = self.call.split(maxsplit=1)[1].partition("?")[2]
        return [each.split("=", 1) for each in text.split("&")] if text else []

    @property
    def is_login(self) -> bool:
        return self.path.endswith("/login")

    def item(self, optional: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        """Return the item; other parameters of the endpoint are disabled."""
        events = [event("prerequest", self.before)] if self.before else []
        return {
            "name": self.name,
            "event": [*events, event("test", self.script())],
            "request": self.request(optional),
            "response": [],
        }

    def request(self, optional: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        sent_names = {name for name, _ in self.query}
        query = [{"key": name, "value": value} for name, value in self.query]
        query += [each for each in optional["query"] if each["key"] not in sent_names]
        headers = [{"key": name, "value": value} for name, value in self.headers.items()]
        headers += [each for each in optional["header"] if each["key"] not in self.headers]
        path = [re.sub(r"^{(.+)}$", r":\1", part) for part in self.path.strip("/").split("/")]
        sent = "&".join(f"{name}={value}" for name, value in self.query)
        url: dict[str, Any] = {"raw": "{{base_url}}/" + "/".join(path) + (f"?{sent}" if sent else "")}
        url |= {"host": ["{{base_url}}"], "path": path}
        if query:
            url["query"] = query
        if names := re.findall("{(.+?)}", self.path):
            url["variable"] = [{"key": name, "value": self.path_values.get(name, f"{{{{{name}}}}}")} for name in names]
        request: dict[str, Any] = {"method": self.method, "auth": bearer(self.by), "header": headers, "url": url}
        if self.body is not None:
            request["body"] = {"mode": "raw", "raw": as_json(self.body), "options": {"raw": {"language": "json"}}}
        if self.description:
            request["description"] = self.description
        return request

    def script(self) -> str:
        """Return the tests; variables are saved if the status is the expected one."""
        phrase = PHRASES.get(self.status) or HTTPStatus(self.status).phrase
        lines = [f'pm.test("{self.status} {phrase}", () => pm.response.to.have.status({self.status}));']
        code = "\n".join([*self.checks.values(), *self.saves.values()])
        if re.search(r"\bvariable\(", code):
            lines += ["const variable = (name) => pm.collectionVariables.get(name);"]
        if re.search(r"\bheader\(", code):
            lines += ["const header = (name) => pm.response.headers.get(name);"]
        if re.search(r"\bbody\b", code):
            lines += ["const body = pm.response.json();"]
        lines += [f"pm.test({json.dumps(name)}, () => {{ {test}; }});" for name, test in self.checks.items()]
        if self.saves:
            lines += [f"if (pm.response.code === {self.status}) {{"]
            lines += [f'    pm.collectionVariables.set("{name}", {value});' for name, value in self.saves.items()]
            lines += ["}"]
        if self.is_login:
            lines = [f"{RETRY_LOGIN} else {{", *(f"    {line}" for line in lines), "}"]
        return "\n".join(lines)


def event(kind: str, script: str) -> dict[str, Any]:
    return {"listen": kind, "script": {"type": "text/javascript", "exec": script.splitlines()}}


def bearer(name: str) -> dict[str, Any]:
    if not name:
        return {"type": "noauth"}
    return {"type": "bearer", "bearer": [{"key": "token", "value": f"{{{{{name}_token}}}}", "type": "string"}]}


def as_json(body: Any) -> str:
    """Return a body as JSON, with ids without quotation marks."""
    return re.sub(r'"({{\w+_id}})"', r"\1", json.dumps(body, indent=2, ensure_ascii=False))
