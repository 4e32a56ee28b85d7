"""The settings: read once from the environment and ``.env``, then frozen.

Each ``APP_ENV`` has a class, which ``create_app()`` takes as well as its name. ``Settings.load()`` raises
:class:`BadSetting`, whose text names the setting, for any value that the shop can't run with.
"""

import os
import re
import secrets
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar
from unicodedata import normalize

from dotenv import dotenv_values
from limits import RateLimitItem, parse_many
from sqlalchemy import URL

from app.utils.db.urls import parse_database_url, parse_redis_url, temporary_database

RateLimits = tuple[RateLimitItem, ...]
ROOT = Path(__file__).resolve().parent
INSTANCE = ROOT / "instance"
PLAIN_EMAIL = re.compile(
    r"(?=[^@]{1,64}@)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])"
)
"""A plain address in lower case: ``user@host.tld``, with 64 characters at most before the ``@`` (RFC 5321, 4.5.3.1.1)."""
LOCAL_ORIGIN = r"^https?://(localhost|127\.0\.0\.1)(:\d{1,5})?$"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
MIN_SECRET_BYTES = 32  # HS256 wants a key as long as its hash (RFC 7518, section 3.2).


class BadSetting(ValueError):
    """A setting has a value that the shop can't run with. The text is one line that names the setting."""


# ---------------------------------------------------------------- readers: text → value, or ValueError
def integer(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of integers from ``low`` to ``high``."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return read


def one_of(*words: str) -> Callable[[str], str]:
    """Return a reader of one of these words, in any case."""

    def read(text: str) -> str:
        found = next((word for word in words if word.lower() == text.lower()), None)
        if found is None:
            raise ValueError(f"must be one of {', '.join(words)}")
        return found

    return read


def host(text: str) -> str:
    """Read an address or a name of this machine."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}", text):
        raise ValueError("must be an address or a name of this machine, like 127.0.0.1 or 0.0.0.0")
    return text


def rate_limits(text: str) -> RateLimits:
    """Read ``"3 per day"``, or several limits separated by ``;``. Blank is no limit."""
    with suppress(ValueError):
        items = tuple(parse_many(text)) if text else ()
        if all(item.amount > 0 and item.multiples > 0 for item in items):
            return items
    raise ValueError('must be like "3 per day" or "20 per hour; 5 per minute", or blank for no limit')


def database_url(text: str) -> URL:
    return parse_database_url(text, INSTANCE)


def redis_url(text: str) -> str:
    with suppress(ValueError):
        return parse_redis_url(text)
    raise ValueError("must be like redis://host:6379/0")


def comma_separated(read: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    """Return a reader of values separated by commas."""
    return lambda text: tuple(read(each.strip()) for each in text.split(",") if each.strip())


def origin(text: str) -> str:
    """Read an origin of a browser (``https://shop.example``), or ``*`` for any."""
    found = text.rstrip("/").lower()
    if not re.fullmatch(r"\*|https?://[a-z0-9._-]+(:[0-9]{1,5})?", found):
        raise ValueError("must be origins like https://shop.example with commas between them, or *")
    return found


def secret(text: str) -> str:
    if len(text.encode()) < MIN_SECRET_BYTES:
        raise ValueError(f"must have at least {MIN_SECRET_BYTES} bytes, since it signs every token")
    return text


def password(text: str) -> str:
    """Read a password of 8 to 128 characters (NIST SP 800-63B, section 5.1.1.2)."""
    if not 8 <= len(normalize("NFC", text)) <= 128:
        raise ValueError("must have 8 to 128 characters")
    if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", text):
        raise ValueError("may not hold control characters")
    return text


def email(text: str) -> str:
    if not PLAIN_EMAIL.fullmatch(text.lower()) or len(text) > 255:
        raise ValueError("must be an email address like ann@example.com")
    return text.lower()


def setting(default: Any, read: Callable[[str], Any], *, blank: bool = False, trim: bool = True) -> Any:
    """Return a field with its default and its reader. ``blank``: an empty text is a value; ``trim``: strip the text."""
    return field(default=default, metadata={"read": read, "blank": blank, "trim": trim})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings. The names of the fields are those of the environment."""

    APP_ENV: ClassVar[str]
    IS_PRODUCTION: ClassVar[bool] = False

    HOST: str = setting("127.0.0.1", host)
    PORT: int = setting(5000, integer(1, 65535))
    WEB_CONCURRENCY: int = setting(1, integer(1, 512))
    DATABASE_URL: URL = setting(None, database_url)
    REDIS_URL: str = setting("", redis_url)
    SECRET_KEY: str = setting("", secret)
    SECRET_KEY_FALLBACKS: tuple[str, ...] = setting((), comma_separated(secret))
    TOKEN_MINUTES: int = setting(60, integer(1, 525_600))
    ADMIN_EMAIL: str = setting("", email)
    ADMIN_PASSWORD: str = setting("", password, trim=False)
    LIMIT_TICKET_MECHANICS: RateLimits = setting(rate_limits("3 per day"), rate_limits, blank=True)
    LIMIT_TICKET_INVENTORY: RateLimits = setting(rate_limits("3 per day"), rate_limits, blank=True)
    LIMIT_TICKET_DELETE: RateLimits = setting(rate_limits("5 per day"), rate_limits, blank=True)
    LIMIT_REGISTER: RateLimits = setting(rate_limits("20 per hour"), rate_limits, blank=True)
    LIMIT_LOGIN: RateLimits = setting(rate_limits("10 per minute"), rate_limits, blank=True)
    LIMIT_DEFAULT: RateLimits = setting(rate_limits("1200 per minute"), rate_limits, blank=True)
    CORS_ORIGINS: tuple[str, ...] = setting((), comma_separated(origin))
    TRUSTED_PROXIES: int = setting(0, integer(0, 20))
    CACHE_TIMEOUT: int = setting(60, integer(1, 86_400))
    METRICS_PORT: int = setting(0, integer(0, 65535))
    LOG_LEVEL: str = setting("INFO", one_of(*LOG_LEVELS))

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings of a mapping, or of the process's environment over ``.env``. Raise BadSetting.

        ``APP_ENV`` chooses the class, unless this is the method of one."""
        name = getattr(cls, "APP_ENV", "")
        environment = process_environment(name) if environment is None else environment
        name = name or environment.get("APP_ENV", "").strip() or "development"
        kind = cls if hasattr(cls, "APP_ENV") else CONFIGS[read_setting("APP_ENV", name, one_of(*CONFIGS))]
        return kind.complete(kind.given_values(environment))

    @classmethod
    def given_values(cls, environment: Mapping[str, str]) -> dict[str, Any]:
        """Return the values of the settings that the environment sets. Raise BadSetting."""
        found = {}
        for each in fields(cls):
            if (text := environment.get(each.name)) is not None and (text.strip() or each.metadata["blank"]):
                text = text.strip() if each.metadata["trim"] else text
                found[each.name] = read_setting(each.name, text, each.metadata["read"])
        return found

    @classmethod
    def complete(cls, found: dict[str, Any]) -> "Settings":
        """Return the settings, with the defaults and rules that depend on several of them. Raise BadSetting."""
        found["WEB_CONCURRENCY"] = resolve_workers(found)
        if found.get("METRICS_PORT", 0) == found.get("PORT", cls.PORT):
            raise BadSetting("METRICS_PORT: must be another than PORT")
        if found.get("ADMIN_PASSWORD") and not found.get("ADMIN_EMAIL"):
            raise BadSetting("ADMIN_EMAIL: is required with ADMIN_PASSWORD")
        if cls.IS_PRODUCTION:
            for name in ("SECRET_KEY", "DATABASE_URL"):
                if name not in found:
                    raise BadSetting(f"{name}: must be set where APP_ENV is {cls.APP_ENV}")
            if found.get("ADMIN_EMAIL") and not found.get("ADMIN_PASSWORD"):
                raise BadSetting("ADMIN_PASSWORD: is required with ADMIN_EMAIL")
        shop, is_test = INSTANCE / "shop.db", cls.APP_ENV == "testing"
        if "DATABASE_URL" not in found:
            found["DATABASE_URL"] = temporary_database() if is_test else URL.create("sqlite", database=str(shop))
        elif is_test and Path(str(found["DATABASE_URL"].database)).resolve() == shop.resolve():
            raise BadSetting("DATABASE_URL: must not be the database of development where APP_ENV is testing: tests empty it")
        if "SECRET_KEY" not in found:
            found["SECRET_KEY"] = load_or_create_secret(INSTANCE / "secret_key")
        return cls(**found)


@dataclass(frozen=True, kw_only=True)
class DevelopmentConfig(Settings):
    APP_ENV = "development"
    CORS_ORIGINS: tuple[str, ...] = setting((LOCAL_ORIGIN,), comma_separated(origin))


@dataclass(frozen=True, kw_only=True)
class TestingConfig(DevelopmentConfig):
    APP_ENV = "testing"
    TESTING: ClassVar[bool] = True
    __test__: ClassVar[bool] = False  # pytest would collect a class of this name.


@dataclass(frozen=True, kw_only=True)
class ProductionConfig(Settings):
    APP_ENV = "production"
    IS_PRODUCTION = True


CONFIGS: dict[str, type[Settings]] = {kind.APP_ENV: kind for kind in (DevelopmentConfig, TestingConfig, ProductionConfig)}


def resolve_settings(given: "Settings | type[Settings] | str | None") -> "Settings":
    """Return the settings of a class, or of its name: ``"TestingConfig"`` or ``"testing"``. Raise BadSetting."""
    if isinstance(given, Settings):
        return given
    if isinstance(given, str):
        name = given.rpartition(".")[2].lower().removesuffix("config")
        given = CONFIGS[read_setting("APP_ENV", name, one_of(*CONFIGS))]
    return (given or Settings).load()


def process_environment(app_env: str = "") -> dict[str, str]:
    """Return the process's environment, over the file ``.env``. ``app_env`` replaces ``APP_ENV``.

    Tests ignore a ``.env`` that is not for tests: its database is the shop's, and tests empty theirs."""
    file = dotenv(ROOT / ".env")
    found = {**file, **os.environ} | ({"APP_ENV": app_env} if app_env else {})
    if is_testing(found) and not is_testing(file):
        # Flask's command line has already copied .env into os.environ: drop those values as well.
        return {name: text for name, text in found.items() if file.get(name) != text}
    return found


def is_testing(environment: Mapping[str, str]) -> bool:
    return environment.get("APP_ENV", "").strip().lower() == "testing"


def resolve_workers(found: dict[str, Any]) -> int:
    """Return the number of workers: one, or one a processor if they can share limits and cache. Raise BadSetting."""
    has_redis = "REDIS_URL" in found
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers: int = found.get("WEB_CONCURRENCY", processors if has_redis else 1)
    if workers > 1 and not has_redis:
        raise BadSetting("WEB_CONCURRENCY: more than one process needs REDIS_URL, or limits and cache are not shared")
    return workers


def read_setting(name: str, text: str, read: Callable[[str], Any]) -> Any:
    """Read a value. Raise BadSetting, which names the setting and not the value: it may be a secret."""
    if any("\ud800" <= letter <= "\udfff" for letter in text):  # Python's form of bytes that are not UTF-8.
        raise BadSetting(f"{name}: must be text in UTF-8")
    try:
        return read(text)
    except ValueError as error:
        raise BadSetting(f"{name}: {error}") from None


def dotenv(path: Path) -> dict[str, str]:
    """Return the variables of the file ``.env``, if it exists. Raise BadSetting."""
    try:
        return {name: value or "" for name, value in dotenv_values(path).items()}
    except (OSError, UnicodeError) as error:
        raise BadSetting(f"{path} can't be read: {getattr(error, 'strerror', 'it must be text in UTF-8')}") from None


def load_or_create_secret(path: Path) -> str:
    """Return the secret of this installation, created at the first start (mode 0600).

    Two processes that start together agree on one secret: only one of them can link its file to the name."""
    try:
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # Created with mode 0600.
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
