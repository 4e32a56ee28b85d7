"""What the shop can be told from outside: read once from the environment and ``.env``, then frozen.

Each ``APP_ENV`` has a class of its own. ``Settings.load()`` raises :class:`BadSetting`, whose text names the
setting, for anything that the shop could not run with. What takes long to import is left until it is wanted: a start
reads first where to serve (``Settings.place()``).
"""

import os
import re
import secrets
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

from dotenv import dotenv_values

if TYPE_CHECKING:
    from limits import RateLimitItem
    from sqlalchemy import URL

    RateLimits = tuple[RateLimitItem, ...]

ROOT = Path(__file__).resolve().parent
INSTANCE = ROOT / "instance"
PLAIN_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])"
)
"""A plain address in lower case: ``user@host.tld``."""
LOCAL_ORIGIN = r"^https?://(localhost|127\.0\.0\.1)(:\d{1,5})?$"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
SMALLEST_SECRET = 32
"""Bytes: HS256 wants a key as long as its hash (RFC 7518, section 3.2)."""


class BadSetting(ValueError):
    """A setting has a value that the shop can't run with; the text is one line that names it."""


def a_number(low: int, high: int) -> Callable[[str], int]:
    """A reader of whole numbers from ``low`` to ``high``."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return read


def one_of(*words: str) -> Callable[[str], str]:
    """A reader of one of a few words, in any case."""

    def read(text: str) -> str:
        found = next((word for word in words if word.lower() == text.lower()), None)
        if found is None:
            raise ValueError(f"must be one of {', '.join(words)}")
        return found

    return read


def host(text: str) -> str:
    """The address or name of this machine to listen on."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}", text):
        raise ValueError("must be an address or a name of this machine, like 127.0.0.1 or 0.0.0.0")
    return text


def rate_limits(text: str) -> "RateLimits":
    """``"3 per day"``, or several with ``;`` between them; blank is none at all."""
    from limits import parse_many

    with suppress(ValueError):
        items = tuple(parse_many(text)) if text else ()
        if all(item.amount > 0 and item.multiples > 0 for item in items):
            return items
    raise ValueError('must be like "3 per day" or "20 per hour; 5 per minute", or blank for no limit')


def database_url(text: str) -> "URL":
    """The URL of a database, for our driver (``app/utils/urls.py``, which is read only where one is wanted)."""
    from app.utils.urls import of_database

    return of_database(text, INSTANCE)


def redis_url(text: str) -> str:
    """The URL of a Redis server."""
    with suppress(ValueError):
        if re.match(r"(redis|rediss|unix)://[^\s]+$", text) and urlsplit(text).port != 0:
            return text
    raise ValueError("must be like redis://host:6379/0")


def several(read: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    """A reader of what stands between commas, each as ``read`` takes it."""
    return lambda text: tuple(read(each.strip()) for each in text.split(",") if each.strip())


def origin(text: str) -> str:
    """An origin of a browser (``https://shop.example``), or ``*`` for any."""
    found = text.rstrip("/").lower()
    if not re.fullmatch(r"\*|https?://[a-z0-9._-]+(:[0-9]{1,5})?", found):
        raise ValueError("must be origins like https://shop.example with commas between them, or *")
    return found


def secret(text: str) -> str:
    if len(text.encode()) < SMALLEST_SECRET:
        raise ValueError(f"must have at least {SMALLEST_SECRET} bytes, since it signs every token")
    return text


def password(text: str) -> str:
    if not 8 <= len(text) <= 128:
        raise ValueError("must have 8 to 128 characters")
    if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", text):
        raise ValueError("may not hold control characters")
    return text


def email(text: str) -> str:
    if not PLAIN_EMAIL.fullmatch(text.lower()) or len(text) > 255:
        raise ValueError("must be an email address like ann@example.com")
    return text.lower()


def setting(default: Any, read: Callable[[str], Any], *, blank: bool = False, trim: bool = True) -> Any:
    """A field of the settings: its default, and what makes a value of a text. ``blank``: an empty text is a value;
    ``trim``: spaces at its ends are none of it."""
    return field(default=default, metadata={"read": read, "blank": blank, "trim": trim})


def limit(default: str) -> Any:
    """A field of the settings that limits how often something may be done."""
    return field(default_factory=lambda: rate_limits(default), metadata={"read": rate_limits, "blank": True, "trim": True})


class Place(NamedTuple):
    """Where a shop serves, by how many processes, and where it shows its metrics (0: nowhere)."""

    host: str
    port: int
    workers: int
    metrics_port: int


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, as the README lists them. The names of the fields are those of the environment."""

    APP_ENV: ClassVar[str]
    DATABASE_REQUIRED: ClassVar[bool] = False

    HOST: str = setting("127.0.0.1", host)
    PORT: int = setting(5000, a_number(1, 65535))
    WEB_CONCURRENCY: int = setting(1, a_number(1, 512))
    DATABASE_URL: "URL" = setting(None, database_url)
    REDIS_URL: str = setting("", redis_url)
    SECRET_KEY: str = setting("", secret)
    SECRET_KEY_FALLBACKS: tuple[str, ...] = setting((), several(secret))
    TOKEN_MINUTES: int = setting(60, a_number(1, 525_600))
    ADMIN_EMAIL: str = setting("", email)
    ADMIN_PASSWORD: str = setting("", password, trim=False)
    LIMIT_TICKET_MECHANICS: "RateLimits" = limit("3 per day")
    LIMIT_TICKET_INVENTORY: "RateLimits" = limit("3 per day")
    LIMIT_TICKET_DELETE: "RateLimits" = limit("5 per day")
    LIMIT_REGISTER: "RateLimits" = limit("20 per hour")
    LIMIT_LOGIN: "RateLimits" = limit("10 per minute")
    LIMIT_DEFAULT: "RateLimits" = limit("1200 per minute")
    CORS_ORIGINS: tuple[str, ...] = setting((), several(origin))
    TRUSTED_PROXIES: int = setting(0, a_number(0, 20))
    CACHE_TIMEOUT: int = setting(60, a_number(1, 86_400))
    METRICS_PORT: int = setting(0, a_number(0, 65535))
    LOG_LEVEL: str = setting("INFO", one_of(*LOG_LEVELS))

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """The settings of a mapping, or else of the process's environment over the file ``.env``."""
        environment = surroundings() if environment is None else environment
        kind = KINDS[read_setting("APP_ENV", environment.get("APP_ENV", "").strip() or "development", one_of(*KINDS))]
        return kind.complete(set_of(environment, *fields(kind)))

    @classmethod
    def place(cls, environment: Mapping[str, str] | None = None) -> Place:
        """Where to serve, from the same settings and REDIS_URL, without a look at any other."""
        environment = surroundings() if environment is None else environment
        asked = ("HOST", "PORT", "WEB_CONCURRENCY", "METRICS_PORT")
        found = with_processes(set_of(environment, *(each for each in fields(cls) if each.name in (*asked, "REDIS_URL"))))
        place = Place._make(found.get(name, getattr(cls, name)) for name in asked)
        if place.metrics_port == place.port:
            raise BadSetting("METRICS_PORT: must be another than PORT")
        return place

    @classmethod
    def complete(cls, found: dict[str, Any]) -> "Settings":
        """Settings from the given ones, their defaults where one depends on another, and the rules between them."""
        found = with_processes(found)
        if found.get("ADMIN_PASSWORD") and not found.get("ADMIN_EMAIL"):
            raise BadSetting("ADMIN_EMAIL: is needed beside ADMIN_PASSWORD")
        if cls.DATABASE_REQUIRED:
            for name in ("SECRET_KEY", "DATABASE_URL"):
                if name not in found:
                    raise BadSetting(f"{name}: must be set where APP_ENV is {cls.APP_ENV}")
            if found.get("ADMIN_EMAIL") and not found.get("ADMIN_PASSWORD"):
                raise BadSetting("ADMIN_PASSWORD: is needed beside ADMIN_EMAIL")
        found.setdefault("DATABASE_URL", database_url("sqlite:///shop.db"))
        if "SECRET_KEY" not in found:
            found["SECRET_KEY"] = kept_secret(INSTANCE / "secret_key")
        return cls(**found)


@dataclass(frozen=True, kw_only=True)
class Development(Settings):
    APP_ENV = "development"
    CORS_ORIGINS: tuple[str, ...] = setting((LOCAL_ORIGIN,), several(origin))


@dataclass(frozen=True, kw_only=True)
class Testing(Development):
    APP_ENV = "testing"
    TESTING: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class Production(Settings):
    APP_ENV = "production"
    DATABASE_REQUIRED = True


KINDS: dict[str, type[Settings]] = {kind.APP_ENV: kind for kind in (Development, Testing, Production)}


def surroundings() -> dict[str, str]:
    """The process's environment, over what the file ``.env`` sets."""
    return {**dotenv(ROOT / ".env"), **os.environ}


def set_of(environment: Mapping[str, str], *asked: "Field[Any]") -> dict[str, Any]:
    """What is set of these settings."""
    found = {}
    for each in asked:
        if (text := environment.get(each.name)) is not None and (text.strip() or each.metadata["blank"]):
            text = text.strip() if each.metadata["trim"] else text
            found[each.name] = read_setting(each.name, text, each.metadata["read"])
    return found


def with_processes(found: dict[str, Any]) -> dict[str, Any]:
    """Settings with the number of processes: as many as there are processors, where they can share limits and cache."""
    if "REDIS_URL" in found and "WEB_CONCURRENCY" not in found:
        found["WEB_CONCURRENCY"] = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if found.get("WEB_CONCURRENCY", 1) > 1 and not found.get("REDIS_URL"):
        raise BadSetting("WEB_CONCURRENCY: more than one process needs REDIS_URL, or limits and cache are not shared")
    return found


def read_setting(name: str, text: str, read: Callable[[str], Any]) -> Any:
    """What ``read`` makes of a text; raise BadSetting that names the setting. The value itself is not repeated: it
    may be a secret."""
    if any("\ud800" <= letter <= "\udfff" for letter in text):  # How Python shows bytes of the environment.
        raise BadSetting(f"{name}: must be text in UTF-8")
    try:
        return read(text)
    except ValueError as error:
        raise BadSetting(f"{name}: {error}") from None


def dotenv(path: Path) -> dict[str, str]:
    """What the file ``.env`` sets, where there is one."""
    try:
        return {name: value or "" for name, value in dotenv_values(path).items()}
    except (OSError, UnicodeError) as error:
        raise BadSetting(f"{path} can't be read: {getattr(error, 'strerror', 'it must be text in UTF-8')}") from None


def kept_secret(path: Path) -> str:
    """The secret of this installation: made at the first start, and read again at each later one (mode 0600).

    Two processes that start together agree on one, since only one of them can link its file to the name."""
    try:
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # Made with mode 0600.
            os.write(handle, secrets.token_urlsafe(48).encode())
            os.close(handle)
            with suppress(FileExistsError):
                os.link(draft, path)
            Path(draft).unlink()
        return secret(path.read_text().strip())
    except OSError as error:
        raise BadSetting(f"SECRET_KEY: {path} can't be kept there ({error.strerror}); set SECRET_KEY instead") from None
    except ValueError as error:
        raise BadSetting(f"SECRET_KEY: {path} {error}") from None
