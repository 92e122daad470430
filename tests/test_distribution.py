"""What scripts/distribution holds against a build: each wrong thing is found."""

from __future__ import annotations

import email
import importlib.util
import tomllib
import types
from importlib.machinery import SourceFileLoader
from typing import Any

import pytest

from outcrop import __version__
from tests.conftest import REPOSITORY

PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCES = {
    name: (REPOSITORY / name).read_bytes()
    for name in ("LICENSE", "README.md", "src/outcrop/__init__.py", "src/outcrop/py.typed")
} | {"tests/test_one.py": b"", "examples/one/train.jsonl": b"{}\n", "evaluation-sets/README.md": b"", ".ci/run": b""}


@pytest.fixture(scope="module")
def distribution() -> types.ModuleType:
    loader = SourceFileLoader("outcrop_distribution", str(REPOSITORY / "scripts" / "distribution"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def sdist() -> dict[str, bytes]:
    """The files of a right source distribution."""
    found = {
        name: data for name, data in SOURCES.items() if not name.startswith((".ci", "examples", "evaluation-sets"))
    }
    return found | {"PKG-INFO": b""}


def wheel() -> dict[str, bytes]:
    """The files of a right wheel; its metadata is written here, by hand."""
    extras = PROJECT["optional-dependencies"]
    lines = [
        *("Metadata-Version: 2.4", "Name: outcrop", f"Version: {__version__}", f"Summary: {PROJECT['description']}"),
        *("License-Expression: Apache-2.0", "License-File: LICENSE", f"Requires-Python: {PROJECT['requires-python']}"),
        *(f"Classifier: {line}" for line in PROJECT["classifiers"]),
        *(f"Project-URL: {name}, {address}" for name, address in PROJECT.get("urls", {}).items()),
        *(f"Requires-Dist: {line}" for line in PROJECT["dependencies"]),
        *(f"Provides-Extra: {extra}" for extra in extras),
        *(f"Requires-Dist: {line}; extra == '{extra}'" for extra, each in extras.items() for line in each),
    ]
    return {
        "outcrop/__init__.py": SOURCES["src/outcrop/__init__.py"],
        "outcrop/py.typed": b"",
        "outcrop-0.1.0.dist-info/METADATA": "\n".join([*lines, "", ""]).encode() + SOURCES["README.md"],
        "outcrop-0.1.0.dist-info/entry_points.txt": b"[console_scripts]\noutcrop = outcrop.cli:main\n",
        "outcrop-0.1.0.dist-info/licenses/LICENSE": SOURCES["LICENSE"],
    }


def test_what_is_right_has_no_fault(distribution: types.ModuleType) -> None:
    assert distribution.sdist_faults(sdist(), SOURCES) == []
    assert distribution.wheel_faults(wheel(), SOURCES, PROJECT) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"tests/test_one.py": None}, "sdist: tests/test_one.py is missing"),
        ({"src/outcrop/py.typed": b"x"}, "sdist: src/outcrop/py.typed is not as in the repository"),
        ({"notes.txt": b""}, "sdist: notes.txt is in it and not in the repository"),
        ({"examples/one/train.jsonl": b"{}\n"}, "sdist: examples/one/train.jsonl must not be in it"),
        ({"evaluation-sets/README.md": b""}, "sdist: evaluation-sets/README.md must not be in it"),
        ({".ci/run": b""}, "sdist: .ci/run must not be in it"),
        ({"tests/model.safetensors": b""}, "sdist: tests/model.safetensors must not be in it"),
        ({"tests/.env": b""}, "sdist: tests/.env must not be in it"),
        ({"tests/test_one.py": b"#" * 500_001}, "sdist: tests/test_one.py has 500,001 bytes"),
    ],
)
def test_faults_of_a_source_distribution(
    distribution: types.ModuleType, change: dict[str, bytes | None], fault: str
) -> None:
    found = {name: data for name, data in (sdist() | change).items() if data is not None}
    assert fault in distribution.sdist_faults(found, SOURCES)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"outcrop/py.typed": None}, "wheel: outcrop/py.typed is missing"),
        ({"tests/test_one.py": b""}, "wheel: tests/test_one.py is in it and not in the repository"),
        ({"outcrop/__pycache__/a.pyc": b""}, "wheel: outcrop/__pycache__/a.pyc must not be in it"),
        ({"outcrop-0.1.0.dist-info/licenses/LICENSE": None}, "wheel: its licence is not the repository's LICENSE"),
        ({"outcrop-0.1.0.dist-info/entry_points.txt": b""}, "wheel: has no entry point 'outcrop = outcrop.cli:main'"),
    ],
)
def test_faults_of_a_wheel(distribution: types.ModuleType, change: dict[str, bytes | None], fault: str) -> None:
    found = {name: data for name, data in (wheel() | change).items() if data is not None}
    assert fault in distribution.wheel_faults(found, SOURCES, PROJECT)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("Apache-2.0", "MIT", "metadata: License-Expression is ['MIT'], not ['Apache-2.0']"),
        (f"Version: {__version__}\n", "Version: 0.0.0\n", f"metadata: Version is ['0.0.0'], not ['{__version__}']"),
        ("Requires-Dist: torch>=2.6\n", "", "metadata: Requires-Dist is"),
        ("Provides-Extra: dev\n", "", "metadata: Provides-Extra is"),
        ("Classifier: Typing :: Typed\n", "", "metadata: Classifier is"),
        ("# Outcrop", "# Else", "metadata: the description is not the README"),
    ],
)
def test_faults_of_the_metadata(distribution: types.ModuleType, old: str, new: str, fault: str) -> None:
    text = wheel()["outcrop-0.1.0.dist-info/METADATA"].decode()
    assert old in text
    changed = email.message_from_bytes(text.replace(old, new, 1).encode())
    (found,) = distribution.metadata_faults(changed, SOURCES, PROJECT)
    assert found.startswith(fault)
