"""The Flask extensions, unbound. ``create_app`` binds them to an app."""

from typing import TYPE_CHECKING, Any, ClassVar

from flask import g
from flask_caching import Cache
from flask_cors import CORS
from flask_limiter import Limiter
from flask_marshmallow import Marshmallow
from flask_smorest import Api
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData, Table
from sqlalchemy.orm import DeclarativeBase

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names of constraints and indexes, so that a migration can refer to them on every database."""


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    __table__: ClassVar[Table]


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
if TYPE_CHECKING:
    Model = Base  # Flask-SQLAlchemy creates its own subclass at run time.
else:
    Model = db.Model
ma: Any = Marshmallow()  # SQLAlchemySchema is set only if SQLAlchemy is installed.
api = Api()
cache = Cache()
cors = CORS()
limiter = Limiter(
    lambda: g.limit_key,  # Set by auth.policy.identify_caller().
    strategy="moving-window",
    headers_enabled=False,  # limits.add_rate_limit_headers() adds the headers of all limits.
    key_prefix="shop",
)
