"""Sixteen real systems: BLEU, chrF and TER of WMT17's translations into German."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from bench.wmt17 import Wmt17, load, read

from outcrop.metrics import named
from outcrop.metrics.bleu import bleu
from outcrop.metrics.protocol import Pair, TextMetric

from .doubles import FIXTURES
from .translation import of_sums

FIXTURE = json.loads((FIXTURES / "wmt17.json").read_text(encoding="utf-8"))
SYSTEMS = FIXTURE["systems"]
METRICS: dict[str, TextMetric] = {name: named(name) for name in ("bleu", "chrf", "chrf++", "ter")}
METRICS["bleu_none"] = bleu(tokenize="none")

every_metric = pytest.mark.parametrize("name", METRICS)


@every_metric
def test_scores_of_sums_are_sacrebleus(name: str) -> None:
    sums = np.array([system[name]["sums"] for system in SYSTEMS.values()], dtype=np.float64)
    expected = [system[name]["score"] for system in SYSTEMS.values()]
    assert len(expected) == 16
    assert of_sums(METRICS[name], sums) == pytest.approx(expected, abs=1e-11)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Wmt17:
    try:
        return load(tmp_path_factory.mktemp("wmt17"))
    except OSError as error:
        pytest.skip(f"the texts of WMT17 can't be fetched: {error}")


@pytest.mark.real
@every_metric
def test_sums_of_real_texts_are_sacrebleus(name: str, texts: Wmt17) -> None:
    # TER takes seconds for each system.
    for system in list(SYSTEMS)[: 1 if name == "ter" else None]:
        pairs = [
            Pair(text, (reference,)) for text, reference in zip(texts.systems[system], texts.references, strict=True)
        ]
        rows = METRICS[name].prepare(pairs)
        assert rows.sum(axis=0).tolist() == SYSTEMS[system][name]["sums"]
        assert METRICS[name].score(rows) == pytest.approx(SYSTEMS[system][name]["score"], abs=1e-11)


def test_a_pickle_that_names_a_function_is_refused() -> None:
    with pytest.raises(pickle.UnpicklingError, match="pathlib"):
        read(pickle.dumps([("system", [Path()]), ("reference", [["text"]])]))


def test_a_file_that_is_not_the_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wmt17_en_de_systems.pkl.bz2").write_bytes(b"another")
    with pytest.raises(ValueError, match=r"has SHA-256 .*; expected .*: remove it"):
        load(tmp_path)
