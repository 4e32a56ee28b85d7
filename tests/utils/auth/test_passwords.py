"""Password hashes: argon2id with OWASP's parameters."""

import pytest
from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import VerifyMismatchError

from app.utils.auth import passwords
from app.utils.auth.passwords import hash_password, is_outdated, verify_password


def test_hash_is_argon2id_with_owasp_parameters():
    """19 MiB, two passes and one lane are OWASP's minimum."""
    parameters = extract_parameters(hash_password("correct horse battery"))
    assert parameters.type is Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19 * 1024, 2, 1)
    assert parameters.salt_len >= 16
    assert parameters.hash_len >= 32


def test_equal_passwords_have_different_hashes():
    """Each hash has a salt of its own."""
    assert hash_password("correct horse battery") != hash_password("correct horse battery")


def test_longest_hash_fits_its_column():
    assert len(hash_password("🔧" * 128)) <= 255


@pytest.mark.parametrize("password", ["12345678", " padded on both sides ", "🔧" * 128, "pässwörd", "x" * 128, ""])
def test_password_matches_its_hash(password):
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
def test_other_password_does_not_match(other):
    """Another case, an extra space, a look-alike letter."""
    assert not verify_password(other, hash_password("correct horse battery"))


def test_long_password_is_compared_to_its_last_character():
    """bcrypt would truncate it to 72 bytes."""
    assert not verify_password("x" * 127 + "y", hash_password("x" * 128))


@pytest.mark.parametrize(
    "password_hash", ["", "x", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv", "a password", "$argon2id$v=19$m=19456,t=2,p=1$$"]
)
def test_malformed_hash_matches_no_password(password_hash):
    assert not verify_password("a password", password_hash)


@pytest.mark.parametrize("password", [passwords.DUMMY_HASH, "", "correct horse battery"])
def test_missing_hash_matches_no_password(password):
    assert verify_password(password, None) is False


def test_dummy_hash_is_a_valid_hash():
    """An invalid hash would be refused at once, and the time would reveal that there is no account."""
    with pytest.raises(VerifyMismatchError):
        passwords.HASHER.verify(passwords.DUMMY_HASH, "a password")


def test_dummy_hash_costs_the_same(monkeypatch):
    seen = []

    class RecordingHasher:
        def verify(self, password_hash, password):
            seen.append(extract_parameters(password_hash))
            return True

    monkeypatch.setattr(passwords, "HASHER", RecordingHasher())
    assert verify_password("a password", None) is False
    assert seen == [extract_parameters(hash_with_current_parameters())]


def hash_with_current_parameters():
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash("a password")


@pytest.mark.parametrize(
    "other", [{"time_cost": 1}, {"time_cost": 3}, {"memory_cost": 8 * 1024}, {"parallelism": 2}, {"type": Type.I}]
)
def test_hash_with_other_parameters_is_outdated_but_matches(other):
    current = {"time_cost": 2, "memory_cost": 19 * 1024, "parallelism": 1}
    password_hash = PasswordHasher(**(current | other)).hash("correct horse battery")
    assert is_outdated(password_hash)
    assert verify_password("correct horse battery", password_hash)


def test_current_hash_is_not_outdated():
    assert not is_outdated(hash_password("correct horse battery"))
