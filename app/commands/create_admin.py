"""``flask --app run create-admin``: add an admin, without a password on the command line."""

import sys
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from marshmallow import ValidationError

from app.blueprints.accounts.service import create_account, with_hash
from app.blueprints.mechanic.schemas import MechanicIn
from app.commands.errors import exit_with_message
from app.models import mechanics
from app.startup.checks import ADMIN_EXISTS
from app.startup.prepare import prepare
from app.utils.api.problems import flatten
from app.utils.api.strict_json import parse_decimal
from app.utils.db.statements import fetch_all
from app.utils.db.transactions import transaction
from app.utils.errors import Invalid


def read_password(file: str | None, *, stdin: bool) -> str:
    """Return the password from a file or standard input, without a final line break, or from a prompt."""
    if file is None and not stdin:
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return asked
    try:
        text = sys.stdin.buffer.read() if file is None else Path(file).read_bytes()
        return text.decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise click.ClickException(f"{file} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.ClickException("The password must be text in UTF-8.") from None


def validate(given: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of the account, validated as by the API. Raise Invalid."""
    stated = {name: value for name, value in given.items() if value is not None}
    if "salary" in stated:
        stated["salary"] = parse_amount(stated["salary"])
    try:
        columns: dict[str, Any] = MechanicIn(partial=("phone", "salary")).load(stated | {"role": "admin"})
    except ValidationError as error:
        raise Invalid(dict(flatten(error.messages))) from None
    return columns


def parse_amount(text: str) -> Any:
    """Return the number of a text, or the text itself, which the schema refuses."""
    return parse_decimal(text) if text.replace(".", "", 1).isdecimal() and text.isascii() else text


@transaction
def add_admin(columns: dict[str, Any]) -> int:
    """Add the account and return its id. Raise Invalid if phone or salary is missing, and this is not the first admin."""
    missing = [f"--{name.removesuffix('_cents')}" for name in ("phone", "salary_cents") if name not in columns]
    if missing and fetch_all(ADMIN_EXISTS):
        raise Invalid(dict.fromkeys(missing, "is needed, since the shop has an admin already"))
    return create_account(mechanics, columns)


@click.command("create-admin")
@click.argument("email")
@click.option("--name", default="Admin", show_default=True)
@click.option("--phone", help="Needed unless it is the first admin.")
@click.option("--salary", help="A year's, like 52000 or 52000.50; needed unless it is the first admin.")
@click.option("--password-file", metavar="FILE", help="Take the password out of this file.")
@click.option("--password-stdin", is_flag=True, help="Take the password from standard input.")
@with_appcontext
def command(
    email: str, name: str, phone: str | None, salary: str | None, password_file: str | None, *, password_stdin: bool
) -> None:
    """Create an admin who signs in with EMAIL. The password is asked for, unless an option says where it is."""
    if password_file is not None and password_stdin:
        raise click.UsageError("--password-file and --password-stdin stand instead of each other.")
    password = read_password(password_file, stdin=password_stdin)
    with exit_with_message():
        columns = validate({"email": email, "name": name, "phone": phone, "salary": salary, "password": password})
        prepare(current_app, first_admin=False)
        admin_id = add_admin(with_hash(columns))
    click.echo(f"{columns['email']} is an admin now, mechanic {admin_id}.")
