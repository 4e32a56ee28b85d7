"""The README: its tour runs as printed, and its tables match the app."""

import re
import shlex
import subprocess
from dataclasses import MISSING, fields

import pytest

from app import commands, create_app
from config import ROOT, Settings
from tests.support.endpoints import ADMIN, ANYONE, ENDPOINTS, SIGNED_IN, STAFF
from tests.support.environment import ENVIRONMENT
from tests.support.services import SCRATCH
from tests.support.start import Start, copy_of_the_shop

README = (ROOT / "README.md").read_text("utf-8")
SECTIONS = dict(zip(*[iter(re.split(r"^## (.+)\n", README, flags=re.MULTILINE)[1:])] * 2, strict=True))


def blocks(section):
    return re.findall(r"^```sh\n(.*?)^```", SECTIONS[section], re.MULTILINE | re.DOTALL)


def rows(section):
    """Return the cells of the table of a section, without its header."""
    lines = [line.strip("|").split("|") for line in SECTIONS[section].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


@pytest.mark.slow
def test_tour_prints_the_documented_output(tmp_path):
    (tmp_path / "shop").mkdir()
    start, *tour = blocks("A tour")
    *settings, make, run = shlex.split(start)
    assert (make, run) == ("make", "run")
    script = "".join(tour)
    with Start(copy_of_the_shop(tmp_path / "shop"), **dict(each.split("=", 1) for each in settings)) as shop:
        local = script.replace("http://localhost:5000", f"http://localhost:{shop.port}")
        assert local != script
        command = ["bash", "-euo", "pipefail", "-c", local]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert shop.end()[0] == 0
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == re.findall(r"^# → (.*)$", script, re.MULTILINE)


def test_start_commands_are_makefile_targets():
    [commands] = blocks("Start")
    targets = re.findall(r"^make (\w+)", commands, re.MULTILINE)
    assert targets == ["run", "test"]
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{target}:.*## ", makefile, re.MULTILINE) for target in targets)


ROLES_BY_WORD = {"anyone": ANYONE, "signed in": SIGNED_IN, "staff": STAFF, "admin": ADMIN, "owner": {"customer"}}


def roles_of(words, path):
    """Return the roles that a cell of the table names. *Self* is a customer or a mechanic, depending on the path."""
    own = {"self": {"customer"} if path.startswith("/customers") else {"mechanic"}}
    return set().union(*((ROLES_BY_WORD | own)[word] for word in words.split(", ")))


def test_endpoint_table_is_that_of_the_tests():
    listed = {row[0].strip("`"): roles_of(row[1], row[0].split()[1]) for row in rows("Endpoints")}
    expected = {
        f"{endpoint.method} {re.sub('{[^}]+}', '<id>', endpoint.path).removesuffix('/') or '/'}": endpoint.roles
        for endpoint in ENDPOINTS
        if endpoint.path != "/docs/{path}" and endpoint.method != "PATCH"
    }
    assert listed == expected
    assert all(description for _, _, description in rows("Endpoints"))


def test_settings_table_has_every_setting_with_its_default():
    table = {name.strip("`"): default for name, default, _ in rows("Settings")}
    defaults = {each.name: each.default if each.default is not MISSING else each.default_factory() for each in fields(Settings)}
    assert table.keys() == {"APP_ENV", *defaults}
    for name, default in defaults.items():
        shown = (
            [re.sub(r"^(\d+) per 1 ", r"\1 per ", str(item)) for item in default] if isinstance(default, tuple) else [default]
        )
        if shown not in ([], [""], [None]):
            assert table[name].startswith(f"`{'; '.join(map(str, shown))}`"), name


def test_command_table_has_every_command_and_its_options():
    app = create_app(Settings.load(ENVIRONMENT | {"DATABASE_URL": f"sqlite:///{SCRATCH / 'readme.db'}"}))
    commands.init_app(app)
    ours = {
        name for name, command in app.cli.commands.items() if getattr(command.callback, "__module__", "").startswith("app.")
    }
    listed = [row[0].strip("`").split()[0] for row in rows("The command line")]
    assert sorted(listed) == sorted(ours)
    assert len(ours) == 6
    for name, what in rows("The command line"):
        words = set(re.findall(r"--[a-z-]+", what))
        options = {each for option in app.cli.commands[name.strip("`").split()[0]].params for each in option.opts}
        assert words <= options, name


def test_paths_of_the_layout_exist():
    for line in re.findall(r"^    .+", SECTIONS["How it is laid out"], re.MULTILINE):
        path = line.split()[0].replace("/…", "/")
        assert (ROOT / path).exists(), path
    for link in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / link).exists(), link
