"""A running shop on an empty database, and a seeder that fills it over the API."""

import random
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Engine

from tests.support import sabotage, services
from tests.support.servers import Redis
from tests.support.shop import PASSWORD, Client, Shop


@contextmanager
def shop_on(kind: str, *, workers: int = 4, mistake: str | None = None, **settings: str) -> Iterator[Shop]:
    """Run a shop with ``workers`` workers and a private Redis, or with one worker on SQLite.

    ``mistake`` names a mistake in :mod:`tests.support.sabotage` to build in.
    """
    with ExitStack() as stack:
        name = f"shop_proof_{uuid.uuid4().hex[:12]}"
        url = services.fresh_database(kind, name)
        stack.callback(services.drop_database, kind, name)
        if kind == "sqlite":
            shop = Shop(url, **settings)
        else:
            redis = Redis()
            stack.callback(redis.remove)
            shop = Shop(url, redis=redis.start().url, workers=workers, **settings)
        if mistake:
            shop.program.command = [sys.executable, str(sabotage.__file__), mistake]
        stack.callback(shop.remove)
        yield shop.start()


class Seeder:
    """Create records over the API: an admin, ``size`` signed-in mechanics and one customer to begin with."""

    def __init__(self, shop: Shop, size: int) -> None:
        self.shop = shop
        self.admin: Client = shop.client(shop.admin_token())
        hired = [self.hire() for _ in range(size)]
        self.tokens, self.mechanics = [mechanic.token for mechanic in hired], [mechanic.id for mechanic in hired]
        self.customer = self.create("/customers", {"name": "Ann", "email": self.unique_email(), "password": PASSWORD})["id"]

    def unique_email(self) -> str:
        return f"{uuid.uuid4().hex}@example.com"

    def create(self, path: str, body: dict[str, Any]) -> Any:
        response = self.admin.call("POST", path, body)
        assert response.status == 201, response
        return response.body

    def hire(self, role: str = "mechanic") -> SimpleNamespace:
        """Create a mechanic or an admin and sign in."""
        body = {"name": "Max", "phone": "555-0100", "salary": 40_000, "role": role}
        login = {"email": self.unique_email(), "password": PASSWORD}
        hired = self.create("/mechanics", body | login)
        token = self.admin.call("POST", "/mechanics/login", login).body["token"]
        return SimpleNamespace(id=hired["id"], token=token, path=f"/mechanics/{hired['id']}", **login)

    def create_parts(self, count: int, quantity: int) -> list[int]:
        """Create ``count`` parts with ``quantity`` in stock each. Return their ids."""
        part = {"name": "Brake pad", "price": 9.99, "quantity": quantity}
        return [self.create("/inventory", part)["id"] for _ in range(count)]

    def ticket_body(self, vin: str, parts: list[dict[str, int]] | None = None) -> dict[str, Any]:
        """Return the body of a new ticket of the customer with up to two random mechanics."""
        body: dict[str, Any] = {"customer_id": self.customer, "service_date": "2026-11-24", "description": "Rush", "vin": vin}
        mechanic_ids = random.sample(self.mechanics, min(2, len(self.mechanics)))
        return body | {"mechanic_ids": mechanic_ids} | ({"parts": parts} if parts else {})

    def create_tickets(self, count: int) -> list[int]:
        """Create ``count`` tickets without parts. Return their ids."""
        return [self.create("/tickets", self.ticket_body(self.unique_vin()))["id"] for _ in range(count)]

    @staticmethod
    def unique_vin() -> str:
        return uuid.uuid4().hex.upper()


@contextmanager
def open_engine(shop: Shop) -> Iterator[Engine]:
    """Yield an engine on the shop's database and dispose of it afterwards."""
    engine = shop.engine()
    try:
        yield engine
    finally:
        engine.dispose()
