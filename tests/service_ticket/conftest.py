"""What the tests of tickets share."""

import pytest


@pytest.fixture
def parts_of(staff):
    """Change the parts of a ticket, and answer what was answered: ``parts_of(ticket, on((part, 1)), …)``."""

    def change(ticket, *bodies):
        return staff.put(f"/tickets/{ticket.id}/inventory", json={key: each for body in bodies for key, each in body.items()})

    return change
