"""Long lists."""

from datetime import datetime

import pytest
from sqlalchemy import insert

from app.models import service_tickets


@pytest.fixture
def many(engine, make):
    """A shop with so many tickets, some of each day, as many as it takes for several batches."""

    def tickets(number):
        owner = make.customer().id
        dated = {"created_at": datetime(2026, 1, 1), "updated_at": datetime(2026, 1, 1), "version": 1}
        rows = [
            {"customer_id": owner, "service_date": datetime(2026, 1, 1 + each % 28), "description": f"Visit {each}", "vin": "V"}
            for each in range(number)
        ]
        with engine.begin() as connection:
            connection.execute(insert(service_tickets), [row | dated for row in rows])

    return tickets
