from __future__ import annotations

import numpy as np
import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.metrics import named
from outcrop.metrics.statistics.bootstrap import bootstrap_difference, bootstrap_interval
from outcrop.metrics.statistics.compare import compare, interval
from outcrop.metrics.statistics.intervals import mean_interval
from outcrop.metrics.statistics.paired import paired_difference

from ..doubles import rows_of

REFERENCES = ["a tool for images", "a game of chess", "library of fonts", "editor"]
BASELINE = ["a tool", "chess", None, "an editor of text"]
CANDIDATE = ["tool for images", "game of chess", "fonts", "editor"]


def test_a_mean_over_records_gets_student() -> None:
    metric = named("rougeL")
    before = rows_of(metric, *zip(BASELINE, REFERENCES, strict=True))
    after = rows_of(metric, *zip(CANDIDATE, REFERENCES, strict=True))
    first, second = metric.per_record(before), metric.per_record(after)
    assert first is not None
    assert second is not None
    assert interval(metric, before, seed=1) == mean_interval(first)
    assert interval(metric, before, seed=1).value == metric.score(before)
    found = compare(metric, before, after, seed=1)
    assert found == paired_difference(first, second)
    assert (found.n, found.n_left_out) == (3, 1)


def test_a_corpus_metric_gets_the_bootstrap() -> None:
    metric = named("length_ratio")
    before = rows_of(metric, *zip(BASELINE, REFERENCES, strict=True))
    after = rows_of(metric, *zip(CANDIDATE, REFERENCES, strict=True))
    assert interval(metric, before, seed=1) == bootstrap_interval(metric, before, seed=1)
    found = compare(metric, before, after, seed=1)
    assert found == bootstrap_difference(metric, before, after, seed=1)
    assert (found.n, found.n_left_out) == (3, 1)


@pytest.mark.parametrize("name", ["rougeL", "length_ratio"])
def test_other_records_are_refused(name: str) -> None:
    metric = named(name)
    with pytest.raises(InvalidInput):
        compare(metric, np.ones((2, len(metric.columns))), np.ones((3, len(metric.columns))), seed=1)
