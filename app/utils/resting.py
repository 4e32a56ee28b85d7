"""A rest for Redis: where it failed, nothing in this process asks it for a second, so that requests don't wait for it
one by one, or several times each."""

import logging
import time

log = logging.getLogger(__name__)
SECONDS = 1.0


class Rest:
    """Whether Redis is left alone now; shared by all who ask it."""

    def __init__(self) -> None:
        self.until = 0.0

    def __bool__(self) -> bool:
        return self.until > time.monotonic()

    def begin(self) -> None:
        if not self:
            log.warning("Redis does not answer: limits are counted here, and the inventory is read from the database")
        self.until = time.monotonic() + SECONDS
