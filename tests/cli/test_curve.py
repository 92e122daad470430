"""``outcrop curve`` on a run of the tiny model."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from outcrop import Outcrop
from outcrop.cli.program import program
from outcrop.domain.models import CurvePoint, Customization, Identity, Lineage, ModelKind
from outcrop.testing.catalogs import a_model
from tests.doubles import IdleRunner, patch_runner

CURVE = (
    CurvePoint(0, 0, validation_loss=3.0),
    *(CurvePoint(step, 0, training_loss=3.0 - step / 40) for step in range(1, 41)),
    CurvePoint(40, 0, validation_loss=2.1),
)


@pytest.fixture(autouse=True)
def _model(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    patch_runner(monkeypatch, IdleRunner())
    monkeypatch.chdir(tmp_path)
    lineage = Lineage(
        job="j1",
        base="base",
        base_identity=Identity("w", "t", ""),
        method=Customization.LORA,
        data_uri="train.jsonl",
        data_hash="f" * 64,
        hyperparameters={"learning_rate": 1e-4, "epochs": 1},
        seed=0,
        versions={},
        curve=CURVE,
    )
    with Outcrop(home) as outcrop:
        outcrop.services.catalog.add_model(a_model("tuned", kind=ModelKind.ADAPTER, base=None, lineage=lineage))


def test_it_draws_and_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["curve", "tuned"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("tuned: lora from base, done, 40 of 40 steps\n")
    assert "training, smoothed" in out
    assert "lowest 2.100" in out
    assert "try:" in out
    assert max(map(len, out.splitlines()[:20])) <= 100


def test_it_writes_page_and_tables(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert program(["curve", "tuned", "--html", "run.html", "--csv", "artifacts"]) == 0
    assert capsys.readouterr().err.count("wrote ") == 5
    assert "Training run" in (tmp_path / "run.html").read_text(encoding="utf-8")
    table = tmp_path / "artifacts" / "training_artifacts" / "step_wise_training_metrics.csv"
    with table.open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 40


def test_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["curve", "tuned", "--json"]) == 0
    run = json.loads(capsys.readouterr().out)["run"]
    first = run["curve"][0]
    assert (first["step"], first["epoch"], first["training_loss"], first["validation_loss"]) == (0, 0, None, 3.0)
    assert set(run["diagnosis"]) == {"verdict", "evidence", "advice"}


def test_where_it_cannot_write(capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["curve", "tuned", "--html", "nowhere/run.html"]) == 1
    assert "nowhere/run.html: can't be written (No such file or directory)" in capsys.readouterr().err
