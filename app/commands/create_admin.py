"""``flask --app run create-admin``: add an admin, without a password on the command line."""

import sys
from decimal import Decimal
from typing import Any, BinaryIO

import click
from flask import current_app
from marshmallow import ValidationError

from app.blueprints.accounts.service import add_account, with_hash
from app.blueprints.mechanic.schemas import MechanicIn
from app.commands.errors import exit_with_message
from app.models import mechanics
from app.startup.checks import ADMIN_EXISTS
from app.startup.prepare import prepare
from app.utils.db.statements import fetch_all
from app.utils.db.transactions import transaction


def read_password(file: BinaryIO | None) -> str:
    """Return the password from a file, without a final line break, or from a prompt."""
    if file is None:
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    try:
        return file.read().decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise click.ClickException("The password must be text in UTF-8.") from None


def parse_amount(text: str) -> Any:
    """Return the number of a text, or the text itself, which the schema refuses."""
    return Decimal(text) if text.replace(".", "", 1).isdecimal() and text.isascii() else text


@transaction
def add_admin(columns: dict[str, Any]) -> int:
    """Add the account and return its id. Raise ValidationError if phone or salary is missing, except for the first admin."""
    missing = [f"--{name.removesuffix('_cents')}" for name in ("phone", "salary_cents") if name not in columns]
    if missing and fetch_all(ADMIN_EXISTS):
        raise ValidationError({name: ["is required, since the shop has an admin already"] for name in missing})
    return add_account(mechanics, columns)


@click.argument("email")
@click.option("--name", default="Admin", show_default=True)
@click.option("--phone", help="Required unless it is the first admin.")
@click.option("--salary", help="A year's, like 52000 or 52000.50; required unless it is the first admin.")
@click.option("--password-file", type=click.File("rb"), help="Take the password out of this file.")
@click.option("--password-stdin", is_flag=True, help="Take the password from standard input.")
def create_admin(password_file: BinaryIO | None, *, password_stdin: bool, salary: str | None, **given: str | None) -> None:
    """Create an admin who signs in with EMAIL. The password is asked for, unless an option says where it is."""
    if password_file is not None and password_stdin:
        raise click.UsageError("--password-file and --password-stdin stand instead of each other.")
    password = read_password(sys.stdin.buffer if password_stdin else password_file)
    fields = given | {"salary": salary and parse_amount(salary), "password": password, "role": "admin"}
    stated = {name: value for name, value in fields.items() if value is not None}
    with exit_with_message():
        columns = MechanicIn(partial=("phone", "salary")).load(stated)
        prepare(current_app, first_admin=False)
        admin_id = add_admin(with_hash(columns))
    click.echo(f"{columns['email']} is an admin now, mechanic {admin_id}.")
