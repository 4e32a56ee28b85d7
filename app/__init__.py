"""MyMechanicShop: the backend of an auto repair shop, as a Flask app factory."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.utils.context import ShopFlask
    from config import Settings


def create_app(settings: "Settings | type[Settings] | str | None" = None) -> "ShopFlask":
    """Return an app with the settings of the environment, or with given ones. Raise config.BadSetting.

    ``create_app("testing")``, ``create_app("TestingConfig")`` and ``create_app(config.TestingConfig)`` are the same."""
    # Imported when called: a start that only checks the database does not need the whole app.
    from app.factory import create_app as create

    return create(settings)
