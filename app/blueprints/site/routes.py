"""What stands beside the areas: the front door, the documentation page, and the health checks."""

from typing import Any

from flask import Blueprint, current_app
from flask_swagger_ui import get_swaggerui_blueprint
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.utils import remote
from app.utils.auth import allow
from app.utils.database import fetch
from app.utils.errors import Unavailable
from app.utils.limits import unlimited

blp = Blueprint("site", __name__)
SWAGGER = {
    "app_name": "MyMechanicShop",
    "layout": "BaseLayout",  # Without the bar in which one would choose another document,
    "deepLinking": False,  # and without links inside the buttons.
    "tryItOutEnabled": True,
    "persistAuthorization": True,
    "validatorUrl": None,
}
docs = get_swaggerui_blueprint("/docs", "/openapi.json", SWAGGER)


@blp.get("/")
@allow("anyone")
def show_front_door() -> dict[str, Any]:
    """Say what this is, and where to go on."""
    links = {name: f"/{name}" for name in ("docs", "customers", "mechanics", "tickets", "inventory")}
    links |= {"openapi": "/openapi.json", "live": "/health/live", "ready": "/health/ready"}
    about = "The backend of an auto repair shop: customers, mechanics, service tickets, parts and their stock."
    return {"name": "MyMechanicShop", "description": about, "links": links}


@blp.get("/health/live")
@allow("anyone")
@unlimited
def show_live() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ok"}


@blp.get("/health/ready")
@allow("anyone")
@unlimited
def show_ready() -> dict[str, Any]:
    """Say whether requests can be served: database and, where set, Redis."""
    checks = {"database": database_answers()}
    if url := current_app.config["REDIS_URL"]:
        checks["redis"] = redis_answers(url)
    down = [name for name, answers in checks.items() if not answers]
    if down:
        raise Unavailable(f"Down: {', '.join(down)}.", checks={name: "ok" if fine else "down" for name, fine in checks.items()})
    return {"status": "ok", "checks": dict.fromkeys(checks, "ok")}


def database_answers() -> bool:
    """Whether the database answers, with the tables of this app in it."""
    try:
        fetch(text("SELECT 1 FROM alembic_version"))
    except SQLAlchemyError:
        return False
    return True


def redis_answers(url: str) -> bool:
    try:
        with remote.connect(url) as client:
            return bool(client.ping())
    except remote.RedisError:
        return False
