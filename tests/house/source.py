"""The project's own Python files, and what they import."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Where importable names begin.
SHELVES = (ROOT / "platform", ROOT)


@cache
def files() -> tuple[Path, ...]:
    """Every Python file of the product, migrations and tests left out."""
    found = (path for top in ("platform", "tenants", "integrations") for path in sorted((ROOT / top).rglob("*.py")))
    return tuple(path for path in found if "migrations" not in path.parts)


@cache
def tree(path: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(path.read_text(), filename=str(path))


def module(path: Path) -> str:
    """The dotted name that the file is imported by."""
    shelf = next(shelf for shelf in SHELVES if path.is_relative_to(shelf))
    parts = path.relative_to(shelf).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    """Everything that the file imports anywhere in it, by dotted name: `from a.b import c` gives `a.b.c`."""
    package = module(path).split(".") if path.name == "__init__.py" else module(path).split(".")[:-1]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def is_within(name: str, room: str) -> bool:
    """Whether the dotted name is the room or something in it."""
    return name == room or name.startswith(f"{room}.")
