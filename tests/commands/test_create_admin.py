"""``flask --app run create-admin``: the new admin, and the sources of the password."""

import pytest
from sqlalchemy import delete, select

from app.models import mechanics
from tests.support.environment import PASSWORD

NEW = ("create-admin", "Eve@Example.com")
PHONE_AND_SALARY = ("--phone", "555-0101", "--salary", "52000.50")


@pytest.fixture
def no_admin(engine, make):
    """A shop without an admin."""
    with engine.begin() as connection:
        connection.execute(delete(mechanics))


def admins(engine):
    with engine.connect() as connection:
        return connection.execute(select(mechanics).where(mechanics.c.role == "admin").order_by(mechanics.c.id)).all()


def can_log_in(anyone, email="eve@example.com", password=PASSWORD):
    return anyone.post("/mechanics/login", json={"email": email, "password": password}).status_code == 200


def test_password_is_prompted_twice_and_not_shown(run, anyone, engine, no_admin):
    code, lines = run(*NEW, stdin=f"{PASSWORD}\n{PASSWORD}\n")
    [eve] = admins(engine)
    assert (code, lines[-1]) == (0, f"eve@example.com is an admin now, mechanic {eve.id}.")
    assert lines[:2] == ["Password: ", "Repeat for confirmation: "]
    assert PASSWORD not in "".join(lines)
    assert can_log_in(anyone)


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_password_is_read_from_a_file_or_standard_input(run, anyone, engine, no_admin, tmp_path, ending):
    """Without the final line break; other white space belongs to the password."""
    (tmp_path / "password").write_bytes(f" {PASSWORD} {ending}".encode())
    assert run(*NEW, "--password-file", tmp_path / "password")[0] == 0
    assert run("create-admin", "max@example.com", *PHONE_AND_SALARY, "--password-stdin", stdin=f" {PASSWORD} {ending}")[0] == 0
    assert can_log_in(anyone, password=f" {PASSWORD} ")
    assert can_log_in(anyone, email="max@example.com", password=f" {PASSWORD} ")


def test_password_is_hashed_in_composed_letters(run, anyone, engine, no_admin):
    composed, decomposed = "ma\u00f1ana \u00e9 y", "man\u0303ana e\u0301 y"
    assert run(*NEW, "--password-stdin", stdin=decomposed)[0] == 0
    assert can_log_in(anyone, password=composed)
    assert can_log_in(anyone, password=decomposed)


def test_password_argument_is_refused(run, unchanged, no_admin):
    """Every user of the machine can read the arguments of a process."""
    with unchanged():
        for args in ([PASSWORD], ["--password", PASSWORD], [f"--password={PASSWORD}"]):
            code, lines = run(*NEW, *args)
            assert code == 2, lines
    assert not any("--password " in line for line in run("create-admin", "--help")[1])


def test_phone_and_salary_are_required_except_for_the_first_admin(run, anyone, engine, no_admin, left):
    """Both are null only for the first admin."""
    assert run(*NEW, "--password-stdin", stdin=PASSWORD)[0] == 0
    before = left.everything()
    code, lines = run("create-admin", "max@example.com", "--password-stdin", stdin=PASSWORD)
    needed = "is required, since the shop has an admin already"
    assert (code, lines) == (1, [f"Error: --phone {needed}; --salary {needed}"])
    assert left.everything() == before
    assert (
        run("create-admin", "max@example.com", "--name", "Max", *PHONE_AND_SALARY, "--password-stdin", stdin=PASSWORD)[0] == 0
    )
    first, second = admins(engine)
    assert (first.name, first.phone, first.salary_cents) == ("Admin", None, None)
    assert (second.name, second.phone, second.salary_cents) == ("Max", "555-0101", 5_200_050)


@pytest.mark.parametrize(
    ("args", "stdin", "error"),
    [
        (["eve"], PASSWORD, "email must be an email address like ann@example.com"),
        (["eve@example.com"], "short", "password must have 8 to 128 characters"),
        (["eve@example.com"], "", "password must have 8 to 128 characters"),
        (["eve@example.com"], "a tab\tin it", "password may not hold control characters"),
        (["eve@example.com", "--name", " "], PASSWORD, "name must have 1 to 255 characters"),
        (["eve@example.com", "--phone", "12"], PASSWORD, "phone must have 3 to 20 characters"),
        (["eve@example.com", "--salary", "lots"], PASSWORD, "salary must be a number"),
        (["eve@example.com", "--salary", "1.005"], PASSWORD, "salary may have two decimals at most"),
        (["eve@example.com", "--salary", "100000000"], PASSWORD, "salary must be from 0 to 99,999,999.99"),
    ],
)
def test_wrong_values_are_refused_as_in_the_api(run, unchanged, no_admin, args, stdin, error):
    """Nothing is changed."""
    with unchanged():
        assert run("create-admin", *args, "--password-stdin", stdin=stdin) == (1, [f"Error: {error}"])


def test_taken_email_is_refused(run, make, unchanged):
    make.mechanic(email="eve@example.com")
    with unchanged():
        assert run(*NEW, *PHONE_AND_SALARY, "--password-stdin", stdin=PASSWORD) == (1, ["Error: The email is taken."])


@pytest.mark.parametrize("problem", ["both", "no such file", "a folder", "not text"])
def test_unreadable_password_is_reported(run, unchanged, no_admin, tmp_path, problem):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe in no UTF-8")
    file = {"a folder": tmp_path, "not text": tmp_path / "bytes"}.get(problem, tmp_path / "nowhere")
    args = ["--password-file", file, *(["--password-stdin"] if problem == "both" else [])]
    with unchanged():
        code, lines = run(*NEW, *args, stdin=PASSWORD)
    assert code == (1 if problem == "not text" else 2)
    assert lines[-1].startswith("Error: ")


def test_different_passwords_are_prompted_again(run, anyone, no_admin):
    code, lines = run(*NEW, stdin=f"{PASSWORD}\nanother one\n{PASSWORD}\n{PASSWORD}\n")
    assert code == 0
    assert "Error: The two entered values do not match." in lines
    assert can_log_in(anyone)
