"""The shop that the proofs of this folder race against: started once for each kind of database."""

import pytest

from tests.support.running_shop import shop_on


@pytest.fixture(scope="session")
def busy_shop(database):
    """Four workers on PostgreSQL or MariaDB, one on SQLite; every limit is out of reach. A proof uses parts and tickets
    of its own."""
    with shop_on(database) as shop:
        yield shop
