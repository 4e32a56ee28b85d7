"""Fixtures for the tests of tickets."""

import pytest


@pytest.fixture
def change_parts(staff):
    """Return a function that changes the parts of a ticket: ``change_parts(ticket, on((part, 1)), …)``."""

    def send(ticket, *bodies):
        return staff.put(f"/tickets/{ticket.id}/inventory", json={key: each for body in bodies for key, each in body.items()})

    return send
