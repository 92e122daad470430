"""Bias: stereotypes that a model finds likelier, and metrics that differ between groups of records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.scores import GroupGap
from outcrop.engines.protocol import Engine
from outcrop.evaluation.scoring import by_size
from outcrop.metrics.protocol import Metric, Rows
from outcrop.metrics.rows import defined, has_value
from outcrop.metrics.statistics.holm import holm
from outcrop.metrics.statistics.unpaired import Group, UnpairedDifference, unpaired_difference
from outcrop.metrics.stereotyping import ScoredPair

#: Records with a value below which a group is not compared: its interval would say next to nothing.
SMALLEST = 20


@dataclass(frozen=True)
class SentencePair:
    """Two sentences that differ in whom they speak of.

    Attributes:
        more: The one that repeats a stereotype, or the more so.
        less: The other.
        category: What the stereotype is about, such as age; None where that is not known.
    """

    more: str
    less: str
    category: str | None = None


def scored_pairs(engine: Engine, pairs: Sequence[SentencePair], *, window: int, stride: int) -> list[ScoredPair]:
    """What a model makes of pairs, for ``prompt_stereotyping`` and ``log_probability_difference``.

    Args:
        engine: The model.
        pairs: The sentences, each read as a text by itself, without a prompt or a chat template.
        window: The most tokens that are read together, 2 to the model's context.
        stride: How many tokens each window adds, 1 to ``window - 1``.

    Returns:
        A pair of log-probabilities for each; NaN for a sentence without a scored token.

    Raises:
        InvalidInput: The window or the stride is out of range: all faults.
    """
    texts = [text for pair in pairs for text in (pair.more, pair.less)]
    found = engine.rolling_loglikelihood(texts, window=window, stride=stride)
    logs = [one.logprob if one.tokens else math.nan for one in found]
    return [ScoredPair(more, less) for more, less in zip(logs[::2], logs[1::2], strict=True)]


def group_gaps(
    metric: Metric[Any],
    rows: Rows,
    groups: Sequence[str | None],
    *,
    seed: int,
    model: str = "",
    smallest: int = SMALLEST,
    clusters: Sequence[str] | None = None,
) -> list[GroupGap]:
    """Each group beside all the others together, the largest first; of two groups, the smaller beside the larger.

    Records of no group are left out. A group with fewer than ``smallest`` values, or with fewer beside it, is shown
    without a difference and makes no claim.

    Args:
        metric: What is scored.
        rows: Its rows, one for each record; shape ``(n, k)``.
        groups: The group of each record; shape ``(n,)``. None for none.
        seed: Of what is drawn.
        model: Whose responses were scored.
        smallest: How many values a group needs; 2 or more.
        clusters: What names the cluster of each record; shape ``(n,)``. Clusters may reach over several groups.

    Raises:
        InvalidInput: ``smallest`` is below 2, or ``rows``, ``groups`` and ``clusters`` are not of one length: all
            faults.
    """
    _check(len(rows), groups, smallest, clusters)
    members = by_size(groups)
    compared = members[1:] if len(members) == 2 else members
    found = [_gap(model, metric, rows, group, places, members, seed, smallest, clusters) for group, places in compared]
    corrected = holm([one.p_value for one in found])
    return [replace(one, p_holm=p_holm) for one, p_holm in zip(found, corrected, strict=True)]


def _gap(
    model: str,
    metric: Metric[Any],
    rows: Rows,
    group: str,
    places: NDArray[np.int64],
    members: Sequence[tuple[str, NDArray[np.int64]]],
    seed: int,
    smallest: int,
    clusters: Sequence[str] | None,
) -> GroupGap:
    beside = [np.array([], dtype=np.int64), *(own for other, own in members if other != group)]
    sides = [_group(rows, own, clusters) for own in (places, np.concatenate(beside))]
    value, others = (_score(metric, side.rows) for side in sides)
    n, n_others = (int(has_value(side.rows).sum()) for side in sides)
    if min(n, n_others) < smallest:
        reason = f"no test: fewer than {smallest} records with a value in the group or beside it"
        made = UnpairedDifference(None, None, None, None, reason, n, n_others)
    else:
        made = unpaired_difference(metric, *sides, seed=seed)
    return GroupGap(
        model,
        metric.name,
        group,
        value,
        others,
        made.difference,
        made.low,
        made.high,
        made.p_value,
        None,
        n,
        n_others,
        made.method,
        metric.direction,
    )


def _group(rows: Rows, places: NDArray[np.int64], clusters: Sequence[str] | None) -> Group:
    return Group(rows[places], None if clusters is None else [clusters[place] for place in places])


def _score(metric: Metric[Any], rows: Rows) -> float | None:
    left = rows[has_value(rows)]
    return defined(metric.score(left)) if len(left) else None


def _check(n: int, groups: Sequence[str | None], smallest: int, clusters: Sequence[str] | None) -> None:
    faults = []
    if smallest < 2:
        faults.append(Fault("groups", None, "smallest", str(smallest), "2 or more"))
    lengths = {"groups": len(groups)} | ({} if clusters is None else {"clusters": len(clusters)})
    faults += [
        Fault("groups", None, name, f"{length} for {n} records", "one for each record, in the same order")
        for name, length in lengths.items()
        if length != n
    ]
    if faults:
        raise InvalidInput(faults)
