"""The settings of the app that tests use."""

PASSWORD = "correct horse battery"
ENVIRONMENT = {
    "APP_ENV": "testing",
    "SECRET_KEY": "a secret of more than thirty-two bytes",
    "SECRET_KEY_FALLBACKS": "an older secret of more than thirty-two bytes",
    "ADMIN_EMAIL": "first@example.com",
    "ADMIN_PASSWORD": PASSWORD,
    # Rate limits are off. Tests of limits set them in `app.config`, which is read at each request.
    **dict.fromkeys(("LIMIT_TICKET_MECHANICS", "LIMIT_TICKET_INVENTORY", "LIMIT_TICKET_DELETE"), ""),
    **dict.fromkeys(("LIMIT_REGISTER", "LIMIT_LOGIN", "LIMIT_DEFAULT"), ""),
}
