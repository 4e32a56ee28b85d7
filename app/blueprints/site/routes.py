"""Beside the areas: the index, the documentation page, and the health checks."""

from typing import Any

from flask import Blueprint, redirect
from flask_swagger_ui import get_swaggerui_blueprint
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as BaseResponse

from app.utils.api.openapi import INFO
from app.utils.auth.policy import allow
from app.utils.context import ShopFlask, current_shop
from app.utils.db.statements import fetch_all
from app.utils.errors import Unavailable
from app.utils.limits.decorators import unlimited
from app.utils.redis import RedisClient, RedisUnavailable

blp = Blueprint("site", __name__)
SWAGGER = {
    "app_name": "MyMechanicShop",
    "layout": "BaseLayout",  # Without the bar that loads another document.
    "deepLinking": False,  # Without links inside the buttons.
    "tryItOutEnabled": True,
    "persistAuthorization": True,
    "validatorUrl": None,
}
docs = get_swaggerui_blueprint("/docs", "/openapi.json", SWAGGER)


def init_app(app: ShopFlask) -> None:
    app.register_blueprint(blp)
    app.register_blueprint(docs)


@blp.get("/")
@allow("anyone")
def show_index() -> dict[str, Any]:
    """Show what this is, with links."""
    links = {name: f"/{name}" for name in ("docs", "customers", "mechanics", "tickets", "inventory")}
    links |= {"openapi": "/openapi.json", "live": "/health/live", "ready": "/health/ready"}
    return {"name": "MyMechanicShop", "description": INFO["description"], "links": links}


@blp.get("/api/docs")
@allow("anyone")
def redirect_to_docs() -> BaseResponse:
    """Lead to the documentation page: the path is common elsewhere."""
    return redirect("/docs", 308)


@blp.get("/health/live")
@allow("anyone")
@unlimited
def show_live() -> dict[str, str]:
    """Show that the process answers."""
    return {"status": "ok"}


@blp.get("/health/ready")
@allow("anyone")
@unlimited
def show_ready() -> dict[str, Any]:
    """Show whether requests can be served: the database and, if it is set, Redis."""
    answers = {"database": database_answers()}
    if redis := current_shop().redis:
        answers["redis"] = redis_answers(redis)
    checks = {name: "ok" if is_up else "down" for name, is_up in answers.items()}
    if down := [name for name, is_up in answers.items() if not is_up]:
        raise Unavailable(f"Down: {', '.join(down)}.", checks=checks)
    return {"status": "ok", "checks": checks}


def database_answers() -> bool:
    """Return whether the database answers, and has the tables of this app."""
    try:
        fetch_all(text("SELECT 1 FROM alembic_version"))
    except SQLAlchemyError:
        return False
    return True


def redis_answers(redis: RedisClient) -> bool:
    try:
        return bool(redis.run_even_if_open(redis.client.ping))
    except RedisUnavailable:
        return False
