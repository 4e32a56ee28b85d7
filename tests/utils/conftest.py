"""Apps with settings of their own, beside the one that all tests share."""

import pytest

from app import create_app
from app.utils.extensions import limiter
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
