"""The systemd units of docs/operations.md, checked by systemd-analyze; no running systemd is needed."""

import re
import shutil
import subprocess

import pytest

from tests.support.needs import needs
from tests.support.operations.document import blocks, substitute

pytestmark = needs("systemd-analyze")
SERVICE, NIGHT, TIMER = (text for _, language, text in blocks() if language == "ini")


@pytest.fixture
def units(tmp_path):
    """Write the units to files, with their programs in place."""
    programs = tmp_path / "shop" / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "flask"):
        shutil.copy("/bin/true", programs / name)
    for name, text in {"shop@.service": SERVICE, "shop-night.service": NIGHT}.items():
        (tmp_path / name).write_text(substitute(text, {"/opt/shop": str(tmp_path / "shop")}))
    (tmp_path / "shop-night.timer").write_text(TIMER)
    return tmp_path


def analyze(*words):
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["shop@5000.service", "shop-night.timer", "shop-night.service"])
def test_systemd_accepts_the_unit(units, name):
    if "@" in name:
        (units / "shop@.service").rename(units / name)
    result = analyze("verify", "--man=no", str(units / name))
    assert (result.returncode, result.stderr) == (0, "")
    (units / name).write_text((units / name).read_text().replace("[Unit]\n", "[Unit]\nRestarts=always\n"))
    assert "Restarts" in analyze("verify", "--man=no", str(units / name)).stderr, "an unknown setting is not reported"


def test_service_has_a_low_exposure_level(units):
    (units / "shop@.service").rename(units / "shop@5000.service")
    report = analyze("security", "--offline=yes", "--no-pager", str(units / "shop@5000.service"))
    assert float(re.search(r"Overall exposure level .*: ([0-9.]+) OK", report.stdout)[1]) < 2.5


def test_service_always_restarts_and_has_time_to_stop():
    settings = dict(line.split("=", 1) for line in SERVICE.splitlines() if "=" in line and not line.startswith("#"))
    assert settings["Restart"] == "always"
    assert settings["StartLimitIntervalSec"] == "0"
    assert int(settings["TimeoutStopSec"]) > 10, "granian gives a worker 10 s to finish"
    assert settings["KillMode"] == "mixed", "a second SIGTERM can keep a granian worker from ending"


def test_timer_has_a_valid_calendar_time():
    [moment] = re.findall(r"^OnCalendar=(.+)$", TIMER, re.MULTILINE)
    assert analyze("calendar", moment).returncode == 0
