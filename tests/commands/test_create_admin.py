"""``flask --app run create-admin``: who signs in afterwards, and where the password may come from."""

import pytest
from sqlalchemy import delete, select

from app.models import mechanics
from tests.conftest import PASSWORD

NEW = ("create-admin", "Eve@Example.com")
HIRED = ("--phone", "555-0101", "--salary", "52000.50")


@pytest.fixture
def nobody(engine, make):
    """A shop that has no admin."""
    with engine.begin() as connection:
        connection.execute(delete(mechanics))


def admins(engine):
    with engine.connect() as connection:
        return connection.execute(select(mechanics).where(mechanics.c.role == "admin").order_by(mechanics.c.id)).all()


def can_sign_in(anyone, email="eve@example.com", password=PASSWORD):
    return anyone.post("/mechanics/login", json={"email": email, "password": password}).status_code == 200


def test_it_asks_for_the_password_twice_and_does_not_show_it(run, anyone, engine, nobody):
    code, said = run(*NEW, stdin=f"{PASSWORD}\n{PASSWORD}\n")
    [eve] = admins(engine)
    assert (code, said[-1]) == (0, f"eve@example.com is an admin now, mechanic {eve.id}.")
    assert said[:2] == ["Password: ", "Repeat for confirmation: "]
    assert PASSWORD not in "".join(said)
    assert can_sign_in(anyone)


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_it_takes_the_password_from_a_file_or_from_standard_input(run, anyone, engine, nobody, tmp_path, ending):
    """Without the line break at its end; any other space is the password's."""
    (tmp_path / "password").write_bytes(f" {PASSWORD} {ending}".encode())
    assert run(*NEW, "--password-file", tmp_path / "password")[0] == 0
    assert run("create-admin", "max@example.com", *HIRED, "--password-stdin", stdin=f" {PASSWORD} {ending}")[0] == 0
    assert can_sign_in(anyone, password=f" {PASSWORD} ")
    assert can_sign_in(anyone, email="max@example.com", password=f" {PASSWORD} ")


def test_it_never_takes_the_password_from_an_argument(run, unchanged, nobody):
    """Anyone on the machine can read arguments."""
    with unchanged():
        for words in ([PASSWORD], ["--password", PASSWORD], [f"--password={PASSWORD}"]):
            code, said = run(*NEW, *words)
            assert code == 2, said
    assert not any("--password " in line for line in run("create-admin", "--help")[1])


def test_the_first_admin_has_no_phone_and_no_salary_and_every_other_has(run, anyone, engine, nobody, left):
    """«`phone` and `salary` are null for the first admin only.»"""
    assert run(*NEW, "--password-stdin", stdin=PASSWORD)[0] == 0
    before = left.everything()
    code, said = run("create-admin", "max@example.com", "--password-stdin", stdin=PASSWORD)
    needed = "is needed, since the shop has an admin already"
    assert (code, said) == (1, [f"Error: --phone {needed}; --salary {needed}"])
    assert left.everything() == before
    assert run("create-admin", "max@example.com", "--name", "Max", *HIRED, "--password-stdin", stdin=PASSWORD)[0] == 0
    first, second = admins(engine)
    assert (first.name, first.phone, first.salary_cents) == ("Admin", None, None)
    assert (second.name, second.phone, second.salary_cents) == ("Max", "555-0101", 5_200_050)


@pytest.mark.parametrize(
    ("words", "stdin", "said"),
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
def test_what_the_api_would_refuse_is_refused(run, unchanged, nobody, words, stdin, said):
    """«What a field may hold»: the same rules, and nothing is changed."""
    with unchanged():
        assert run("create-admin", *words, "--password-stdin", stdin=stdin) == (1, [f"Error: {said}"])


def test_an_email_that_is_taken_is_refused_whoever_has_it(run, make, unchanged):
    make.mechanic(email="eve@example.com")
    with unchanged():
        assert run(*NEW, *HIRED, "--password-stdin", stdin=PASSWORD) == (1, ["Error: The email is taken."])


@pytest.mark.parametrize("way", ["both", "no such file", "a folder", "not text"])
def test_a_password_that_is_not_there_is_told_in_a_line(run, unchanged, nobody, tmp_path, way):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe in no UTF-8")
    file = {"a folder": tmp_path, "not text": tmp_path / "bytes"}.get(way, tmp_path / "nowhere")
    words = ["--password-file", file, *(["--password-stdin"] if way == "both" else [])]
    with unchanged():
        code, said = run(*NEW, *words, stdin=PASSWORD)
    assert code == (2 if way == "both" else 1)
    assert said[-1].startswith("Error: ")


def test_two_passwords_that_differ_are_asked_for_again(run, anyone, nobody):
    code, said = run(*NEW, stdin=f"{PASSWORD}\nanother one\n{PASSWORD}\n{PASSWORD}\n")
    assert code == 0
    assert "Error: The two entered values do not match." in said
    assert can_sign_in(anyone)
