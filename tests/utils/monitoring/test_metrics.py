"""Metrics for Prometheus: requests by route and status, latency, retries, refusals, and connections in use.

prometheus_client reads its folder when it is imported, so the app under test is a process of its own.
"""

import json
import os
import subprocess
import sys

import pytest

from config import ROOT
from tests.support.environment import ENVIRONMENT

SCRIPT = """
import json, sys
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from app import create_app
from app.extensions import db
from app.startup.prepare import prepare
from app.utils.db import transactions
from config import Settings
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

app = create_app(Settings.load(json.loads(sys.argv[1])))
prepare(app)
client = app.test_client()
login = {"email": "first@example.com", "password": "correct horse battery"}
token = client.post("/mechanics/login", json=login).json["token"]
headers = {"Authorization": f"Bearer {token}"}

def call(method, path, **sent):
    return client.open(path, method=method, headers=headers, **sent)

part = call("POST", "/inventory", json={"name": "Pad", "price": 1, "quantity": 1}).json["id"]
owner = call("POST", "/customers", json={"name": "Ann", "email": "ann@example.com", "password": login["password"]}).json["id"]
ticket = {"customer_id": owner, "service_date": "2026-11-24", "description": "Brakes", "vin": "V1"}
for _ in range(3):
    call("POST", "/tickets", json=ticket | {"parts": [{"inventory_id": part, "quantity": 2}]})
for _ in range(4):
    call("GET", f"/inventory/{part}")
call("GET", "/inventory/999")
call("GET", "/nowhere/ann@example.com?q=secret")
call("POST", "/tickets", json={})
client.get("/tickets")

real, failures = transactions.Transaction.commit, [1, 2]
class Busy(Exception):
    sqlite_errorcode = 5
def commit(transaction):
    if failures:
        failures.pop()
        raise OperationalError("COMMIT", {}, Busy())
    real(transaction)
transactions.Transaction.commit = commit
call("PUT", f"/inventory/{part}", json={"price": 2})

registry = CollectorRegistry()
MultiProcessCollector(registry)
def read(name, **labels):
    return registry.get_sample_value(name, {key: str(value) for key, value in labels.items()})
def gauge(engine):
    return read("shop_database_connections", engine=engine)
idle = {engine: gauge(engine) for engine in ("writes", "reads")}
with app.app_context(), db.engine.connect(), db.engines["reads"].connect(), db.engines["reads"].connect():
    used = {engine: gauge(engine) for engine in ("writes", "reads")}
ended = {engine: gauge(engine) for engine in ("writes", "reads")}
samples = [[each.name, each.labels, each.value] for family in registry.collect() for each in family.samples]
print("METRICS " + json.dumps({"samples": samples, "idle": idle, "used": used, "ended": ended}))
"""


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    """Return the metrics of an app with METRICS_PORT after a few requests."""
    folder = tmp_path_factory.mktemp("metrics")
    (folder / "counted").mkdir()
    settings = ENVIRONMENT | {"DATABASE_URL": f"sqlite:///{folder}/shop.db", "METRICS_PORT": "9100", "LOG_LEVEL": "ERROR"}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PROMETHEUS_MULTIPROC_DIR": str(folder / "counted")}
    command = [sys.executable, "-c", SCRIPT, json.dumps(settings)]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    assert process.returncode == 0, process.stderr
    line = next(line for line in process.stdout.splitlines() if line.startswith("METRICS "))
    return json.loads(line.removeprefix("METRICS "))


def value(metrics, name, **labels):
    """Return the value of a sample, or None if it was never counted."""
    wanted = {key: str(each) for key, each in labels.items()}
    return next(
        (
            number
            for sample, sample_labels, number in metrics["samples"]
            if sample == name and wanted.items() <= sample_labels.items()
        ),
        None,
    )


def test_requests_are_counted_by_route_and_status(metrics):
    """The label is the URL rule and not the path: ids and addresses must create no series of their own."""
    for method, route, status, number in [
        ("GET", "/inventory/<id:part_id>", 200, 4),
        ("GET", "/inventory/<id:part_id>", 404, 1),
        ("POST", "/tickets", 409, 3),
        ("POST", "/tickets", 422, 1),
        ("GET", "/tickets", 401, 1),
        ("GET", "none", 404, 1),
        ("PUT", "/inventory/<id:part_id>", 200, 1),
    ]:
        assert value(metrics, "shop_requests_total", method=method, route=route, status=status) == number, (
            method,
            route,
            status,
        )


def test_latency_is_measured_by_route(metrics):
    assert value(metrics, "shop_request_seconds_count", route="/inventory/<id:part_id>") == 6
    assert 0 < value(metrics, "shop_request_seconds_sum", route="/inventory/<id:part_id>") < 60
    assert value(metrics, "shop_request_seconds_bucket", route="/inventory/<id:part_id>", le="+Inf") == 6


def test_transaction_retries_are_counted(metrics):
    """The script lets the commit fail twice."""
    assert value(metrics, "shop_transaction_retries_total") == 2


def test_refusals_are_counted_by_rule(metrics):
    assert value(metrics, "shop_refusals_total", rule="OutOfStock") == 3
    assert value(metrics, "shop_refusals_total", rule="Invalid") == 1
    assert value(metrics, "shop_refusals_total", rule="Unauthorized") == 1
    assert value(metrics, "shop_refusals_total", rule="NotFound") == 1


def test_connections_in_use_are_counted(metrics):
    """None between requests, and one for each that is checked out."""
    assert metrics["idle"] == metrics["ended"] == {"writes": 0, "reads": 0}
    assert metrics["used"] == {"writes": 1, "reads": 2}


def test_labels_have_no_personal_data(metrics):
    labels = json.dumps([sample_labels for _, sample_labels, _ in metrics["samples"]])
    for word in ("example.com", "secret", "999", "Ann"):
        assert word not in labels


@pytest.mark.databases("sqlite")
def test_metrics_are_off_by_default(app):
    """Without METRICS_PORT, no folder is needed and no hook runs on a request."""
    assert app.config["METRICS_PORT"] == 0
    assert "metrics" not in app.extensions
