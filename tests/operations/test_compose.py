"""compose.yaml, parsed by Docker Compose: confinement, health checks, and no default passwords."""

import subprocess

import pytest
from dotenv import dotenv_values
from sqlalchemy import make_url

from config import Settings
from tests.support.needs import needs
from tests.support.operations.composition import REQUIRED_VALUES, environment_of, parse_compose, services_of
from tests.support.operations.document import block

pytestmark = needs("docker-compose")


@pytest.mark.parametrize("missing", sorted(REQUIRED_VALUES))
@pytest.mark.parametrize("blank", [True, False])
def test_missing_password_stops_compose_and_is_named(missing, blank):
    values = {name: value for name, value in REQUIRED_VALUES.items() if name != missing} | ({missing: ""} if blank else {})
    result = parse_compose(values)
    assert result.returncode != 0
    assert f"required variable {missing} is missing a value: set it in .env" in result.stderr
    assert all(value not in result.stderr for value in REQUIRED_VALUES.values())


def test_every_service_is_confined():
    services = services_of()
    assert set(services) == {"shop", "postgresql", "redis"}
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "/tmp" in service["tmpfs"], name
        assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"]), name
        assert service["restart"] == "unless-stopped", name
        assert "privileged" not in service, name
        assert not service.get("volumes") or name == "postgresql"


def test_shop_waits_for_healthy_services_and_alone_publishes_a_port_on_localhost():
    services = services_of()
    conditions = {name: dependency["condition"] for name, dependency in services["shop"]["depends_on"].items()}
    assert conditions == {"postgresql": "service_healthy", "redis": "service_healthy"}
    assert all("healthcheck" in services[name] for name in conditions)
    ports = {name: service.get("ports", []) for name, service in services.items()}
    [published] = ports["shop"]
    assert (published["host_ip"], published["published"], published["target"]) == ("127.0.0.1", "5000", 5000)
    assert ports["postgresql"] == ports["redis"] == [], "a port other than the shop's is published"
    assert {name for name, service in services.items() if "front" in service["networks"]} == {"shop"}


def test_environment_of_the_shop_is_valid_for_production():
    """compose.yaml sets APP_ENV, HOST, PORT and the URLs of the services; .env sets everything else."""
    settings = Settings.load(environment_of("shop", TRUSTED_PROXIES="1", HOST="127.0.0.1", APP_ENV="development", PORT="80"))
    assert (settings.APP_ENV, settings.HOST, settings.PORT, settings.TRUSTED_PROXIES) == ("production", "0.0.0.0", 5000, 1)  # noqa: S104
    database, services = settings.DATABASE_URL, services_of()
    assert (database.host, database.username, database.password) == ("postgresql", "shop", REQUIRED_VALUES["POSTGRES_PASSWORD"])
    assert database.database == services["postgresql"]["environment"]["POSTGRES_USER"], (
        "the image names the database after the user"
    )
    assert make_url(settings.REDIS_URL).host == "redis"
    assert REQUIRED_VALUES["SECRET_KEY"] == settings.SECRET_KEY
    assert settings.METRICS_PORT, "a Prometheus in the same network needs the port"


def test_blank_values_in_env_file_keep_the_defaults():
    """A blank limit would switch the limit off, so blank values in .env must not reach the settings."""
    settings = Settings.load(environment_of("shop", WEB_CONCURRENCY="", ADMIN_EMAIL="", LIMIT_LOGIN='"10 per minute"'))
    assert settings.WEB_CONCURRENCY == 2
    assert [str(item) for item in settings.LIMIT_LOGIN] == ["10 per 1 minute"]


def test_maxmemory_of_redis_fits_its_memory_limit():
    services = services_of()
    command = services["redis"]["command"]
    maxmemory = command[command.index("--maxmemory") + 1]
    assert int(maxmemory.removesuffix("mb")) * 2**20 < int(services["redis"]["deploy"]["resources"]["limits"]["memory"]) * 0.8


@needs("openssl")
def test_documented_commands_write_a_complete_env_file(tmp_path):
    setup, _, start = block("In containers", "sh").rstrip().rpartition("\n")
    assert start == "docker compose up -d --build --wait", "the last line, which needs a container engine, is not run"
    subprocess.run(["bash", "-euc", setup], cwd=tmp_path, check=True)
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    values = {name: str(value) for name, value in dotenv_values(tmp_path / ".env").items()}
    settings = Settings.load(environment_of("shop", **values))
    assert values["SECRET_KEY"] == settings.SECRET_KEY
    assert values["SECRET_KEY"] != values["POSTGRES_PASSWORD"] == settings.DATABASE_URL.password
    assert (settings.TRUSTED_PROXIES, settings.ADMIN_EMAIL) == (1, "ann@example.com")
