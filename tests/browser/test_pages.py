"""Both pages in a real browser: each story is told by a script of node that sees what a person sees."""

import re
import subprocess

import pytest
from sqlalchemy import create_engine

from tests.support.invariants import faults
from tests.support.pages import HERE, THERE, both_pages
from tests.support.services import REQUIRED

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not THERE and not REQUIRED,
        reason="chromium or its driver is not there: npm ci --prefix tests/browser, npm ci --prefix examples/frontend",
    ),
]


@pytest.fixture
def told(tmp_path):
    """Tell the stories of a file, in a shop of its own: ``told("customer", LIMIT_LOGIN="")``."""

    def tell(name, **settings):
        with both_pages(tmp_path, **settings) as given:
            command = ["node", "--test", "--test-reporter=tap", str(HERE / f"{name}.mjs")]
            ran = subprocess.run(command, env=given, capture_output=True, text=True, check=False, timeout=240)
        assert ran.returncode == 0, ran.stdout
        assert re.search(r"^# pass [1-9]", ran.stdout, re.MULTILINE), ran.stdout
        [database] = (tmp_path / "shop" / "instance").glob("*.db")
        engine = create_engine(f"sqlite:///{database}")
        assert faults(engine) == []
        engine.dispose()

    return tell


ALL_DAY = {"LIMIT_LOGIN": "", "LIMIT_REGISTER": ""}


@pytest.mark.parametrize("story", ["controls", "cors", "customer", "docs", "mechanic", "trouble", "keyboard"])
def test_the_example(told, story):
    told(story, **ALL_DAY)


def test_the_example_says_what_a_limit_is(told):
    told("limits", LIMIT_TICKET_INVENTORY="1 per day", LIMIT_LOGIN="4 per minute")


def test_a_page_of_an_origin_that_the_shop_does_not_know_is_told_nothing(told):
    told("stranger", CORS_ORIGINS="https://desk.example")


def test_the_stories_see_only_what_a_person_sees():
    """Roles, labels and text; what looks behind them is the desk's alone."""
    stories = [path for path in HERE.glob("*.mjs") if path.name != "desk.mjs"]
    assert len(stories) >= 5
    behind = re.compile(r"evaluate|locator\(|\$\(|querySelector|TestId|content\(\)|force:")
    assert [path.name for path in stories if behind.search(path.read_text("utf-8"))] == []
    assert behind.search('page.locator(".wrong")')
