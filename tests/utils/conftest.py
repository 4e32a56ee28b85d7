"""Apps with settings of their own, beside the one that all tests share."""

import pytest

from app import create_app
from app.extensions import limiter
from app.utils.db.transactions import retried
from config import Settings
from tests.conftest import ENVIRONMENT


@pytest.fixture
def another_app(tmp_path):
    """Make an app with other settings, on no database that is used: ``another_app(CORS_ORIGINS="*")``.

    The limiter is one for the whole process and serves the last app that was made; afterwards it serves the shared
    one again."""
    kept = dict(vars(limiter))
    address = {"DATABASE_URL": f"sqlite:///{tmp_path}/another.db"}
    yield lambda **settings: create_app(Settings.load(ENVIRONMENT | address | settings))
    vars(limiter).update(kept)


@pytest.fixture
def order(make):
    """Return the body of a ticket with a mechanic and two pieces of a part of which there are ten, and the part."""
    part = make.part(quantity=10)
    body = {"customer_id": make.customer().id, "service_date": "2026-11-24", "description": "Pads", "vin": "V1"}
    return body | {"mechanic_ids": [make.mechanic().id], "parts": [{"inventory_id": part.id, "quantity": 2}]}, part


@pytest.fixture
def retries():
    """Return a list with an entry for each retry of a transaction or a read."""
    seen = []

    def note(_):
        seen.append(1)

    with retried.connected_to(note):
        yield seen
