"""A running shop for the tests of this folder, started once for each kind of database."""

import pytest

from tests.support.running_shop import shop_on


@pytest.fixture(scope="session")
def busy_shop(database):
    """Run four workers on PostgreSQL or MariaDB, one on SQLite, without rate limits.

    Each test uses its own parts and tickets.
    """
    with shop_on(database) as shop:
        yield shop
