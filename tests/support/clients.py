"""Clients of the shop with the accounts of people, and a factory of records."""

from itertools import count
from types import SimpleNamespace
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert
from werkzeug.test import TestResponse

from app.extensions import db
from app.models import customers, mechanics
from app.utils.auth.passwords import hash_password
from app.utils.auth.tokens import make_token
from tests.support.environment import PASSWORD

PASSWORD_HASH = hash_password(PASSWORD)


class Person:
    """A client of the shop, with the token and the record of an account, or without a token."""

    def __init__(self, app: Flask, token: str | None = None, record: dict[str, Any] | None = None) -> None:
        self.app = app
        self.token = token
        self.record = record or {}

    @property
    def id(self) -> int:
        return int(self.record["id"])

    def open(self, method: str, path: str, **kwargs: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        client: FlaskClient = self.app.test_client()
        return client.open(path, method=method, headers=headers | kwargs.pop("headers", {}), **kwargs)

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("GET", path, **kwargs)

    def post(self, path: str, json: Any = None, **kwargs: Any) -> TestResponse:
        return self.open("POST", path, **({"json": json} if json is not None else {}), **kwargs)

    def put(self, path: str, json: Any = None, **kwargs: Any) -> TestResponse:
        return self.open("PUT", path, **({"json": json} if json is not None else {}), **kwargs)

    def delete(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("DELETE", path, **kwargs)


class Maker:
    """Create records: over HTTP as an admin, except accounts, which share one password hash because hashing is slow."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.numbers = count(1)
        self.creator = self.account(mechanics, role="admin", salary_cents=0)

    def account(self, table: Any, **given: Any) -> Person:
        number = next(self.numbers)
        values = {"name": f"Person {number}", "email": f"person{number}@example.com", "phone": f"555-{number:04}"}
        values |= {"password_hash": PASSWORD_HASH} | given
        with self.app.app_context():
            with db.engine.begin() as connection:
                key = connection.execute(insert(table).values(values)).inserted_primary_key[0]
            kind = "customer" if table is customers else "mechanic"
            token = make_token(kind, key, 1)
        return Person(self.app, token, values | {"id": key})

    def customer(self, **given: Any) -> Person:
        return self.account(customers, **given)

    def mechanic(self, **given: Any) -> Person:
        return self.account(mechanics, **({"salary_cents": 4_000_000} | given))

    def admin(self, **given: Any) -> Person:
        return self.mechanic(role="admin", **given)

    def part(self, **given: Any) -> SimpleNamespace:
        """Create a part; by default with 10 in stock at 9.99."""
        number = next(self.numbers)
        return self.create("/inventory", {"name": f"Part {number}", "price": 9.99, "quantity": 10} | given)

    def ticket(self, **given: Any) -> SimpleNamespace:
        """Create a ticket; by default of a new customer, without mechanics and parts."""
        number = next(self.numbers)
        body = {"service_date": "2026-11-24", "description": f"Visit {number}", "vin": f"VIN{number}"} | given
        if "customer_id" not in body:
            body["customer_id"] = self.customer().id
        return self.create("/tickets", body)

    def create(self, path: str, body: dict[str, Any]) -> SimpleNamespace:
        """POST a body as an admin, and return the created record."""
        response = self.creator.post(path, json=body)
        assert response.status_code == 201, response.text
        return SimpleNamespace(**response.json)  # type: ignore[arg-type]
