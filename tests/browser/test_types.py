"""The example's types are those of the document, and the compiler finds where the example no longer fits it."""

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
        reason="typescript is not there: npm ci --prefix examples/frontend installs it",
    ),
]


@pytest.fixture
def written_for(tmp_path):
    """Check a copy of the example against a document, with types that are made anew: (exit code, what was said)."""

    def check(document, *, anew=True):
        copied = tmp_path / "examples" / "frontend"
        copied.mkdir(parents=True)
        (tmp_path / "docs").mkdir()
        (tmp_path / "docs" / "openapi.json").write_text(json.dumps(document), "utf-8")
        for name in ("package.json", "tsconfig.json", "src", "node_modules"):
            (copied / name).symlink_to(EXAMPLE / name)
        if anew:
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


def test_the_committed_types_are_what_the_document_gives_and_the_example_fits_them(written_for):
    """tsc --strict passes on the example; `npm run types` makes its types anew."""
    assert '"strict": true' in (EXAMPLE / "tsconfig.json").read_text("utf-8")
    code, said = written_for(DOCUMENT, anew=False)
    assert code == 0, said


def test_types_of_another_document_are_found_out(written_for):
    document = json.loads(json.dumps(DOCUMENT))
    renamed(document, "MovementOut", "balance", "rest")  # The example has no use for it.
    code, said = written_for(document, anew=False)
    assert code != 0
    assert "schema.d.ts" in said


def test_where_the_example_does_not_fit_a_changed_document_the_compiler_says_so(written_for):
    """A changed schema makes tsc --strict fail, and each place is named."""
    document = json.loads(json.dumps(DOCUMENT))
    renamed(document, "TicketPartOut", "unit_price", "each")
    renamed(document, "PartsChange", "add_parts", "put_on")
    renamed(document, "Problem", "shortages", "missing")
    schema(document, "TicketOut")["properties"]["vin"]["type"] = ["string", "null"]
    document["paths"]["/tickets/mine"] = document["paths"].pop("/tickets/my-tickets")
    catalog = document["paths"]["/inventory"]["get"]
    catalog["parameters"] = [each for each in catalog["parameters"] if each["name"] != "q"]
    code, said = written_for(document)
    assert code != 0
    errors = [line for line in said.splitlines() if "error TS" in line]
    wrong = ["'unit_price'", "'add_parts'", "'shortages'", "'string | null'", '"/tickets/my-tickets"', "{ q: string; }"]
    assert [each for each in wrong if not any(each in line for line in errors)] == [], errors
