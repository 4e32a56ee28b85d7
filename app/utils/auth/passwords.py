"""Passwords: argon2id with OWASP's parameters, and a check that takes constant time."""

from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet): about 20 ms."""
DUMMY_HASH = f"$argon2id$v=19$m={HASHER.memory_cost},t={HASHER.time_cost},p={HASHER.parallelism}${'A' * 22}${'A' * 43}"
"""The hash that is verified if there is no account, so that accounts can't be enumerated by the time."""


def hash_password(password: str) -> str:
    """Return the hash of a password in composed letters (NIST SP 800-63B): keyboards differ in how they write an é."""
    return HASHER.hash(normalize("NFC", password))


def verify_password(password: str, password_hash: str | None) -> bool:
    """Return whether a password belongs to a hash. Without a hash, return False after the same time.

    A hash of an earlier version may be of the letters as they were sent, so these and decomposed ones are tried, too."""
    forms = dict.fromkeys((normalize("NFC", password), password, normalize("NFD", password)))
    return any(matches(form, password_hash or DUMMY_HASH) for form in forms) and bool(password_hash)


def matches(password: str, password_hash: str) -> bool:
    try:
        return HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Return whether the hash was made with other parameters than today's."""
    return HASHER.check_needs_rehash(password_hash)
