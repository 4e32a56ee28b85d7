"""Fixtures that the tests of several packages of app/utils share."""

import pytest

from app.utils.db.transactions import retried


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
