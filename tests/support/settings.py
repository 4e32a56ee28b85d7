"""Load settings from given values, and the error of a bad one."""

from dataclasses import fields

import pytest

from config import BadSetting, Settings

SECRET = "a secret of more than thirty-two bytes"
GIVEN = {"SECRET_KEY": SECRET}
PRODUCTION = {"APP_ENV": "production", "SECRET_KEY": SECRET, "DATABASE_URL": "postgresql://shop@db/shop"}
NAMES = {"APP_ENV", *(each.name for each in fields(Settings))}


def load(**given):
    return Settings.load(GIVEN | given)


def refusal(**given):
    """Return the error of a bad value, which is a single line."""
    with pytest.raises(BadSetting) as caught:
        load(**given)
    assert "\n" not in str(caught.value)
    return str(caught.value)
