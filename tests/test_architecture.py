"""The structure of the code: imports go down only, and private parts of libraries are listed."""

import ast
import re
import sys
from pathlib import Path

import pytest

from config import ROOT

LAYERS = [
    ["config", "app.extensions", "app.utils.errors", "app.utils.context", "app.utils.redis", "app.utils.db.urls"],
    ["app.models"],
    ["app.utils.db"],
    ["app.utils.api"],
    ["app.utils.auth"],
    ["app.utils.limits", "app.utils.monitoring"],
    ["app.utils.hooks", "app.utils.write"],
    ["app.blueprints"],
    ["app.startup", "app.commands", "app.serving"],
    ["app.factory"],
]
"""From the ground up. ``app`` itself imports the factory when it is called, and ``run`` may import all."""
FRAGILE = {
    ("app/utils/api/blueprint.py", "flask-smorest"): "the list of callbacks that complete an operation has no public name",
    ("app/utils/api/openapi.py", "flask-smorest"): "its decorators keep what they document in an attribute of the view",
    ("app/utils/limits/__init__.py", "Flask-Limiter"): "its hooks around every request cost more than a cached answer",
}
"""Where the code relies on more than the documentation of a library promises, and why."""
PUBLIC = {"_get_current_object", "_mapping", "_asdict", "_replace", "_fields"}
"""Documented names that begin with an underscore: of Werkzeug's proxies, SQLAlchemy's rows and named tuples."""
HOOKS = {"_deserialize"}
"""marshmallow documents that a custom field overrides this method."""
SOURCES = [path for path in [*ROOT.glob("app/**/*.py"), ROOT / "run.py", ROOT / "config.py"] if "migrations" not in path.parts]


def module_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def layer_of(module):
    """Return the number of the layer with the longest name that the module begins with, or None."""
    names = [
        (len(name), number) for number, layer in enumerate(LAYERS) for name in layer if f"{module}.".startswith(f"{name}.")
    ]
    return max(names)[1] if names else None


def runtime_imports(tree):
    """Yield the modules that a file imports when it runs, not only for types."""
    typing = {
        each
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for each in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node not in typing and node.module:
            yield from {node.module, *(f"{node.module}.{each.name}" for each in node.names)}


def test_imports_go_down_only():
    upward = []
    for path in SOURCES:
        layer = layer_of(module_of(path))
        for name in runtime_imports(ast.parse(path.read_text())) if layer is not None else ():
            target = layer_of(name)
            if target is not None and target > layer:
                upward.append(f"{module_of(path)} imports {name}")
    assert upward == []


def test_blueprint_imports_no_routes_of_another():
    for path in ROOT.glob("app/blueprints/*/*.py"):
        area = path.parent.name
        found = [
            name
            for name in runtime_imports(ast.parse(path.read_text()))
            if re.match(rf"app\.blueprints\.(?!{area}\b)\w+\.routes", name)
        ]
        assert found == [], path


@pytest.mark.databases("sqlite")
def test_change_of_parts_runs_in_at_most_18_files(staff, make):
    """Count the files of the app that `PUT /tickets/<id>/inventory` runs through, from route to commit."""
    ticket, part = make.ticket(), make.part(quantity=100)
    body, touched, inside = {"add_parts": [{"inventory_id": part.id}]}, set(), []

    def profile(frame, event, _argument):
        path, name = Path(frame.f_code.co_filename), frame.f_code.co_name
        if event == "call" and name == "in_transaction":
            inside.append(path)
        if event == "call" and inside and path.is_relative_to(ROOT / "app"):
            touched.add(str(path.relative_to(ROOT)))
        if event == "return" and name == "commit" and path.name == "transactions.py":
            inside.clear()

    for key in ("warm-up", "counted"):
        sys.setprofile(profile if key == "counted" else None)
        response = staff.put(f"/tickets/{ticket.id}/inventory", json=body, headers={"Idempotency-Key": key})
        sys.setprofile(None)
        assert response.status_code == 200
    assert "app/blueprints/inventory/stock.py" in touched
    assert len(touched) <= 18, sorted(touched)


def test_private_parts_of_libraries_are_listed():
    """Each is marked ``# FRAGILE: <library>`` right above, and stands in the table with its reason."""
    marked = set()
    for path in SOURCES:
        text, lines = path.read_text(), path.read_text().splitlines()
        own = set(re.findall(r"(?:def |class |self\.)(_[a-z]\w*)(?=\(|:| = )", text))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("app"):
                assert not [each.name for each in node.names if each.name.startswith("_")], (path, node.lineno)
            if not isinstance(node, ast.Attribute) or not re.match(r"_[a-z]", node.attr) or node.attr in PUBLIC | HOOKS:
                continue
            if (
                isinstance(node.value, ast.Name)
                and node.value.id in ("self", "cls")
                and node.attr in own
                and "Blueprint" not in text
            ):
                continue
            above = "\n".join(lines[max(0, node.lineno - 4) : node.lineno])
            mark = re.search(r"# FRAGILE: ([\w-]+)", above)
            assert mark, f"{path.relative_to(ROOT)}:{node.lineno} touches {node.attr}"
            marked.add((str(path.relative_to(ROOT)), mark[1]))
    for path in SOURCES:
        marked |= {(str(path.relative_to(ROOT)), library) for library in re.findall(r"# FRAGILE: ([\w-]+)", path.read_text())}
    assert marked == FRAGILE.keys()
