"""``flask --app run create-admin``: one more admin, or the first, without a password on the command line."""

import sys
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from marshmallow import ValidationError

from app.blueprints.mechanic.schemas import MechanicIn
from app.commands.ending import in_one_line
from app.models import mechanics
from app.start import ADMINS
from app.utils.accounts import create_account, with_hash
from app.utils.database import fetch, transaction
from app.utils.errors import Invalid, flatten
from app.utils.wire import fraction


def password_from(file: str | None, *, stdin: bool) -> str:
    """The password out of a file or of standard input, without the line break at its end, or asked for twice."""
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


def checked(given: dict[str, Any]) -> dict[str, Any]:
    """The columns of the account, by the rules that the API has for it; raise Invalid."""
    stated = {name: value for name, value in given.items() if value is not None}
    if "salary" in stated:
        stated["salary"] = amount(stated["salary"])
    try:
        columns: dict[str, Any] = MechanicIn(partial=("phone", "salary")).load(stated | {"role": "admin"})
    except ValidationError as error:
        raise Invalid(dict(flatten(error.messages))) from None
    return columns


def amount(text: str) -> Any:
    """The number that a text stands for, or the text, which the schema refuses."""
    return fraction(text) if text.replace(".", "", 1).isdecimal() and text.isascii() else text


@transaction
def add_admin(columns: dict[str, Any]) -> int:
    """Add the account and return its id. Only the first admin may be without phone and salary; raise Invalid."""
    missing = [f"--{name.removesuffix('_cents')}" for name in ("phone", "salary_cents") if name not in columns]
    if missing and fetch(ADMINS):
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
    from app.preparation import prepare

    if password_file is not None and password_stdin:
        raise click.UsageError("--password-file and --password-stdin stand instead of each other.")
    password = password_from(password_file, stdin=password_stdin)
    with in_one_line():
        columns = checked({"email": email, "name": name, "phone": phone, "salary": salary, "password": password})
        prepare(current_app, first_admin=False)
        admin_id = add_admin(with_hash(columns))
    click.echo(f"{columns['email']} is an admin now, mechanic {admin_id}.")
