"""A small HTTP client: bearer token, JSON requests and responses, and no exception for an error status."""
import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: object


@dataclass
class Client:
    url: str
    token: str

    def call(self, method: str, path: str, body: dict | None = None, signed_in: bool = True) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}"} if signed_in else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        try:
            response = urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers, method=method), timeout=30)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            text = response.read()
            try:
                return Answer(response.status, response.headers, json.loads(text))
            except ValueError:
                return Answer(response.status, response.headers, text.decode(errors="replace"))
