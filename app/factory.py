"""The app factory: settings, extensions, request hooks, blueprints, error handlers."""

from werkzeug.middleware.proxy_fix import ProxyFix

from app.blueprints import AREAS
from app.blueprints.inventory.cache import InventoryCache
from app.blueprints.site import routes as site
from app.extensions import api, cache, cors, db, ma
from app.utils import hooks, limits
from app.utils.api import openapi, problems, strict_json
from app.utils.auth.token_cache import TokenCache
from app.utils.context import ShopFlask
from app.utils.db import engines
from app.utils.db.presence import presence_of
from app.utils.monitoring import logs, metrics
from app.utils.redis import RedisClient
from config import INSTANCE, Settings, resolve_settings

EXPOSED_HEADERS = ["Location", "Link", "ETag", "X-Total-Count", "Retry-After", "Idempotency-Replayed", "X-Request-ID"]
EXPOSED_HEADERS += ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"]


def create_app(settings: Settings | type[Settings] | str | None = None) -> ShopFlask:
    """Return an app with the settings of the environment, or with given ones. Raise config.BadSetting."""
    app = ShopFlask("app", instance_path=str(INSTANCE), static_folder=None)
    app.config.from_object(resolve_settings(settings))
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024
    app.json = strict_json.OrjsonProvider(app)
    app.redis = RedisClient(app.config["REDIS_URL"]) if app.config["REDIS_URL"] else None  # Limits and cache use it.
    # Tests create many apps over one database in one process.
    app.presence = None if app.redis or app.testing else presence_of(app.config["DATABASE_URL"])
    app.inventory_cache = InventoryCache(app.redis, app.presence)
    app.token_cache = TokenCache()
    app.list_counts = {}
    logs.init_app(app)
    init_extensions(app)
    hooks.init_app(app)
    metrics.init_app(app)  # After the engines, which it observes; after the hooks, since Flask calls after_request in reverse.
    openapi.init_app(app)  # Before the blueprints, which it documents.
    for area in AREAS:
        api.register_blueprint(area.blp)
    site.init_app(app)
    problems.init_app(app)  # After the Api, whose error handlers it replaces.
    return app


def init_extensions(app: ShopFlask) -> None:
    engines.init_app(app, db)
    ma.init_app(app)
    cache.init_app(app, config={"CACHE_TYPE": "SimpleCache", "CACHE_THRESHOLD": 5000})
    limits.init_app(app)
    if origins := list(app.config["CORS_ORIGINS"]):
        cors.init_app(app, origins=origins, expose_headers=EXPOSED_HEADERS, max_age=600, send_wildcard="*" in origins)
    if proxies := app.config["TRUSTED_PROXIES"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]
