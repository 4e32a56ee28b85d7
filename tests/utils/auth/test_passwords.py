"""Hashing passwords: argon2id with OWASP's parameters."""

import pytest
from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import VerifyMismatchError

from app.utils.auth import passwords
from app.utils.auth.passwords import hash_password, is_outdated, verify_password


def test_a_hash_is_argon2id_of_19_mib_two_passes_and_one_lane():
    """The parameters that OWASP names as enough."""
    found = extract_parameters(hash_password("correct horse battery"))
    assert found.type is Type.ID
    assert (found.memory_cost, found.time_cost, found.parallelism) == (19 * 1024, 2, 1)
    assert found.salt_len >= 16
    assert found.hash_len >= 32


def test_the_same_password_has_another_hash_each_time():
    """A salt of its own: equal passwords can't be told from their hashes."""
    assert hash_password("correct horse battery") != hash_password("correct horse battery")


def test_the_longest_hash_fits_its_column():
    assert len(hash_password("🔧" * 128)) <= 255


@pytest.mark.parametrize("password", ["12345678", " padded on both sides ", "🔧" * 128, "pässwörd", "x" * 128, ""])
def test_a_password_fits_its_own_hash(password):
    assert verify_password(password, hash_password(password))


@pytest.mark.parametrize(
    "other",
    [
        "Correct horse battery",
        "correct horse battery ",
        " correct horse battery",
        "correct horse",
        "",
        "correct horse batter\u0443",
    ],
)
def test_no_other_password_fits(other):
    """Not one of another case, with a space more, or that only looks the same."""
    assert not verify_password(other, hash_password("correct horse battery"))


def test_a_long_password_counts_to_its_last_character():
    """bcrypt would cut it at 72 bytes."""
    assert not verify_password("x" * 127 + "y", hash_password("x" * 128))


@pytest.mark.parametrize(
    "password_hash", ["", "x", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv", "a password", "$argon2id$v=19$m=19456,t=2,p=1$$"]
)
def test_nothing_fits_what_is_no_hash(password_hash):
    assert not verify_password("a password", password_hash)


@pytest.mark.parametrize("password", [passwords.DUMMY_HASH, "", "correct horse battery"])
def test_no_password_fits_where_there_is_none(password):
    assert verify_password(password, None) is False


def test_what_is_checked_where_there_is_nothing_is_a_hash():
    """One that could not be decoded would be refused at once, and tell by the time."""
    with pytest.raises(VerifyMismatchError):
        passwords.HASHER.verify(passwords.DUMMY_HASH, "a password")


def test_what_is_checked_where_there_is_nothing_costs_the_same(monkeypatch):
    seen = []

    class Watching:
        def verify(self, password_hash, password):
            seen.append(extract_parameters(password_hash))
            return True

    monkeypatch.setattr(passwords, "HASHER", Watching())
    assert verify_password("a password", None) is False
    assert seen == [extract_parameters(hash_password_of_today())]


def hash_password_of_today():
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash("a password")


@pytest.mark.parametrize(
    "other", [{"time_cost": 1}, {"time_cost": 3}, {"memory_cost": 8 * 1024}, {"parallelism": 2}, {"type": Type.I}]
)
def test_a_hash_of_other_parameters_is_outdated_but_still_fits(other):
    today = {"time_cost": 2, "memory_cost": 19 * 1024, "parallelism": 1}
    password_hash = PasswordHasher(**(today | other)).hash("correct horse battery")
    assert is_outdated(password_hash)
    assert verify_password("correct horse battery", password_hash)


def test_a_hash_of_today_is_not_outdated():
    assert not is_outdated(hash_password("correct horse battery"))
