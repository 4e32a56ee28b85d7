"""Rate limits: moving windows, and the decorators that count requests in them."""

import re

from flask_limiter import RateLimitExceeded

from app.extensions import limiter
from app.utils.api.problems import from_problem
from app.utils.context import ShopFlask
from app.utils.errors import TooManyRequests
from app.utils.limits.windows import MovingWindows
from app.utils.redis import CLIENT_OPTIONS


def init_app(app: ShopFlask) -> None:
    """Bind Flask-Limiter, which counts logins and registrations, and create the moving windows of everything else."""
    url = app.config["REDIS_URL"]
    app.config["RATELIMIT_STORAGE_URI"] = re.sub("^unix:", "redis+unix:", url) or "memory://"
    app.config["RATELIMIT_STORAGE_OPTIONS"] = CLIENT_OPTIONS if url else {}
    app.config["RATELIMIT_IN_MEMORY_FALLBACK_ENABLED"] = bool(url)
    app.windows = MovingWindows(app.redis)
    # FRAGILE: Flask-Limiter: an extension that is already listed registers no hooks around every request. Its decorators
    # check their limits themselves, and the hooks would cost more than a whole cached response.
    app.extensions["limiter"] = {limiter}
    limiter.init_app(app)
    app.register_error_handler(RateLimitExceeded, lambda error: from_problem(TooManyRequests()))
