"""Test the documentation and the example front end in a real browser, with scripts that run in node."""

import re
import subprocess

import pytest
from sqlalchemy import create_engine

from tests.support.invariants import faults
from tests.support.pages import INSTALLED, SCRIPTS, both_pages
from tests.support.services import REQUIRED

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not INSTALLED and not REQUIRED,
        reason="chromium or its driver is not installed: npm ci --prefix tests/browser, npm ci --prefix examples/frontend",
    ),
]


@pytest.fixture
def run_script(tmp_path):
    """Return a function that runs a script against a new shop: ``run_script("customer", LIMIT_LOGIN="")``."""

    def run(name, **settings):
        with both_pages(tmp_path, **settings) as environment:
            command = ["node", "--test", "--test-reporter=tap", str(SCRIPTS / f"{name}.mjs")]
            ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=240)
        assert ran.returncode == 0, ran.stdout
        assert re.search(r"^# pass [1-9]", ran.stdout, re.MULTILINE), ran.stdout
        [database] = (tmp_path / "shop" / "instance").glob("*.db")
        engine = create_engine(f"sqlite:///{database}")
        assert faults(engine) == []
        engine.dispose()

    return run


NO_LIMITS = {"LIMIT_LOGIN": "", "LIMIT_REGISTER": ""}


@pytest.mark.parametrize("name", ["controls", "cors", "customer", "docs", "mechanic", "failures", "keyboard"])
def test_script_passes(run_script, name):
    run_script(name, **NO_LIMITS)


def test_example_explains_a_limit(run_script):
    run_script("limits", LIMIT_TICKET_INVENTORY="1 per day", LIMIT_LOGIN="4 per minute")


def test_page_of_another_origin_gets_no_data(run_script):
    run_script("foreign_origin", CORS_ORIGINS="https://desk.example")


def test_scripts_find_elements_by_role_label_and_text():
    """Only harness.mjs may look at the DOM."""
    scripts = [path for path in SCRIPTS.glob("*.mjs") if path.name != "harness.mjs"]
    assert len(scripts) >= 5
    dom_access = re.compile(r"evaluate|locator\(|\$\(|querySelector|TestId|content\(\)|force:")
    assert [path.name for path in scripts if dom_access.search(path.read_text("utf-8"))] == []
    assert dom_access.search('page.locator(".wrong")')
