"""The alert rules of docs/operations.md, run by Prometheus's own promtool, on what the shop really counts."""

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
from tests.support.running_shop import Crew, shop_on

pytestmark = needs("promtool")
SCRAPE, RULES = (text for heading, language, text in blocks() if (heading, language) == ("Alarms", "yaml"))
ALERTS = {rule["alert"]: rule for rule in yaml.safe_load(RULES)["groups"][0]["rules"]}
WELL = {
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
"""A shop that is well, minute by minute: some errors, some slow ones, some that forgot their password."""
ILL = {
    "ShopDown": {'up{job="shop", instance="a"}': "1x10 0x30"},
    "ShopFails": {'shop_requests_total{route="/tickets", method="POST", status="503"}': "0+600x40"},
    "ShopSlow": {'shop_request_seconds_bucket{route="/tickets", le="0.1"}': "0+6000x40"},
    "ShopContends": {"shop_transaction_retries_total": "0+600x40"},
    "ShopHoldsConnections": {'shop_database_connections{instance="a", engine="writes"}': "28x40"},
    "ShopPasswordsGuessed": {'shop_requests_total{route="/mechanics/login", method="POST", status="401"}': "0+120x40"},
}
"""What is different where an alarm must be heard."""


def promtool(folder, *words):
    (folder / "rules.yaml").write_text(RULES)
    return subprocess.run(["promtool", *words], cwd=folder, capture_output=True, text=True, check=False)


def heard(folder, series):
    """The alarms that are heard after half an hour of this."""
    case = {"interval": "1m", "input_series": [{"series": name, "values": values} for name, values in series.items()]}
    case["alert_rule_test"] = [{"eval_time": "30m", "alertname": name, "exp_alerts": []} for name in ALERTS]
    (folder / "test.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [case]}))
    said = promtool(folder, "test", "rules", "test.yaml")
    assert said.returncode == 0 or "FAILED" in said.stdout + said.stderr, said
    return set(re.findall(r"alertname:\s*(\w+)", said.stdout + said.stderr))


def test_prometheus_takes_the_rules_and_the_addresses(tmp_path):
    said = promtool(tmp_path, "check", "rules", "--lint-fatal", "rules.yaml")
    assert (said.returncode, f"SUCCESS: {len(ALERTS)} rules found" in said.stdout) == (0, True), said
    (tmp_path / "prometheus.yaml").write_text(SCRAPE)
    assert promtool(tmp_path, "check", "config", "prometheus.yaml").returncode == 0


def test_no_alarm_is_heard_where_all_is_well_and_each_where_it_should_be(tmp_path):
    assert heard(tmp_path, WELL) == set()
    assert ILL.keys() == ALERTS.keys()
    for name, differs in ILL.items():
        assert differs.keys() <= WELL.keys()
        assert heard(tmp_path, WELL | differs) == {name}


@pytest.mark.slow
def test_each_name_and_label_of_the_rules_is_one_that_the_shop_counts():
    port = free_port()
    with shop_on(services.databases()[-1], workers=1, METRICS_PORT=str(port)) as shop:
        crew = Crew(shop, 1)
        crew.admin.call("POST", "/mechanics/login", {"email": "first@example.com", "password": "wrong password"})
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    labels = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    logins = re.compile(ALERTS["ShopPasswordsGuessed"]["expr"].split('route=~"')[1].split('"')[0])
    assert logins.fullmatch("/mechanics/login")
    assert 'route="/mechanics/login",status="401"' in text
    for series in [name for name in WELL if name.startswith("shop_")]:
        name, _, rest = series.partition("{")
        assert set(re.findall(r"(\w+)=", rest)) - {"instance"} <= labels[name], series
    for name in set(re.findall(r"\bshop_\w+", RULES)):
        assert name in labels, name
