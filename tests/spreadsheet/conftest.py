"""Fixtures for long lists."""

from datetime import datetime

import pytest
from sqlalchemy import insert

from app.models import service_tickets


@pytest.fixture
def make_tickets(engine, make):
    """Return a function that creates many tickets, several on each day."""

    def create(number):
        owner = make.customer().id
        dated = {"created_at": datetime(2026, 1, 1), "updated_at": datetime(2026, 1, 1), "version": 1}
        rows = [
            {"customer_id": owner, "service_date": datetime(2026, 1, 1 + each % 28), "description": f"Visit {each}", "vin": "V"}
            for each in range(number)
        ]
        with engine.begin() as connection:
            connection.execute(insert(service_tickets), [row | dated for row in rows])

    return create
