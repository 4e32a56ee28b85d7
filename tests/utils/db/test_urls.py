"""URLs of databases and Redis: passwords with any letters, several hosts, options."""

import re
from itertools import product
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import ConnectionPool
from sqlalchemy import text

from app.startup.checks import require_redis
from app.utils.db.startup_lock import CantStart, connect
from app.utils.db.urls import has_pooler, parse_database_url, parse_redis_url, split_port
from config import BadSetting, Settings
from tests.support import services
from tests.support.environment import ENVIRONMENT

FOLDER = Path("/srv")
AWKWARD = [
    "Xk9,fQ2",
    "Xk9@fQ2",
    "Xk9/fQ2",
    "Xk9#fQ2",
    "Xk9?fQ2",
    "Xk9%fQ2",
    "Xk9:fQ2",
    "Xk9:fQ2@[Zr7]/#?%=&,Wv5",
    "Xk9?sslmode@fQ2",
    "12@34,Xk9",
    "12/34@Xk9",
    "@Xk9",
    "Xk9@",
    "Xk9 fQ2+Zr7",
    "Xk9?a=b&c=fQ2",
    "Xk9://fQ2",
    "Xk9\\fQ2'\"",
    "é@fQ2",
]
"""Passwords as a person writes them, without escapes."""
PIECES = ("Xk9", "fQ2", "Zr7", "Wv5", "34")
HOSTS = ["127.0.0.1", "127.0.0.1:6543", "db-1.example", "[::1]:5433"]


@pytest.mark.parametrize("password", AWKWARD)
@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "mysql", "mariadb"])
def test_hosts_begin_after_the_last_at(scheme, password):
    for written, host, options in product((password, quote(password, safe="")), HOSTS, ("", "?connect_timeout=3")):
        url = parse_database_url(f"{scheme}://shop:{written}@{host}/cars{options}", FOLDER)
        assert (url.username, url.password, url.database) == ("shop", password, "cars")
        assert f"{'[' + url.host + ']' if ':' in url.host else url.host}{f':{url.port}' if url.port else ''}" == host
        assert url.query.get("connect_timeout") == ("3" if options else None)


@pytest.mark.parametrize("password", AWKWARD)
def test_several_hosts_begin_after_the_last_at(password):
    url = parse_database_url(f"postgresql://shop:{password}@db1:5432,db2/cars", FOLDER)
    assert (url.password, url.query["host"]) == (password, ("db1:5432", "db2"))
    url = parse_database_url(f"mysql://shop:{password}@db1,db2:3307/cars", FOLDER)
    assert (url.password, url.query["hosts"]) == (password, "db1,db2:3307")
    url = parse_database_url(f"mysql://shop:{password}@[::1]:3307,db2/cars", FOLDER)
    assert [split_port(host) for host in url.query["hosts"].split(",")] == [("::1", 3307), ("db2", None)]


@pytest.mark.parametrize("password", AWKWARD)
def test_redis_password_reaches_the_driver(password):
    places = ("cache.example:6380/2", "127.0.0.1", "127.0.0.1/0?client_name=shop")
    for rest, user in product(places, ("", "shop")):
        pool = ConnectionPool.from_url(parse_redis_url(f"redis://{user}:{password}@{rest}"))
        assert pool.connection_kwargs["password"] == password
        assert pool.connection_kwargs.get("username", "") == user
        assert pool.connection_kwargs["host"] == rest.partition("/")[0].partition(":")[0]
        socket = ConnectionPool.from_url(parse_redis_url(f"unix://{user}:{password}@/run/redis.sock?db=1"))
        assert (socket.connection_kwargs["password"], socket.connection_kwargs["path"]) == (password, "/run/redis.sock")


@given(st.text(min_size=1), st.sampled_from(["postgresql", "mysql"]))
def test_any_password_is_parsed(password, scheme):
    url = parse_database_url(f"{scheme}://shop:{password}@127.0.0.1/cars", FOLDER)
    assert (url.password, url.host, url.database) == (unquote(password), "127.0.0.1", "cars")


@pytest.mark.parametrize(
    ("text", "user", "host", "query"),
    [
        ("postgresql://shop@server:pw@db.example/cars", "shop@server", "db.example", {}),
        ("postgresql://db.example/cars?user=a@b", None, "db.example", {"user": "a@b"}),
        ("postgresql://shop:pw@/cars?host=/run/postgresql", "shop", None, {"host": "/run/postgresql"}),
        ("postgresql:///cars", None, None, {}),
        ("postgresql://%2Frun%2Fpostgresql/cars", None, "/run/postgresql", {}),
        ("postgresql://u:p@h/cars?host=a:1&host=b:2", "u", "h", {"host": ("a:1", "b:2")}),
    ],
)
def test_other_forms_of_postgresql_are_parsed(text, user, host, query):
    url = parse_database_url(text, FOLDER)
    assert (url.username, url.host, url.database, url.query) == (user, host, "cars", query)


@pytest.mark.parametrize("password", AWKWARD)
@pytest.mark.parametrize("scheme", ["postgresql", "mysql", "oracle", "redis"])
def test_refusal_holds_no_piece_of_the_password(scheme, password):
    name = "REDIS_URL" if scheme == "redis" else "DATABASE_URL"
    for rest in ("db:port/cars", "db:99999/cars", "two words/cars", "a,b:x/cars", "db/cars?magic=1"):
        with pytest.raises((BadSetting, CantStart), match=f"^{name}: ") as refusal:
            require_redis(Settings.load(ENVIRONMENT | {name: f"{scheme}://shop:{password}@{rest}"}).REDIS_URL)
        assert not [piece for piece in PIECES if piece in str(refusal.value)]


# ---------------------------------------------------------------- real servers
@pytest.fixture
def account(database, worker_id):
    """Create accounts of a server: ``account(password)`` returns the user and the place after the ``@``."""
    user, url = f"shop_{worker_id}", services.database_url(services.url_of(database))

    def create(password):
        literal = password.replace("\\", "\\\\").replace("'", "''")
        if database == "postgresql":
            run(f"CREATE ROLE {user} LOGIN PASSWORD E'{literal}'")
        else:
            run(f"CREATE USER {user}@'127.0.0.1' IDENTIFIED BY '{literal}'")
            run(f"GRANT ALL ON {url.database}.* TO {user}@'127.0.0.1'")
        return user, f"{url.host}:{url.port}/{url.database}"

    def run(sql):
        services.run(database, sql.replace(":", "\\:"))

    yield create
    if database == "mariadb":
        run(f"DROP USER IF EXISTS {user}@'127.0.0.1'")
    else:
        run(f"DROP ROLE IF EXISTS {user}")


@pytest.mark.databases("postgresql", "mariadb")
@pytest.mark.parametrize("password", ["Xk9,fQ2", "Xk9@fQ2", "Xk9:fQ2@[Zr7]/#?%=&,Wv5", "12/34@Xk9"])
def test_server_accepts_the_password_and_refuses_another_in_silence(database, account, password):
    user, place = account(password)
    scheme = "mysql" if database == "mariadb" else "postgresql"
    with connect(parse_database_url(f"{scheme}://{user}:{password}@{place}", FOLDER)) as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    wrong = parse_database_url(f"{scheme}://{user}:{password}Wv5@{place}_of_another_shop", FOLDER)
    with pytest.raises(CantStart, match=r"^DATABASE_URL: .* can't be used: ") as refusal, connect(wrong):
        pass
    assert not [piece for piece in PIECES if piece in str(refusal.value).replace(place, "")]


# ---------------------------------------------------------------- options
@pytest.mark.parametrize("option", ["mode=ro", "uri=true", "isolation_level=x", "magic=x"])
def test_unknown_option_of_sqlite_is_refused(option):
    with pytest.raises(ValueError, match=f"SQLite doesn't know: {option.partition('=')[0]}"):
        parse_database_url(f"sqlite:///shop.db?{option}", FOLDER)


def test_known_option_of_sqlite_is_left_to_the_shop():
    url = parse_database_url("sqlite:///my%20shop.db?check_same_thread=x&timeout=x", FOLDER)
    assert (url.database, url.query) == ("/srv/my shop.db", {})


UNUSED = ("connect_timeout=x", "sslrootcert=/no/such")
"""Options that libpq may ignore here."""


@pytest.mark.parametrize(
    "option",
    [
        "prepare_threshold=x",
        "row_factory=x",
        "cursor_factory=x",
        "autocommit=1",
        "context=x",
        "conninfo=x",
        "dbname=x",
        "magic=x",
    ],
)
def test_option_that_is_not_text_is_refused(option):
    with pytest.raises(BadSetting) as refusal:
        Settings.load(ENVIRONMENT | {"DATABASE_URL": f"postgresql://u:hunter2@127.0.0.1/shop?{option}"})
    name = option.partition("=")[0]
    assert str(refusal.value) == f"DATABASE_URL: has an option that the driver of PostgreSQL doesn't know: {name}"


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize(
    "option",
    [
        "connect_timeout=x",
        "port=x",
        "hostaddr=x",
        "sslmode=x",
        "keepalives=x",
        "host=a&host=b&port=1,2,3",
        "sslmode=a&sslmode=b",
        "target_session_attrs=x",
        "service=x",
        "options=-x",
        "tcp_user_timeout=x",
        "channel_binding=x",
        "load_balance_hosts=x",
        "sslrootcert=/no/such",
        "require_auth=x",
        "gssencmode=x",
        "ssl_min_protocol_version=x",
    ],
)
def test_bad_value_of_an_option_is_refused_in_one_line(database, option):
    place = services.url_of(database).partition("@")[2]
    try:
        settings = Settings.load(ENVIRONMENT | {"DATABASE_URL": f"postgresql://postgres:hunter2@{place}?{option}"})
        with connect(settings.DATABASE_URL):
            assert option in UNUSED
    except (BadSetting, CantStart) as refusal:
        assert re.fullmatch("DATABASE_URL: [^\n]+", str(refusal))  # noqa: PT017
        assert "hunter2" not in str(refusal)  # noqa: PT017


@pytest.mark.databases("postgresql")
def test_text_is_sent_in_utf8_whatever_the_environment(app, database, monkeypatch):
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    url = parse_database_url(f"{services.url_of(database)}?client_encoding=latin1", FOLDER)
    with connect(url) as connection:
        assert connection.exec_driver_sql("SELECT 'Łódź'").scalar() == "Łódź"
        assert connection.exec_driver_sql("SHOW client_encoding").scalar() == "UTF8"


@pytest.mark.parametrize("option", ["pooler=transaction", "pgbouncer=true", "prepare_threshold=0", "prepare_threshold=none"])
def test_transaction_pooler_is_named_in_several_ways(option):
    url = parse_database_url(f"postgresql://shop:pw@db/cars?sslmode=require&{option}", FOLDER)
    assert has_pooler(url)
    assert url.query == {"sslmode": "require", "pooler": "transaction"}


@pytest.mark.parametrize("option", ["pooler=session", "pgbouncer=false", "sslmode=require"])
def test_other_url_has_no_transaction_pooler(option):
    assert not has_pooler(parse_database_url(f"postgresql://shop:pw@db/cars?{option}", FOLDER))


@pytest.mark.parametrize("option", ["pooler=statement", "pgbouncer=maybe", "prepare_threshold=-1"])
def test_unknown_mode_of_a_pooler_is_refused(option):
    with pytest.raises(ValueError, match=f"doesn't know: {option.partition('=')[0]}"):
        parse_database_url(f"postgresql://shop:pw@db/cars?{option}", FOLDER)


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize(("option", "prepared"), [("pooler=session", True), ("pooler=transaction", False)])
def test_statements_are_prepared_unless_a_pooler_shares_connections(database, option, prepared):
    with connect(parse_database_url(f"{services.url_of(database)}?{option}", FOLDER)) as connection:
        for _ in range(7):
            connection.execute(text("SELECT :number"), {"number": 1})
        assert bool(connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar()) == prepared
