from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from outcrop.models.memory import usable_memory


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=1000))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")
    return path


@pytest.mark.parametrize(
    ("membership", "limits", "want"),
    [
        ("0::/\n", {}, 1000),
        ("0::/\n", {"memory.max": "400\n"}, 400),
        ("0::/\n", {"memory.max": "max\n"}, 1000),
        ("0::/\n", {"memory.max": "4000\n"}, 1000),
        # The tightest of a group and those above it counts.
        ("0::/pod/app\n", {"pod/app/memory.max": "max\n", "pod/memory.max": "300\n"}, 300),
        ("4:cpu:/a\n2:memory:/a/b\n", {"memory/a/b/memory.limit_in_bytes": "200\n"}, 200),
        (
            "4:cpu,memory:/a\n",
            {"memory/memory.limit_in_bytes": "250\n", "memory/a/memory.limit_in_bytes": "990\n"},
            250,
        ),
        ("4:cpu:/a\n", {"memory/a/memory.limit_in_bytes": "200\n"}, 1000),
    ],
)
def test_the_tightest_limit_counts(tmp_path: Path, membership: str, limits: dict[str, str], want: int) -> None:
    for name, text in limits.items():
        write(tmp_path / "mount" / name, text)
    (tmp_path / "mount").mkdir(exist_ok=True)
    assert usable_memory(write(tmp_path / "cgroup", membership), tmp_path / "mount") == want


def test_a_system_without_control_groups(tmp_path: Path) -> None:
    assert usable_memory(tmp_path / "none", tmp_path) == 1000
