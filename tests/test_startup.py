"""What a command costs before it does anything: no torch where none is needed, and little time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from outcrop import Outcrop
from tests.doubles import pairs

pytestmark = pytest.mark.process

HEAVY = ("torch", "transformers", "peft", "scipy.stats", "huggingface_hub", "pandas")


def loaded_by(code: str) -> list[str]:
    """Which heavy libraries a piece of Python loads; what it prints goes to stderr."""
    wrapped = (
        "import contextlib, sys\nwith contextlib.redirect_stdout(sys.stderr):\n"
        + "".join(f"    {line}\n" for line in code.splitlines())
        + f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", wrapped], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def command(*arguments: str) -> str:
    return f"from outcrop.cli.program import program\nassert program({list(arguments)!r}) == 0"


@pytest.mark.parametrize(
    "code", ["import outcrop", "from outcrop import __version__", "import outcrop.domain.scores, outcrop.settings"]
)
def test_importing_loads_nothing_heavy(code: str) -> None:
    assert loaded_by(code) == []


def test_light_commands_load_nothing_heavy(home: Path, tmp_path: Path) -> None:
    file = pairs(tmp_path / "train.jsonl")
    with Outcrop(home):
        pass
    for arguments in (["jobs", "list"], ["models", "list"], ["data", "check", str(file)], ["disk"], ["--help"]):
        assert loaded_by(command(*arguments)) == [], arguments
        if arguments[0] != "--help":
            assert loaded_by(command(*arguments, "--json")) == [], arguments


def test_the_check_would_find_torch() -> None:
    assert "torch" in loaded_by("import torch")


def cpu_seconds(*arguments: str) -> float:
    """User and system time of one command."""
    process = subprocess.Popen(
        [sys.executable, "-m", "outcrop", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


def test_help_costs_little() -> None:
    cpu_seconds("--help")  # The first one writes what Python compiles.
    assert min(cpu_seconds("--help") for _ in range(3)) < 0.3
