"""The settings: good and bad values of each, and how they depend on each other."""

import re

import pytest
from limits import parse
from sqlalchemy import make_url

import config
from config import BadSetting, Settings
from tests.support.environment import LIMITS
from tests.support.settings import NAMES, PRODUCTION, load, refusal


# ---------------------------------------------------------------- single settings
@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("APP_ENV", "development"),
        ("HOST", "127.0.0.1"),
        ("PORT", 5000),
        ("WEB_CONCURRENCY", 1),
        ("DATABASE_URL", make_url(f"sqlite:///{config.INSTANCE}/shop.db")),
        ("REDIS_URL", ""),
        ("SECRET_KEY_FALLBACKS", ()),
        ("TOKEN_MINUTES", 60),
        ("ADMIN_EMAIL", ""),
        ("ADMIN_PASSWORD", ""),
        ("LIMIT_TICKET_MECHANICS", (parse("3 per day"),)),
        ("LIMIT_TICKET_INVENTORY", (parse("3 per day"),)),
        ("LIMIT_TICKET_DELETE", (parse("5 per day"),)),
        ("LIMIT_REGISTER", (parse("20 per hour"),)),
        ("LIMIT_LOGIN", (parse("10 per minute"),)),
        ("LIMIT_DEFAULT", (parse("1200 per minute"),)),
        ("TRUSTED_PROXIES", 0),
        ("CACHE_TIMEOUT", 60),
        ("METRICS_PORT", 0),
        ("LOG_LEVEL", "INFO"),
    ],
)
def test_unset_or_blank_setting_has_its_default(name, default):
    assert getattr(load(), name) == default
    if name not in LIMITS:
        assert getattr(load(**{name: "  "}), name) == default


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("APP_ENV", "Testing", "testing"),
        ("HOST", "0.0.0.0", "0.0.0.0"),  # noqa: S104
        ("HOST", "::1", "::1"),
        ("HOST", "localhost", "localhost"),
        ("PORT", " 8080 ", 8080),
        ("PORT", "1", 1),
        ("PORT", "65535", 65535),
        ("WEB_CONCURRENCY", "1", 1),
        ("REDIS_URL", "redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("REDIS_URL", "rediss://:secret@cache.example", "rediss://:secret@cache.example"),
        ("REDIS_URL", "unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("SECRET_KEY", "x" * 32, "x" * 32),
        ("SECRET_KEY", "é" * 16, "é" * 16),
        ("SECRET_KEY_FALLBACKS", "x" * 32, ("x" * 32,)),
        ("SECRET_KEY_FALLBACKS", f" {'x' * 32} , {'é y' * 16},", ("x" * 32, "é y" * 16)),
        ("TOKEN_MINUTES", "1", 1),
        ("LIMIT_LOGIN", "5/second; 20 per hour", (parse("5 per second"), parse("20 per hour"))),
        ("CORS_ORIGINS", "https://shop.example, http://Localhost:3000/", ("https://shop.example", "http://localhost:3000")),
        ("CORS_ORIGINS", "*", ("*",)),
        ("TRUSTED_PROXIES", "2", 2),
        ("CACHE_TIMEOUT", "1", 1),
        ("LOG_LEVEL", "debug", "DEBUG"),
        ("METRICS_PORT", "9100", 9100),
    ],
)
def test_good_value_is_accepted(name, text, value):
    assert getattr(load(**{name: text}), name) == value


@pytest.mark.parametrize(
    ("option", "check_hostname"),
    [
        ("ssl=true", "false"),
        ("useSSL=true", "false"),
        ('ssl={"rejectUnauthorized":false}', "false"),
        ('ssl={"rejectUnauthorized":true}', "true"),
        ("sslaccept=strict", "true"),
        ("ssl=false", None),
    ],
)
def test_tls_options_of_hosting_providers_are_translated(option, check_hostname):
    query = load(DATABASE_URL=f"mysql://shop:pw@db/shop?{option}").DATABASE_URL.query
    assert query.get("ssl_check_hostname") == check_hostname
    assert ("ssl_ca" in query) == (check_hostname == "true")


def test_database_url_accepts_several_hosts():
    clustered = load(DATABASE_URL="postgres://shop:pw@db1:5432,db2:5433/shop").DATABASE_URL
    assert clustered.query == {"target_session_attrs": "read-write", "host": ("db1:5432", "db2:5433")}
    assert (clustered.username, clustered.database) == ("shop", "shop")
    galera = load(DATABASE_URL="mysql://shop:pw@db1,db2:3307,db3/shop?ssl-mode=REQUIRED").DATABASE_URL
    assert galera.query == {"hosts": "db1,db2:3307,db3", "charset": "utf8mb4", "ssl_check_hostname": "false"}
    assert (galera.host, galera.password, galera.database) == ("db1", "pw", "shop")


BAD = {
    "APP_ENV": ["prod", "production;"],
    "HOST": ["http://localhost", "two words", "a/b"],
    "PORT": ["0", "65536", "-1", "80.5", "http", "0x50", "٨٠٨٠", "9" * 30],
    "WEB_CONCURRENCY": ["0", "two", "-1", "1.0"],
    "DATABASE_URL": ["nonsense", "oracle://hunter2@db/shop", "postgresql://shop:hunter2@db:port/shop", "://"],
    "REDIS_URL": ["localhost:6379", "http://localhost", "redis://", "redis://localhost:many"],
    "SECRET_KEY": ["hunter2", "x" * 31],
    "SECRET_KEY_FALLBACKS": ["hunter2", "x" * 31, f"{'x' * 32},short", f"short,{'x' * 32}", "a secret, cut at its own comma"],
    "TOKEN_MINUTES": ["0", "1h", "525601"],
    "ADMIN_EMAIL": ["hunter2", "ann@localhost", "ann@example.com, bob@example.com", f"{'a' * 250}@example.com"],
    "ADMIN_PASSWORD": ["hunter2", "x" * 129, "with\x00a NUL"],
    "CORS_ORIGINS": ["shop.example", "https://shop.example/page", "https://*.example", "https://u:p@shop.example"],
    "TRUSTED_PROXIES": ["-1", "yes", "21"],
    "CACHE_TIMEOUT": ["0", "1.5", "86401"],
    "METRICS_PORT": ["-1", "65536", "on"],
    "LOG_LEVEL": ["loud", "10"],
    **{name: ["3", "per day", "three per day", "3 per fortnight", "0 per day", "-3 per day"] for name in LIMITS},
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_bad_value_is_refused_in_one_line_with_its_name(name, text):
    required = {"ADMIN_EMAIL": "ann@example.com"} if name == "ADMIN_PASSWORD" else {}
    line = refusal(**required, **{name: text})
    assert re.fullmatch(rf"{name}: (must|may not|names|has) .+", line)


@pytest.mark.parametrize("name", sorted(NAMES))
@pytest.mark.parametrize(
    "text", ["hunter2", "hunter2 /", "oracle://u:hunter2@db/shop", "mysql://u:hunter2@db?x=hunter2", "9hunter2"]
)
def test_refusal_does_not_repeat_the_value(name, text):
    try:
        load(**{name: text})
    except BadSetting as error:
        assert "hunter2" not in str(error)  # noqa: PT017


@pytest.mark.parametrize("name", sorted(NAMES))
def test_bytes_other_than_utf8_are_refused(name):
    assert refusal(**{name: "\udcff" * 40}) == f"{name}: must be text in UTF-8"


def test_table_of_bad_values_has_every_setting():
    assert set(BAD) == NAMES


def test_settings_are_frozen():
    settings = load()
    with pytest.raises(AttributeError):
        settings.PORT = 80
    assert settings.PORT == 5000


# ---------------------------------------------------------------- databases
@pytest.mark.parametrize(
    ("text", "driver", "rest"),
    [
        ("sqlite:////srv/shop.db", "sqlite", "/srv/shop.db"),
        ("sqlite:///shop.db", "sqlite", f"{config.INSTANCE}/shop.db"),
        ("postgres://u:p@host:5432/shop", "postgresql+psycopg", "shop"),
        ("postgresql://u:p@host/shop?sslmode=require", "postgresql+psycopg", "shop"),
        ("postgresql+asyncpg://u:p@host/shop", "postgresql+psycopg", "shop"),
        ("mysql://u:p@host:3306/shop", "mysql+pymysql", "shop"),
        ("mysql2://u:p@host/shop", None, None),
        ("mysql+mysqldb://u:p@host/shop", "mysql+pymysql", "shop"),
        ("mariadb://u:p@host/shop?charset=latin1", "mysql+pymysql", "shop"),
    ],
)
def test_database_url_of_hosting_providers_is_translated(text, driver, rest):
    if driver is None:
        assert refusal(DATABASE_URL=text).startswith("DATABASE_URL: names 'mysql2'")
        return
    url = load(DATABASE_URL=text).DATABASE_URL
    assert (url.drivername, url.database) == (driver, rest)
    if driver == "mysql+pymysql":
        assert url.query == {"charset": "utf8mb4"}
    if driver != "sqlite":
        assert (url.username, url.password, url.host) == ("u", "p", "host")


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("ssl-mode=REQUIRED", {"ssl_check_hostname": "false"}),
        ("sslmode=require", {"ssl_check_hostname": "false"}),
        ("ssl-mode=PREFERRED&reconnect=true", {}),
        ("ssl-mode=VERIFY_CA&ssl-ca=/ca.pem", {"ssl_ca": "/ca.pem", "ssl_check_hostname": "false"}),
        ("ssl_mode=VERIFY_IDENTITY&ssl_ca=/ca.pem", {"ssl_ca": "/ca.pem", "ssl_check_hostname": "true"}),
    ],
)
def test_mysql_tls_options_are_translated(query, options):
    assert load(DATABASE_URL=f"mysql://u:p@host/shop?{query}").DATABASE_URL.query == options | {"charset": "utf8mb4"}


@pytest.mark.parametrize(
    "text",
    ["mysql://u:hunter2@host/shop?magic=1", "mysql://u:hunter2@host/shop?connect_timeout=soon", "mysql://u:hunter2@host"],
)
def test_mysql_url_with_bad_option_or_no_database_is_refused(text):
    assert re.match("DATABASE_URL: (has an option|must name a database)", refusal(DATABASE_URL=text))


@pytest.mark.parametrize(
    "text",
    ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///file::memory:?uri=true", "sqlite:///file:x?mode=memory"],
)
def test_sqlite_in_memory_is_refused(text):
    assert refusal(DATABASE_URL=text).startswith("DATABASE_URL: must name a file")


# ---------------------------------------------------------------- dependencies
def test_production_starts_with_a_secret_and_a_database():
    settings = Settings.load(PRODUCTION)
    assert settings.APP_ENV == "production"
    assert settings.CORS_ORIGINS == ()


def test_any_local_port_is_an_origin_in_development():
    [origin] = load().CORS_ORIGINS
    for good in ("http://localhost:3000", "http://127.0.0.1:8080", "https://localhost"):
        assert re.match(origin, good)
    for bad in ("http://localhost.evil.example", "http://evil.example/localhost", "http://localhost:3000.evil.example"):
        assert not re.match(origin, bad)


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL"])
@pytest.mark.parametrize("text", [None, "", "   "])
def test_production_requires_secret_and_database(name, text):
    given = {key: value for key, value in (PRODUCTION | {name: text}).items() if value is not None}
    with pytest.raises(BadSetting, match=f"^{name}: must be set where APP_ENV is production$"):
        Settings.load(given)


def test_short_secret_is_refused_in_production():
    with pytest.raises(BadSetting, match=r"^SECRET_KEY: must have at least 32 bytes"):
        Settings.load(PRODUCTION | {"SECRET_KEY": "short"})


def test_several_workers_require_redis():
    assert refusal(WEB_CONCURRENCY="2").startswith("WEB_CONCURRENCY: more than one process needs REDIS_URL")
    assert refusal(WEB_CONCURRENCY="2", REDIS_URL="").startswith("WEB_CONCURRENCY: ")
    assert load(WEB_CONCURRENCY="2", REDIS_URL="redis://cache").WEB_CONCURRENCY == 2


def test_default_with_redis_is_one_worker_per_core(monkeypatch):
    """The cores of the process, which in a container may be fewer than those of the machine."""
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert load(REDIS_URL="redis://cache").WEB_CONCURRENCY == 4
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert load(REDIS_URL="redis://cache").WEB_CONCURRENCY == 8
    assert load(REDIS_URL="redis://cache", WEB_CONCURRENCY="1").WEB_CONCURRENCY == 1
    assert load().WEB_CONCURRENCY == 1


@pytest.mark.parametrize("name", LIMITS)
def test_blank_limit_is_off(name):
    assert getattr(load(**{name: ""}), name) == ()
    assert getattr(load(**{name: "  "}), name) == ()
