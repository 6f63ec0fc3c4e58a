"""What things may be called, how long a file may be, and where a number must be exact."""

import ast
import sys

from tests.house.source import ROOT, files, is_within, module, tree

MONEY_ROOMS = tuple(f"integrations.{room}" for room in ("canonical", "mapping", "sync", "crosswalk", "records"))
SAY_NOTHING = {"utils", "util", "helpers", "helper", "misc", "common", "stuff"}
LONGEST = 600  # lines


def test_platform_is_a_shelf_and_not_a_package():
    assert not (ROOT / "platform" / "__init__.py").exists(), "it would hide the standard library's platform"


def test_only_config_and_plumbing_stand_on_the_shelf():
    packages = {path.parent.name for path in (ROOT / "platform").glob("*/__init__.py")}
    assert packages == {"config", "plumbing"}
    assert list((ROOT / "platform").glob("*.py")) == []


def test_nothing_is_named_like_a_standard_module():
    top = {path.stem for shelf in (ROOT, ROOT / "platform") for path in shelf.glob("*.py")}
    packages = {path.parent.name for path in files() if path.name == "__init__.py"}
    assert (top | packages) & sys.stdlib_module_names == set()


def test_every_file_says_by_its_name_what_it_tells():
    assert [
        str(path.relative_to(ROOT)) for path in files() if path.stem in SAY_NOTHING or path.parent.name in SAY_NOTHING
    ] == []


def test_no_file_is_too_long_to_read():
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files()}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_money_is_never_a_float():
    """Where a float is right (a share, seconds with a fraction) the line says so: `# not money`."""
    floats = []
    for path in files():
        if any(is_within(module(path), room) for room in MONEY_ROOMS):
            lines = path.read_text().splitlines()
            for node in ast.walk(tree(path)):
                literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
                call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
                if (literal or call) and "# not money" not in lines[node.lineno - 1]:
                    floats.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert floats == []
