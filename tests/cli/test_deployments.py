from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.cli.program import program
from outcrop.domain.models import Customization, Lineage
from outcrop.testing.catalogs import a_model
from tests.doubles import IdleRunner, add_scripted, patch_runner

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def models(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home with a model."""
    patch_runner(monkeypatch, IdleRunner())
    with Outcrop() as outcrop:
        add_scripted(outcrop, tmp_path, "tuned")


def run(capsys: Captured, *arguments: str, code: int = 0) -> tuple[str, str]:
    assert program(["deployments", *arguments]) == code
    spoken = capsys.readouterr()
    return spoken.out, spoken.err


def document(capsys: Captured, *arguments: str) -> Any:
    return json.loads(run(capsys, *arguments, "--json")[0])


def test_a_deployment_is_loaded_by_the_server(capsys: Captured) -> None:
    assert "outcrop deployments create" in run(capsys, "list")[0]
    out, err = run(capsys, "create", "tuned", "gneiss", "--units", "2", "--description", "a rock")
    assert "deployment gneiss is creating\n" in out
    assert "provisioned-throughput, 2 model units" in out
    assert "a rock" in out
    assert "`outcrop serve` loads it" in err
    row = next(line for line in run(capsys, "list")[0].splitlines() if "gneiss" in line)
    assert row.split()[:5] == ["gneiss", "provisioned-throughput", "tuned", "2", "creating"]


def test_one_that_changes(capsys: Captured) -> None:
    made = document(capsys, "create", "tuned", "gneiss")["deployment"]
    with Outcrop() as outcrop:
        outcrop.deployments.settle(outcrop.deployments.show("gneiss"))
    out, err = run(capsys, "update", made["id"], "--name", "schist")
    assert "deployment schist is ready" in out
    assert err == ""
    assert run(capsys, "update", "schist", "--model", "tuned")[0] == out
    with Outcrop() as outcrop:
        lineage = Lineage("job", "tuned", a_model().identity, Customization.LORA, "", "", {}, 0, {})
        outcrop.services.catalog.add_model(a_model("better", lineage=lineage))
    out, err = run(capsys, "update", "schist", "--model", "better")
    assert "schist is updating" in out
    assert "changes to   better" in out
    assert "`outcrop serve` loads it" in err


def test_what_went_wrong_is_shown(capsys: Captured) -> None:
    run(capsys, "create", "tuned", "gneiss")
    with Outcrop() as outcrop:
        outcrop.deployments.settle(outcrop.deployments.show("gneiss"), "there is no memory")
    out = run(capsys, "show", "gneiss")[0]
    assert "gneiss is failed" in out
    assert "there is no memory" in out


def test_deleting_one(capsys: Captured) -> None:
    run(capsys, "create", "tuned", "gneiss")
    assert run(capsys, "delete", "gneiss")[0] == "deployment gneiss is deleted; the model tuned stays\n"
    assert "no deployment with the id or name 'gneiss'" in run(capsys, "delete", "gneiss", code=2)[1]


def test_kinds_are_named(capsys: Captured) -> None:
    assert "one of provisioned-throughput, on-demand" in run(capsys, "create", "tuned", "a", "--kind", "x", code=2)[1]
    assert "tuned is a base model" in run(capsys, "create", "tuned", "a", "--kind", "on-demand", code=2)[1]
