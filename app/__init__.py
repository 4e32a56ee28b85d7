"""MyMechanicShop: the backend of an auto repair shop, as a Flask app factory.

What an app consists of is imported when one is made: a start that only looks whether the database is ready
(``app/begin.py``, ``app/start.py``) need not wait for it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from config import Settings

EXPOSED = ["Location", "Link", "ETag", "X-Total-Count", "Retry-After", "Idempotency-Replayed", "X-Request-ID"]
EXPOSED += ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"]


def create_app(settings: "Settings | None" = None) -> "Flask":
    """An app with the given settings, or with those of the environment; raise config.BadSetting."""
    from app import commands, demo
    from app.utils import around, errors, logs, remote, wire
    from app.utils.lean import LeanFlask
    from app.utils.resting import Rest
    from config import INSTANCE, Settings

    app = LeanFlask(__name__, instance_path=str(INSTANCE), static_folder=None)
    app.config.from_object(settings or Settings.load())
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024
    app.json = wire.Provider(app)
    redis = remote.Line(app.config["REDIS_URL"]) if app.config["REDIS_URL"] else None
    app.extensions |= {"counts": {}, "rest": Rest(), "redis": redis}
    logs.init_app(app)
    _bind_extensions(app)
    around.init_app(app)
    _register_blueprints(app)
    errors.init_app(app)
    demo.init_app(app)
    commands.init_app(app)
    return app


def _bind_extensions(app: "Flask") -> None:
    from werkzeug.middleware.proxy_fix import ProxyFix

    from app.blueprints.inventory import catalog
    from app.utils import engines
    from app.utils.extensions import cache, cors, ma

    engines.init_app(app)
    ma.init_app(app)
    cache.init_app(app, config={"CACHE_TYPE": "SimpleCache", "CACHE_THRESHOLD": 5000})
    catalog.init_app(app)
    if app.config["CORS_ORIGINS"]:
        origins = list(app.config["CORS_ORIGINS"])
        cors.init_app(app, origins=origins, expose_headers=EXPOSED, max_age=600, send_wildcard="*" in origins)
    if proxies := app.config["TRUSTED_PROXIES"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]


def _register_blueprints(app: "Flask") -> None:
    from app.blueprints.customer.routes import blp as customer
    from app.blueprints.inventory.routes import blp as inventory
    from app.blueprints.mechanic.routes import blp as mechanic
    from app.blueprints.service_ticket.routes import blp as service_ticket
    from app.blueprints.site.routes import blp as site
    from app.blueprints.site.routes import docs
    from app.blueprints.spreadsheet.routes import blp as spreadsheet
    from app.utils import blueprint
    from app.utils.extensions import api

    blueprint.init_app(app)
    for area in (customer, mechanic, service_ticket, inventory, spreadsheet):
        api.register_blueprint(area)
    app.register_blueprint(site)
    app.register_blueprint(docs)
