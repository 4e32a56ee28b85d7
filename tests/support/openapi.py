"""The OpenAPI document that the app serves."""

from app import create_app
from config import Settings
from tests.support.clients import Person
from tests.support.environment import ENVIRONMENT
from tests.support.services import SCRATCH

APP = create_app(Settings.load(ENVIRONMENT | {"DATABASE_URL": f"sqlite:///{SCRATCH / 'document.db'}"}))
DOCUMENT = Person(APP).get("/openapi.json").json
METHODS = ("get", "post", "put", "patch", "delete")
OPERATIONS = {(path, method): item[method] for path, item in DOCUMENT["paths"].items() for method in METHODS if method in item}
AREA_NAMES = set(APP.blueprints) - {"api-docs", "site", "swagger_ui"}
"""The areas whose endpoints are in the document; the start page and the health checks are not."""
