"""docs/operations.md names only existing settings and commands, and a test runs each of its code blocks."""

import re
from pathlib import Path

from app import commands, create_app
from config import ROOT, Settings
from tests.support.environment import ENVIRONMENT
from tests.support.operations.document import TEXT, blocks
from tests.support.services import SCRATCH
from tests.support.settings import NAMES

NOT_SETTINGS = {"POSTGRES_PASSWORD", "BACKUP", "DATABASE_URL", "EMPTY_DATABASE_URL"}
TESTED_BY = {
    ("In containers", "sh"): "test_compose",
    ("On a machine of its own", "ini"): "test_units",
    ("On a WSGI host", "procfile"): "test_wsgi",
    ("On a WSGI host", "python"): "test_wsgi",
    ("On a WSGI host", "sh"): "test_wsgi",
    ("Every night", "ini"): "test_units",
    ("nginx", "nginx"): "../support/operations/proxies",
    ("Caddy", "caddyfile"): "../support/operations/proxies",
    ("Restarts without downtime", "sh"): "../support/operations/fleet",
    ("SQLite", "sh"): "../support/operations/keeping",
    ("PostgreSQL", "sh"): "../support/operations/keeping",
    ("MariaDB", "sh"): "../support/operations/keeping",
    ("Alarms", "yaml"): "test_alarms",
    ("Moving away from SQLite", "sh"): "../commands/test_copy_to",
}
"""The module that runs each code block."""


def test_each_code_block_is_run_by_a_test():
    assert {(heading, language) for heading, language, _ in blocks()} == TESTED_BY.keys()
    for module in TESTED_BY.values():
        assert (Path(__file__).parent / f"{module}.py").exists()
    assert TEXT.count("```") == 2 * len(blocks())


def test_each_setting_and_command_exists():
    app = create_app(Settings.load(ENVIRONMENT | {"DATABASE_URL": f"sqlite:///{SCRATCH / 'words.db'}"}))
    commands.init_app(app)
    named_commands = set(re.findall(r"flask --app run ([a-z-]+)", TEXT))
    assert named_commands == {"check", "purge", "copy-to", "db"}
    assert named_commands - {"db"} <= set(app.cli.commands)
    named = set(re.findall(r"\b([A-Z]{2,}(?:_[A-Z]+)+)\b", TEXT))
    assert named <= NAMES | NOT_SETTINGS | {"AF_INET", "AF_UNIX"}, named - NAMES
    assert len(named & NAMES) > 8


def test_each_link_has_a_target():
    for link in re.findall(r"\]\((?!http)([^)#]+)", TEXT):
        assert (ROOT / "docs" / link).exists(), link
