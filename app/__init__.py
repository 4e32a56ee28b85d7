"""MyMechanicShop: the backend of an auto repair shop, as a Flask app factory."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.utils.context import ShopFlask
    from config import Settings


def create_app(settings: "Settings | None" = None) -> "ShopFlask":
    """Return an app with the given settings, or with those of the environment. Raise config.BadSetting."""
    # Imported when called: a start that only checks the database does not need the whole app.
    from app.factory import create_app as create

    return create(settings)
