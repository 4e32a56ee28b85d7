"""The extensions, unbound: ``create_app`` binds them to an app. Knows no code of the app."""

from typing import TYPE_CHECKING, Any

from flask import g
from flask_caching import Cache
from flask_cors import CORS
from flask_limiter import Limiter, RateLimitExceeded
from flask_marshmallow import Marshmallow
from flask_smorest import Api
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from app.utils import remote

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
"""How constraints and indexes are named, so that a migration can name them on every database."""


class SteadyLimiter(Limiter):
    """Flask-Limiter falls back to its memory where Redis fails, but only for the first request that meets it: another
    that waited beside it in a thread of its own would be answered 500. Here it is counted in memory, too."""

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        try:
            super()._check_request_limit(callable_name, in_middleware)
        except RateLimitExceeded:
            raise
        except remote.RedisError:
            self.context.seen_limits.clear()
            super()._check_request_limit(callable_name, in_middleware)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
if TYPE_CHECKING:
    Model = Base  # Flask-SQLAlchemy makes its own subclass when the program runs.
else:
    Model = db.Model
ma: Any = Marshmallow()  # It gets its SQLAlchemySchema only where SQLAlchemy is installed.
api = Api()
cache = Cache()
cors = CORS()
limiter = SteadyLimiter(
    lambda: g.limit_key,  # Who calls: see auth.identify.
    strategy="moving-window",
    headers_enabled=False,  # Ours tell the truth on a success, too: see limits.py.
    key_prefix="shop",
)
