"""The alert rules of docs/operations.md, tested by promtool and against the metrics of a running shop."""

import re
import subprocess
import urllib.request

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support import services
from tests.support.needs import needs
from tests.support.operations.document import blocks
from tests.support.processes import free_port
from tests.support.running_shop import Seeder, shop_on

pytestmark = needs("promtool")
SCRAPE, RULES = (text for heading, language, text in blocks() if (heading, language) == ("Alarms", "yaml"))
ALERTS = {rule["alert"]: rule for rule in yaml.safe_load(RULES)["groups"][0]["rules"]}
HEALTHY = {
    'up{job="shop", instance="a"}': "1x40",
    'shop_requests_total{route="/tickets", method="GET", status="200"}': "0+6000x40",
    'shop_requests_total{route="/tickets", method="POST", status="201"}': "0+600x40",
    'shop_requests_total{route="/tickets", method="POST", status="503"}': "0+1x40",
    'shop_requests_total{route="/mechanics/login", method="POST", status="401"}': "0+3x40",
    'shop_request_seconds_bucket{route="/tickets", le="0.1"}': "0+6600x40",
    'shop_request_seconds_bucket{route="/tickets", le="10"}': "0+6601x40",
    'shop_request_seconds_bucket{route="/tickets", le="+Inf"}': "0+6601x40",
    'shop_request_seconds_bucket{route="/tickets.csv", le="0.1"}': "0x40",
    'shop_request_seconds_bucket{route="/tickets.csv", le="10"}': "0+600x40",
    'shop_request_seconds_bucket{route="/tickets.csv", le="+Inf"}': "0+600x40",
    "shop_transaction_retries_total": "0+20x40",
    'shop_database_connections{instance="a", engine="writes"}': "3 40 2 3 40 2 3 40 2 3 40 2 3x20",
}
"""Metrics of a healthy shop by the minute, with a few errors, slow requests and wrong passwords."""
UNHEALTHY = {
    "ShopDown": {'up{job="shop", instance="a"}': "1x10 0x30"},
    "ShopFails": {'shop_requests_total{route="/tickets", method="POST", status="503"}': "0+600x40"},
    "ShopSlow": {'shop_request_seconds_bucket{route="/tickets", le="0.1"}': "0+6000x40"},
    "ShopContends": {"shop_transaction_retries_total": "0+600x40"},
    "ShopHoldsConnections": {'shop_database_connections{instance="a", engine="writes"}': "28x40"},
    "ShopPasswordsGuessed": {'shop_requests_total{route="/mechanics/login", method="POST", status="401"}': "0+120x40"},
}
"""For each alert, the metrics that must fire it, instead of the healthy ones."""


def promtool(folder, *words):
    (folder / "rules.yaml").write_text(RULES)
    return subprocess.run(["promtool", *words], cwd=folder, capture_output=True, text=True, check=False)


def fired(folder, series):
    """Return the names of the alerts that fire after half an hour of these metrics."""
    case = {"interval": "1m", "input_series": [{"series": name, "values": values} for name, values in series.items()]}
    case["alert_rule_test"] = [{"eval_time": "30m", "alertname": name, "exp_alerts": []} for name in ALERTS]
    (folder / "test.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [case]}))
    result = promtool(folder, "test", "rules", "test.yaml")
    assert result.returncode == 0 or "FAILED" in result.stdout + result.stderr, result
    return set(re.findall(r"alertname:\s*(\w+)", result.stdout + result.stderr))


def test_promtool_accepts_the_rules_and_the_scrape_config(tmp_path):
    result = promtool(tmp_path, "check", "rules", "--lint-fatal", "rules.yaml")
    assert (result.returncode, f"SUCCESS: {len(ALERTS)} rules found" in result.stdout) == (0, True), result
    (tmp_path / "prometheus.yaml").write_text(SCRAPE)
    assert promtool(tmp_path, "check", "config", "prometheus.yaml").returncode == 0


def test_each_alert_fires_on_its_metrics_alone(tmp_path):
    assert fired(tmp_path, HEALTHY) == set()
    assert UNHEALTHY.keys() == ALERTS.keys()
    for name, metrics in UNHEALTHY.items():
        assert metrics.keys() <= HEALTHY.keys()
        assert fired(tmp_path, HEALTHY | metrics) == {name}


@pytest.mark.slow
def test_metrics_and_labels_in_the_rules_exist_in_the_shop():
    port = free_port()
    with shop_on(services.databases()[-1], workers=1, METRICS_PORT=str(port)) as shop:
        seeder = Seeder(shop, 1)
        seeder.admin.call("POST", "/mechanics/login", {"email": "first@example.com", "password": "wrong password"})
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    labels = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    logins = re.compile(ALERTS["ShopPasswordsGuessed"]["expr"].split('route=~"')[1].split('"')[0])
    assert logins.fullmatch("/mechanics/login")
    assert 'route="/mechanics/login",status="401"' in text
    for series in [name for name in HEALTHY if name.startswith("shop_")]:
        name, _, rest = series.partition("{")
        assert set(re.findall(r"(\w+)=", rest)) - {"instance"} <= labels[name], series
    for name in set(re.findall(r"\bshop_\w+", RULES)):
        assert name in labels, name
