"""Where to serve, which a start asks the settings for before all others."""

import pytest

from config import BadSetting, Settings
from tests.test_config import PRODUCTION, refusal


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"HOST": " ::1 ", "PORT": "8080", "METRICS_PORT": "9100", "APP_ENV": "production"},
        {"WEB_CONCURRENCY": "3", "REDIS_URL": "redis://cache"},
        {"REDIS_URL": "redis://cache"},
        {"PORT": "  ", "REDIS_URL": "  "},
    ],
)
def test_where_to_serve_is_what_all_the_settings_say(given):
    settings = Settings.load(PRODUCTION | given)
    assert Settings.place(given) == (settings.HOST, settings.PORT, settings.WEB_CONCURRENCY, settings.METRICS_PORT)


@pytest.mark.parametrize("given", [{"PORT": "hunter2"}, {"WEB_CONCURRENCY": "2"}, {"REDIS_URL": "hunter2"}])
def test_where_to_serve_is_refused_as_all_the_settings_are(given):
    with pytest.raises(BadSetting, match=f"^{next(iter(given))}: ") as said:
        Settings.place(given)
    assert str(said.value) == refusal(**given)


def test_of_the_other_settings_it_knows_nothing():
    assert Settings.place({"DATABASE_URL": "oracle://db", "LIMIT_LOGIN": "often", "APP_ENV": "nowhere"}) == Settings.place({})


def test_the_metrics_are_shown_elsewhere():
    with pytest.raises(BadSetting, match=r"^METRICS_PORT: must be another than PORT$"):
        Settings.place({"METRICS_PORT": "5000"})
