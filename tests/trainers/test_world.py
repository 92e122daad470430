"""Several processes train as one: same losses, gradients and weights, though each has other numbers of tokens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from outcrop.trainers.world import ALONE, LeaderEnded, World, world_from_environment
from tests.trainers.together import train

ROOT = Path(__file__).parents[2]


def test_alone_nothing_of_torch_distributed_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert world_from_environment() is ALONE
    assert ALONE.add([1.5, 2.0]) == [1.5, 2.0]
    assert ALONE.leads


def test_what_the_leader_raises_comes_through() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ALONE.lead(fail)


def test_the_others_hear_that_the_leader_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "add", lambda _, __: [1.0])
    with pytest.raises(LeaderEnded):
        World(1, 2).lead(lambda: None)


@pytest.mark.process
@pytest.mark.parametrize("packed", [True, False], ids=["packed", "padded"])
def test_two_processes_are_as_one(tiny_folder: Path, tmp_path: Path, packed: bool) -> None:
    """Records of unlike lengths: the two processes never have the same number of tokens with loss."""
    kind = "packed" if packed else "padded"
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "tests.trainers.together"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    done = subprocess.run(
        [sys.executable, *command, str(tiny_folder), str(tmp_path), kind],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    one, two = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    alone = train(tiny_folder, tmp_path / "alone", ALONE, packed=packed)
    assert one["weights"] == two["weights"]
    assert one["tokens"] == alone["tokens"]
    for name in ("losses", "validation"):
        assert one[name] == pytest.approx(alone[name], rel=1e-6), name
    assert one["norms"] == pytest.approx(alone["norms"], rel=1e-5)
    assert one["weights"] == pytest.approx(alone["weights"], rel=1e-5, abs=1e-4)
