"""The email and password of the first admin are validated like those of every account."""

import pytest
from marshmallow import ValidationError

from app.utils.api.fields import Email, Password
from config import BadSetting, Settings
from tests.support.settings import PRODUCTION, load, refusal


def test_admin_password_requires_an_email():
    assert refusal(ADMIN_PASSWORD="correct horse").startswith("ADMIN_EMAIL: ")
    assert load(ADMIN_EMAIL="ann@example.com").ADMIN_PASSWORD == ""
    with pytest.raises(BadSetting, match=r"^ADMIN_PASSWORD: is required with ADMIN_EMAIL"):
        Settings.load(PRODUCTION | {"ADMIN_EMAIL": "ann@example.com"})
    assert Settings.load(PRODUCTION).ADMIN_EMAIL == ""


def is_accepted(check):
    try:
        check()
    except (BadSetting, ValidationError):
        return False
    return True


@pytest.mark.parametrize(
    "text",
    ["Ann@Example.com", "a.b+c@shop.example", "ann@localhost", "ann", "a b@shop.example", "ann@-x.example", ".a@shop.example",
     "a@shop.example.", "ä@shop.example", f"{'a' * 64}@example.com", f"{'a' * 65}@example.com", "a@b.c", "a@b.co"],
)  # fmt: skip
def test_admin_email_is_validated_like_every_email(text):
    as_setting = is_accepted(lambda: load(ADMIN_EMAIL=text))
    assert as_setting == is_accepted(lambda: Email().deserialize(text))
    if as_setting:
        assert Email().deserialize(text) == load(ADMIN_EMAIL=text).ADMIN_EMAIL


@pytest.mark.parametrize(
    "text",
    [
        "1234567",
        "12345678",
        " x 8 ch ",
        "x" * 128,
        "x" * 129,
        "\t1234567",
        "nbsp\u00a0here",
        "12345678\u2028",
        "\u00e9" * 8,
        "e\u0301" * 8,
        "e\u0301" * 128,
        "e\u0301" * 7,
        "e\u0301" * 129,
    ],
)
def test_admin_password_is_validated_like_every_password(text):
    as_setting = is_accepted(lambda: load(ADMIN_EMAIL="a@b.co", ADMIN_PASSWORD=text))
    assert as_setting == is_accepted(lambda: Password().deserialize(text))
    if as_setting:
        assert text == load(ADMIN_EMAIL="a@b.co", ADMIN_PASSWORD=text).ADMIN_PASSWORD, "not trimmed"
