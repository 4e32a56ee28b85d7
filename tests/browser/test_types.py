"""Test the example's types: they are those of docs/openapi.json, and the compiler finds each place that does not match."""

import json
import subprocess

import pytest

from config import ROOT
from tests.support.pages import EXAMPLE
from tests.support.services import REQUIRED

DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (EXAMPLE / "node_modules").exists() and not REQUIRED,
        reason="typescript is not installed: npm ci --prefix examples/frontend",
    ),
]


@pytest.fixture
def check_types(tmp_path):
    """Return a function that checks a copy of the example against a document: (exit code, output)."""

    def check(document, *, generate=True):
        copied = tmp_path / "examples" / "frontend"
        copied.mkdir(parents=True)
        (tmp_path / "docs").mkdir()
        (tmp_path / "docs" / "openapi.json").write_text(json.dumps(document), "utf-8")
        for name in ("package.json", "tsconfig.json", "src", "node_modules"):
            (copied / name).symlink_to(EXAMPLE / name)
        if generate:
            (copied / "src").unlink()
            (copied / "src").mkdir()
            for source in (EXAMPLE / "src").iterdir():
                (copied / "src" / source.name).write_bytes(source.read_bytes())
            run("types", copied).check_returncode()
        ran = run("check", copied)
        return ran.returncode, ran.stdout + ran.stderr

    return check


def run(script, folder):
    return subprocess.run(["npm", "run", script], cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def schema(document, name):
    return document["components"]["schemas"][name]


def renamed(document, name, old, new):
    changed = schema(document, name)
    changed["properties"][new] = changed["properties"].pop(old)
    changed["required"] = [new if each == old else each for each in changed.get("required", [])]


def test_committed_types_are_current_and_the_example_compiles(check_types):
    assert '"strict": true' in (EXAMPLE / "tsconfig.json").read_text("utf-8")
    code, output = check_types(DOCUMENT, generate=False)
    assert code == 0, output


def test_outdated_types_are_detected(check_types):
    document = json.loads(json.dumps(DOCUMENT))
    renamed(document, "MovementOut", "balance", "rest")  # The example does not use it.
    code, output = check_types(document, generate=False)
    assert code != 0
    assert "schema.d.ts" in output


def test_compiler_names_each_place_that_does_not_match_the_document(check_types):
    document = json.loads(json.dumps(DOCUMENT))
    renamed(document, "TicketPartOut", "unit_price", "each")
    renamed(document, "PartsChange", "add_parts", "put_on")
    renamed(document, "Problem", "shortages", "missing")
    schema(document, "TicketOut")["properties"]["vin"]["type"] = ["string", "null"]
    document["paths"]["/tickets/mine"] = document["paths"].pop("/tickets/my-tickets")
    catalog = document["paths"]["/inventory"]["get"]
    catalog["parameters"] = [each for each in catalog["parameters"] if each["name"] != "q"]
    code, output = check_types(document)
    assert code != 0
    errors = [line for line in output.splitlines() if "error TS" in line]
    wrong = ["'unit_price'", "'add_parts'", "'shortages'", "'string | null'", '"/tickets/my-tickets"', "{ q: string; }"]
    assert [each for each in wrong if not any(each in line for line in errors)] == [], errors
