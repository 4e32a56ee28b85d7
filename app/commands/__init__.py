"""The command line, through ``flask --app run``: what an operator does beside serving. Each command has a file of its own."""

from flask import Flask

from app.commands.check import check
from app.commands.copy_to import copy_to
from app.commands.create_admin import create_admin
from app.commands.import_parts import import_parts
from app.commands.purge import purge


def init_app(app: Flask) -> None:
    for command in (check, copy_to, create_admin, import_parts, purge):
        app.cli.add_command(command)
