"""The command line, through ``flask --app run``: what an operator does beside serving. Each command has a file of its own."""

from flask import Flask

from app.commands import check, copy_to, create_admin, import_parts, purge


def init_app(app: Flask) -> None:
    for each in (check, copy_to, create_admin, import_parts, purge):
        app.cli.add_command(each.command)
