"""The token cache: verified tokens, cached for less than a second (docs/decisions/10).

A revoked token is refused everywhere within one second. The process that changes an account clears
its own cache at once.
"""

import time

from app.utils.auth.tokens import verify_token
from app.utils.context import Caller, current_shop
from app.utils.db.transactions import after_commit

CACHE_SECONDS = 0.9
MAX_TOKENS = 10_000


class TokenCache:
    """Callers by token, in this process."""

    def __init__(self) -> None:
        self.entries: dict[str, tuple[float, Caller]] = {}  # Token → (expiry, caller).
        self.generation = 0

    def find(self, token: str) -> Caller:
        """Return the caller of a token. Raise Unauthorized."""
        expires, caller = self.entries.get(token, (0.0, None))
        now = time.monotonic()
        if caller is not None and expires > now:
            return caller
        generation = self.generation
        caller, lifetime = verify_token(token)
        if generation == self.generation:  # Else this process has changed an account meanwhile.
            if len(self.entries) >= MAX_TOKENS:
                self.entries.clear()
            self.entries[token] = (now + min(CACHE_SECONDS, lifetime), caller)
        return caller

    def clear(self) -> None:
        self.generation += 1
        self.entries.clear()


def clear_after_commit() -> None:
    """Clear the token cache of this process after the commit: the transaction changes an account."""
    after_commit(current_shop().token_cache.clear)
