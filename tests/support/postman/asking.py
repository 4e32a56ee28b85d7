"""How a request of the day is described, and how it is written as an item of a Postman collection (v2.1)."""

import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

STORY = {404: "Not Found", 413: "Content Too Large", 422: "Unprocessable Content"}
"""The names of RFC 9110 where Python's differ from version to version."""
PATIENCE = """\
if (pm.response.code === 429) {
    // Too many logins this minute: wait as long as the shop says, and ask once more.
    pm.execution.setNextRequest(pm.info.requestName);
    setTimeout(() => {}, 1000 * pm.response.headers.get("Retry-After"));
}"""


@dataclass(frozen=True)
class Ask:
    """One request: who asks for what, what must come back, and what later requests need of it."""

    name: str
    call: str
    """Method and path as the document writes it, with the query: ``GET /tickets/{ticket_id}``."""
    status: int
    by: str = ""
    """Whose token goes along: ``admin`` for ``{{admin_token}}``; nobody's where it is empty."""
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    at: dict[str, str] = field(default_factory=dict)
    """Path variables that are not the variable of the same name."""
    shows: dict[str, str] = field(default_factory=dict)
    """What a test says → the JavaScript that holds it; ``body`` is the answer, ``kept(name)`` a variable."""
    keep: dict[str, str] = field(default_factory=dict)
    """A variable of the collection → the JavaScript that it is kept from."""
    before: str = ""
    """JavaScript that runs before the request."""
    why: str = ""

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

    # ------------------------------------------------------------ as Postman has it
    def item(self, optional: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        """The item, with the parameters that the endpoint offers besides, switched off."""
        events = [event("prerequest", self.before)] if self.before else []
        return {
            "name": self.name,
            "event": [*events, event("test", self.script())],
            "request": self.request(optional),
            "response": [],
        }

    def request(self, optional: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        given = {name for name, _ in self.query}
        query = [{"key": name, "value": value} for name, value in self.query]
        query += [each for each in optional["query"] if each["key"] not in given]
        headers = [{"key": name, "value": value} for name, value in self.headers.items()]
        headers += [each for each in optional["header"] if each["key"] not in self.headers]
        path = [re.sub(r"^{(.+)}$", r":\1", part) for part in self.path.strip("/").split("/")]
        sent = "&".join(f"{name}={value}" for name, value in self.query)
        url: dict[str, Any] = {"raw": "{{base_url}}/" + "/".join(path) + (f"?{sent}" if sent else "")}
        url |= {"host": ["{{base_url}}"], "path": path}
        if query:
            url["query"] = query
        if names := re.findall("{(.+?)}", self.path):
            url["variable"] = [{"key": name, "value": self.at.get(name, f"{{{{{name}}}}}")} for name in names]
        request: dict[str, Any] = {"method": self.method, "auth": bearer(self.by), "header": headers, "url": url}
        if self.body is not None:
            request["body"] = {"mode": "raw", "raw": written(self.body), "options": {"raw": {"language": "json"}}}
        if self.why:
            request["description"] = self.why
        return request

    def script(self) -> str:
        """The tests, and what is kept for later where the answer is the one that was hoped for."""
        phrase = STORY.get(self.status) or HTTPStatus(self.status).phrase
        lines = [f'pm.test("{self.status} {phrase}", () => pm.response.to.have.status({self.status}));']
        code = "\n".join([*self.shows.values(), *self.keep.values()])
        if re.search(r"\bkept\(", code):
            lines += ["const kept = (name) => pm.collectionVariables.get(name);"]
        if re.search(r"\bheader\(", code):
            lines += ["const header = (name) => pm.response.headers.get(name);"]
        if re.search(r"\bbody\b", code):
            lines += ["const body = pm.response.json();"]
        lines += [f"pm.test({json.dumps(said)}, () => {{ {test}; }});" for said, test in self.shows.items()]
        if self.keep:
            lines += [f"if (pm.response.code === {self.status}) {{"]
            lines += [f'    pm.collectionVariables.set("{name}", {value});' for name, value in self.keep.items()]
            lines += ["}"]
        if self.is_login:
            lines = [f"{PATIENCE} else {{", *(f"    {line}" for line in lines), "}"]
        return "\n".join(lines)


def event(kind: str, script: str) -> dict[str, Any]:
    return {"listen": kind, "script": {"type": "text/javascript", "exec": script.splitlines()}}


def bearer(name: str) -> dict[str, Any]:
    if not name:
        return {"type": "noauth"}
    return {"type": "bearer", "bearer": [{"key": "token", "value": f"{{{{{name}_token}}}}", "type": "string"}]}


def written(body: Any) -> str:
    """A body as a person would write it, ids without quotation marks."""
    return re.sub(r'"({{\w+_id}})"', r"\1", json.dumps(body, indent=2, ensure_ascii=False))
