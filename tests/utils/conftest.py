"""Fixtures that the tests of several packages of app/utils share."""

import pytest

from app.utils.db.transactions import retried


@pytest.fixture
def order(make):
    """What opens a ticket with a mechanic, and two of a part of which there are ten; and the part."""
    part = make.part(quantity=10)
    body = {"customer_id": make.customer().id, "service_date": "2026-11-24", "description": "Pads", "vin": "V1"}
    return body | {"mechanic_ids": [make.mechanic().id], "parts": [{"inventory_id": part.id, "quantity": 2}]}, part


@pytest.fixture
def retries():
    """An entry for each time that something was tried again."""
    seen = []

    def note(_):
        seen.append(1)

    with retried.connected_to(note):
        yield seen
