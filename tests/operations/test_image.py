"""The Dockerfile, built by buildah and run with the confinement of compose.yaml."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config import ROOT
from tests.support.needs import needs
from tests.support.operations.composition import environment_of, services_of
from tests.support.operations.image import Container, Image
from tests.support.processes import free_port, until
from tests.support.servers import PostgreSQL, Redis
from tests.support.shop import PASSWORD, UNLIMITED, Client
from tests.support.start import children, runs

CANARY = "a-secret-that-no-layer-may-hold-0f5b2c"
PLANTED = (".env", "instance/secret_key", "id_rsa", "app/__pycache__/left.cpython-311.pyc", "tests/left.py", ".git/config")
HADOLINT = Path(sys.executable).with_name("hadolint")


def files_below(folder, base):
    """Return the files in ``base/folder``, relative to ``base``, without compiled files."""
    files = (path for path in (base / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(base)) for path in files}


def status_of(pid):
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())


@needs("hadolint")
def test_hadolint_accepts_the_dockerfile(tmp_path):
    result = subprocess.run([HADOLINT, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python\nRUN pip install flask\nCMD python run.py\n")
    assert "DL3006" in subprocess.run([HADOLINT, bad], capture_output=True, text=True, check=False).stdout, (
        "hadolint finds nothing in a bad Dockerfile"
    )


@pytest.mark.slow
@needs("buildah", "docker-compose", "postgres", "redis-server")
@pytest.mark.skipif(os.geteuid() != 0, reason="creating namespaces needs root")
def test_image_holds_no_secret_runs_confined_and_stops_on_sigterm():
    """Built from a folder with planted secrets, the image holds none. It runs as user 10001, without capabilities, on a
    read-only file system, becomes healthy, serves requests, and exits with 0 on SIGTERM. The health check fails for a
    shop that no longer answers.
    """
    image, database, redis = Image(dict.fromkeys(PLANTED, CANARY)), PostgreSQL(), Redis()
    started = [image, database, redis]
    try:
        image.build()
        assert files_below(".", image.root / "shop") == {*files_below("app", ROOT), "config.py", "run.py", "requirements.txt"}
        found = subprocess.run(["grep", "-rlF", CANARY, image.store], capture_output=True, text=True, check=False)
        assert (found.returncode, found.stdout) == (1, "")
        assert sum(path.lstat().st_size for path in (image.root / "venv").rglob("*")) < 110_000_000
        database.start().create()
        composed = services_of()
        redis.program.command = [*composed["redis"]["command"], "--bind", "127.0.0.1", "--port", str(redis.port)]
        health_check = composed["postgresql"]["healthcheck"]["test"][1:]
        subprocess.run(health_check, env=os.environ | {"PGPORT": str(database.port)}, check=True)
        settings = environment_of("shop", POSTGRES_PASSWORD="unused") | UNLIMITED
        settings |= {
            "PORT": str(free_port()),
            "METRICS_PORT": str(free_port()),
            "DATABASE_URL": settings["DATABASE_URL"].replace("@postgresql/", f"@127.0.0.1:{database.port}/"),
            "REDIS_URL": settings["REDIS_URL"].replace("//redis:6379", f"//127.0.0.1:{redis.start().port}"),
            "ADMIN_EMAIL": "first@example.com",
            "ADMIN_PASSWORD": PASSWORD,
        }
        shop = Container(image, settings)
        started.append(shop)
        shop.start(60)
        create_part(int(settings["PORT"]))
        assert "shop_requests_total" in metrics_text(int(settings["METRICS_PORT"]))
        for pid in (shop.pid, *children(shop.pid)):
            status = status_of(pid)
            assert {*status["Uid"].split(), *status["Gid"].split()} == {"10001"}
            assert (status["CapEff"], status["NoNewPrivs"], status["Groups"].strip()) == ("0" * 16, "1", "")
        for path in ("/shop/x", "/venv/x", "/x", "/shop/app/__pycache__/x"):
            assert "Read-only file system" in shop.run("python", "-c", f"open('{path}', 'w')").stderr
        assert shop.run("python", "-c", "open('/tmp/x', 'w')").returncode == 0
        assert "The stock is in order" in shop.run("flask", "--app", "run", "check").stdout
        check_health_of_frozen_workers(shop)
        child_pids = children(shop.pid)
        started_at = time.monotonic()
        assert shop.end(signal.SIGTERM) == 0
        assert time.monotonic() - started_at < 10, "a container engine kills it after 10 s"
        assert not [pid for pid in child_pids if runs(pid)]
        assert "Traceback" not in shop.program.log.read_text()
    finally:
        for resource in reversed(started):
            resource.remove()


def create_part(port):
    """Log in, create a part and read it."""
    shop = Client(port)
    shop.token = shop.call("POST", "/mechanics/login", {"email": "first@example.com", "password": PASSWORD}).body["token"]
    response = shop.call("POST", "/inventory", {"name": "Brake pad", "price": 9.99, "quantity": 4})
    assert response.status == 201
    assert shop.call("GET", response.headers["location"]).body["quantity"] == 4


def metrics_text(port):
    import http.client

    shop = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    shop.request("GET", "/metrics")
    return shop.getresponse().read().decode()


def check_health_of_frozen_workers(shop):
    workers = children(shop.pid)
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    assert not shop.is_healthy()
    for pid in workers:
        os.kill(pid, signal.SIGCONT)
    until(shop.is_healthy, 10, "a healthy container")
