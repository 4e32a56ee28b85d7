"""Logging: what the operator sees."""

import logging

from flask import Flask


def init_app(app: Flask) -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=app.config["LOG_LEVEL"])
    logging.getLogger("alembic").setLevel("WARNING")
