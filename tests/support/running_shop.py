"""A shop on an empty database of a kind, with people who work in it; whatever was started ends with it."""

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
    """A shop with so many workers that share a Redis of their own, or with one on SQLite; sabotaged where a mistake of
    :mod:`tests.support.sabotage` is named."""
    with ExitStack() as ending:
        name = f"shop_proof_{uuid.uuid4().hex[:12]}"
        url = services.fresh_database(kind, name)
        ending.callback(services.drop_database, kind, name)
        if kind == "sqlite":
            shop = Shop(url, **settings)
        else:
            redis = Redis()
            ending.callback(redis.remove)
            shop = Shop(url, redis=redis.start().url, workers=workers, **settings)
        if mistake:
            shop.program.command = [sys.executable, str(sabotage.__file__), mistake]
        ending.callback(shop.remove)
        yield shop.start()


class Crew:
    """The people of a shop: its admin, mechanics who are signed in, and a customer with a car."""

    def __init__(self, shop: Shop, size: int) -> None:
        self.shop = shop
        self.admin: Client = shop.client(shop.admin_token())
        hired = [self.hire() for _ in range(size)]
        self.tokens, self.mechanics = [each.token for each in hired], [each.id for each in hired]
        self.customer = self.made("/customers", {"name": "Ann", "email": self.email(), "password": PASSWORD})["id"]

    def email(self) -> str:
        return f"{uuid.uuid4().hex}@example.com"

    def made(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.admin.call("POST", path, body)
        assert answer.status == 201, answer
        return answer.body

    def hire(self, role: str = "mechanic") -> SimpleNamespace:
        """Hire someone and sign them in."""
        body = {"name": "Max", "phone": "555-0100", "salary": 40_000, "role": role}
        login = {"email": self.email(), "password": PASSWORD}
        hired = self.made("/mechanics", body | login)
        token = self.admin.call("POST", "/mechanics/login", login).body["token"]
        return SimpleNamespace(id=hired["id"], token=token, path=f"/mechanics/{hired['id']}", **login)

    def parts(self, count: int, quantity: int) -> list[int]:
        """So many parts with so much in stock of each; their ids."""
        part = {"name": "Brake pad", "price": 9.99, "quantity": quantity}
        return [self.made("/inventory", part)["id"] for _ in range(count)]

    def ticket(self, vin: str, parts: list[dict[str, int]] | None = None) -> dict[str, Any]:
        """The body of a new ticket of the customer, with some of the mechanics."""
        body: dict[str, Any] = {"customer_id": self.customer, "service_date": "2026-11-24", "description": "Rush", "vin": vin}
        some = random.sample(self.mechanics, min(2, len(self.mechanics)))
        return body | {"mechanic_ids": some} | ({"parts": parts} if parts else {})

    def tickets(self, count: int) -> list[int]:
        """So many open tickets without parts; their ids."""
        return [self.made("/tickets", self.ticket(self.vin()))["id"] for _ in range(count)]

    @staticmethod
    def vin() -> str:
        """One that no other ticket has, so that a ticket can be found by it."""
        return uuid.uuid4().hex.upper()


@contextmanager
def looking(shop: Shop) -> Iterator[Engine]:
    """An engine on the shop's database, to look at what is left behind."""
    engine = shop.engine()
    try:
        yield engine
    finally:
        engine.dispose()
