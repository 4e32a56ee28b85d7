"""compose.yaml, read by Docker Compose itself: confined, healthy before it is used, and with no password of its own."""

import subprocess

import pytest
from dotenv import dotenv_values
from sqlalchemy import make_url

from config import Settings
from tests.support.needs import needs
from tests.support.operations.composition import FILLED, environment_of, read_by_compose, services_of
from tests.support.operations.document import block

pytestmark = needs("docker-compose")


@pytest.mark.parametrize("missing", sorted(FILLED))
@pytest.mark.parametrize("blank", [True, False])
def test_a_password_that_is_not_set_stops_it_by_name(missing, blank):
    written = {name: value for name, value in FILLED.items() if name != missing} | ({missing: ""} if blank else {})
    read = read_by_compose(written)
    assert read.returncode != 0
    assert f"required variable {missing} is missing a value: set it in .env" in read.stderr
    assert all(value not in read.stderr for value in FILLED.values())


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


def test_the_shop_waits_for_what_it_needs_and_alone_is_reached_from_this_machine_alone():
    services = services_of()
    waits = {name: each["condition"] for name, each in services["shop"]["depends_on"].items()}
    assert waits == {"postgresql": "service_healthy", "redis": "service_healthy"}
    assert all("healthcheck" in services[name] for name in waits)
    ports = {name: service.get("ports", []) for name, service in services.items()}
    [published] = ports["shop"]
    assert (published["host_ip"], published["published"], published["target"]) == ("127.0.0.1", "5000", 5000)
    assert ports["postgresql"] == ports["redis"] == [], "and no port of the metrics"
    assert {name for name, service in services.items() if "front" in service["networks"]} == {"shop"}


def test_the_shop_can_run_with_what_it_is_given():
    """It is in production, listens to its neighbours, and its URLs name the services; .env decides all else."""
    settings = Settings.load(environment_of("shop", TRUSTED_PROXIES="1", HOST="127.0.0.1", APP_ENV="development", PORT="80"))
    assert (settings.APP_ENV, settings.HOST, settings.PORT, settings.TRUSTED_PROXIES) == ("production", "0.0.0.0", 5000, 1)  # noqa: S104
    database, services = settings.DATABASE_URL, services_of()
    assert (database.host, database.username, database.password) == ("postgresql", "shop", FILLED["POSTGRES_PASSWORD"])
    assert database.database == services["postgresql"]["environment"]["POSTGRES_USER"], "which is what its image names it"
    assert make_url(settings.REDIS_URL).host == "redis"
    assert FILLED["SECRET_KEY"] == settings.SECRET_KEY
    assert settings.METRICS_PORT, "for a Prometheus among its neighbours"


def test_what_a_copy_of_the_example_leaves_blank_is_no_setting():
    """A limit is off where it is blank, and so .env may leave nothing blank by accident that the example fills."""
    settings = Settings.load(environment_of("shop", WEB_CONCURRENCY="", ADMIN_EMAIL="", LIMIT_LOGIN='"10 per minute"'))
    assert settings.WEB_CONCURRENCY == 2
    assert [str(item) for item in settings.LIMIT_LOGIN] == ["10 per 1 minute"]


def test_the_memory_is_enough_for_what_may_be_kept_in_it():
    services = services_of()
    command = services["redis"]["command"]
    most = command[command.index("--maxmemory") + 1]
    assert int(most.removesuffix("mb")) * 2**20 < int(services["redis"]["deploy"]["resources"]["limits"]["memory"]) * 0.8


@needs("openssl")
def test_the_commands_of_the_document_fill_what_is_missing(tmp_path):
    filling, _, starting = block("In containers", "sh").rstrip().rpartition("\n")
    assert starting == "docker compose up -d --build --wait", "which needs an engine"
    subprocess.run(["bash", "-euc", filling], cwd=tmp_path, check=True)
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    written = {name: str(value) for name, value in dotenv_values(tmp_path / ".env").items()}
    settings = Settings.load(environment_of("shop", **written))
    assert written["SECRET_KEY"] == settings.SECRET_KEY
    assert written["SECRET_KEY"] != written["POSTGRES_PASSWORD"] == settings.DATABASE_URL.password
    assert (settings.TRUSTED_PROXIES, settings.ADMIN_EMAIL) == (1, "ann@example.com")
