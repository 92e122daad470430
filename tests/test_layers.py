"""Imports point one way: domain ← … ← app ← server ← cli. The order is data; an import against it fails here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "outcrop"

#: From the bottom up; names of one line do not import each other.
LAYERS = (
    ("domain",),
    ("settings", "versions", "roof"),
    ("metrics", "data", "stores", "catalog", "runners", "models", "dialects"),
    ("engines", "trainers"),
    ("evaluation",),
    ("reports",),
    ("services",),
    ("jobs", "serving"),
    ("app",),
    ("server",),
    ("cli",),
)
#: ``testing`` holds the contract of each seam and is imported by tests only; the package's front door names ``app``.
OUTSIDE = {"testing", "__init__", "__main__"}

HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}

#: Heavy libraries, and the packages whose leaf files may import them when the file is loaded.
HEAVY = {
    "torch": {"engines", "trainers", "models", "jobs"},
    "transformers": {"engines"},
    "peft": set[str](),
    "vllm": set[str](),
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path


def imported(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Names of ours that a file imports, and whether it is only for type checking."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("outcrop"):
            names = [node.module] if node.module != "outcrop" else [f"outcrop.{alias.name}" for alias in node.names]
            yield from ((name.split(".")[1], False) for name in names if "." in name)
        elif isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[1], False) for alias in node.names if alias.name.startswith("outcrop."))


def test_every_package_has_a_layer() -> None:
    assert {name for name, _ in modules()} - OUTSIDE <= HEIGHT.keys()


@pytest.mark.parametrize("path", [path for name, path in modules() if name not in OUTSIDE], ids=str)
def test_imports_point_down(path: Path) -> None:
    here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for name, _ in imported(ast.parse(path.read_text(encoding="utf-8"))):
        if name in {here, "__version__"}:
            continue
        assert name not in OUTSIDE, f"{path} imports outcrop.{name}"
        assert HEIGHT[name] < HEIGHT[here], f"{path} is {here} and imports {name}, which is not below it"


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=str)
def test_heavy_libraries_stay_in_leaves(name: str, path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for library in (found.split(".")[0] for found in names):
            if library in HEAVY and name != "testing":
                assert name in HEAVY[library], f"{path} imports {library} when it is loaded"
