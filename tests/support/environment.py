"""The settings of the app that tests use."""

from dataclasses import fields

from config import Settings

LIMITS = sorted(field.name for field in fields(Settings) if field.name.startswith("LIMIT_"))
PASSWORD = "correct horse battery"
ENVIRONMENT = {
    "APP_ENV": "testing",
    "SECRET_KEY": "a secret of more than thirty-two bytes",
    "SECRET_KEY_FALLBACKS": "an older secret of more than thirty-two bytes",
    "ADMIN_EMAIL": "first@example.com",
    "ADMIN_PASSWORD": PASSWORD,
    # Rate limits are off. Tests of limits set them in `app.config`, which is read at each request.
    **dict.fromkeys(LIMITS, ""),
}
