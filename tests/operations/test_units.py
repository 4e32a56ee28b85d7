"""The units of systemd in docs/operations.md, looked at by systemd's own tools; no test machine is run by it."""

import re
import shutil
import subprocess

import pytest

from tests.support.needs import needs
from tests.support.operations.document import blocks, placed

pytestmark = needs("systemd-analyze")
SERVICE, NIGHT, TIMER = (text for _, language, text in blocks() if language == "ini")


@pytest.fixture
def units(tmp_path):
    """The units as files, with a shop where they look for one."""
    programs = tmp_path / "shop" / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "flask"):
        shutil.copy("/bin/true", programs / name)
    for name, text in {"shop@.service": SERVICE, "shop-night.service": NIGHT}.items():
        (tmp_path / name).write_text(placed(text, {"/opt/shop": str(tmp_path / "shop")}))
    (tmp_path / "shop-night.timer").write_text(TIMER)
    return tmp_path


def analyze(*words):
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["shop@5000.service", "shop-night.timer", "shop-night.service"])
def test_systemd_takes_the_unit_as_it_stands(units, name):
    if "@" in name:
        (units / "shop@.service").rename(units / name)
    seen = analyze("verify", "--man=no", str(units / name))
    assert (seen.returncode, seen.stderr) == (0, "")
    (units / name).write_text((units / name).read_text().replace("[Unit]\n", "[Unit]\nRestarts=always\n"))
    assert "Restarts" in analyze("verify", "--man=no", str(units / name)).stderr, "the control"


def test_the_shop_is_shut_in(units):
    (units / "shop@.service").rename(units / "shop@5000.service")
    rated = analyze("security", "--offline=yes", "--no-pager", str(units / "shop@5000.service"))
    assert float(re.search(r"Overall exposure level .*: ([0-9.]+) OK", rated.stdout)[1]) < 2.5


def test_the_shop_comes_back_however_it_ended_and_gets_the_time_that_it_needs():
    said = dict(line.split("=", 1) for line in SERVICE.splitlines() if "=" in line and not line.startswith("#"))
    assert said["Restart"] == "always"
    assert said["StartLimitIntervalSec"] == "0"
    assert int(said["TimeoutStopSec"]) > 10, "which is what granian lets a worker finish in"
    assert said["KillMode"] == "mixed", "granian's worker may not end where it is told so twice"


def test_the_night_begins_at_a_time_that_there_is():
    [moment] = re.findall(r"^OnCalendar=(.+)$", TIMER, re.MULTILINE)
    assert analyze("calendar", moment).returncode == 0
