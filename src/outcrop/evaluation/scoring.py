"""From responses to rows, and from rows to scores, comparisons, groups and the records that moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.records import EvaluationRecord
from outcrop.domain.scores import Comparison, Direction, Moved, MovedRecord, Score
from outcrop.metrics.protocol import Metric, Rows
from outcrop.metrics.statistics.compare import compare_many, interval
from outcrop.metrics.statistics.holm import holm
from outcrop.metrics.statistics.paired import PairedDifference

#: Records of each kind that a report shows in full.
SHOWN = 5

#: Records that a category needs for an interval of its own.
FEWEST = 5

_PART = 512


@dataclass(frozen=True)
class Scored:
    """The rows of one model: by metric name, each ``(n, k)``, in the order of the records."""

    model: str
    responses: Sequence[str | None]
    rows: dict[str, Rows]


def score_items(
    model: str,
    items: Sequence[Any],
    responses: Sequence[str | None],
    metrics: Sequence[Metric[Any]],
    tell: Callable[[int], None],
) -> Scored:
    """Count what each metric needs; ``tell`` hears how many pairs of a record and a metric are done, part by part."""
    rows: dict[str, Rows] = {}
    done = 0
    for metric in metrics:
        parts = []
        for start in range(0, len(items), _PART):
            part = items[start : start + _PART]
            parts.append(metric.prepare(part))
            done += len(part)
            tell(done)
        rows[metric.name] = np.concatenate(parts) if parts else np.empty((0, len(metric.columns)))
    return Scored(model, responses, rows)


def scores(
    scored: Scored, metrics: Sequence[Metric[Any]], *, seed: int, clusters: Sequence[str] | None = None
) -> list[Score]:
    """Every metric of a model, with its interval; ``clusters`` names what records share that are not independent."""
    return [_score(scored, metric, seed, clusters) for metric in metrics]


def comparisons(
    all_scored: Sequence[Scored], metrics: Sequence[Metric[Any]], *, seed: int, clusters: Sequence[str] | None = None
) -> list[Comparison]:
    """Every later model against the first, each metric.

    The first metric carries the verdict, so its p-values are corrected among the candidates only; those of the other
    metrics, which are looked at besides, among themselves.
    """
    baseline, *candidates = all_scored
    found = _compare(metrics, baseline, candidates, None, seed, clusters)
    primary = {metrics[0].name}
    first = iter(_corrected([one for one in found if one.metric in primary]))
    others = iter(_corrected([one for one in found if one.metric not in primary]))
    return [next(first if one.metric in primary else others) for one in found]


def groups(
    all_scored: Sequence[Scored],
    metric: Metric[Any],
    categories: Sequence[str | None],
    *,
    seed: int,
    clusters: Sequence[str] | None = None,
) -> list[Comparison]:
    """Every later model against the first within each category, largest first.

    Below ``FEWEST`` records a category has a difference but no interval: Student's would be wider than the scale.
    """
    baseline, *candidates = all_scored
    return _corrected(
        [
            _in_group(found, category)
            for candidate in candidates
            for category, places in by_size(categories)
            for found in _compare([metric], baseline, [candidate], places, seed, clusters)
        ]
    )


def by_size(categories: Sequence[str | None]) -> list[tuple[str, NDArray[np.int64]]]:
    """Each category with the places of its records, the largest first."""
    places: dict[str, list[int]] = {}
    for place, category in enumerate(categories):
        if category is not None:
            places.setdefault(category, []).append(place)
    ordered = sorted(places.items(), key=lambda item: (-len(item[1]), item[0]))
    return [(category, np.array(found, dtype=np.int64)) for category, found in ordered]


def _in_group(found: Comparison, group: str) -> Comparison:
    if found.n < FEWEST:
        return replace(found, group=group, low=None, high=None, p_value=None)
    return replace(found, group=group)


def _corrected(found: Sequence[Comparison]) -> list[Comparison]:
    """With Holm's p-values over all that make a claim; a metric without a better way makes none."""
    claims = [None if comparison.direction is Direction.NONE else comparison.p_value for comparison in found]
    return [replace(comparison, p_holm=p) for comparison, p in zip(found, holm(claims), strict=True)]


def moved(
    baseline: Scored, candidate: Scored, metric: Metric[Any], records: Sequence[EvaluationRecord]
) -> Moved | None:
    """The records that moved most, both ways; None for a metric without a value per record, or without a better way."""
    before, after = metric.per_record(baseline.rows[metric.name]), metric.per_record(candidate.rows[metric.name])
    if before is None or after is None or metric.direction is Direction.NONE:
        return None
    gain = (after - before) * (1 if metric.direction is Direction.HIGHER else -1)
    order = [int(place) for place in np.argsort(-gain, kind="stable") if not np.isnan(gain[place])]
    best = [place for place in order if gain[place] > 0]
    worst = [place for place in reversed(order) if gain[place] < 0]

    def shown(places: Sequence[int]) -> tuple[MovedRecord, ...]:
        return tuple(_moved_record(baseline, candidate, before, after, records, place) for place in places[:SHOWN])

    equal = len(order) - len(best) - len(worst)
    return Moved(metric.name, baseline.model, candidate.model, shown(best), shown(worst), len(best), len(worst), equal)


def _score(scored: Scored, metric: Metric[Any], seed: int, clusters: Sequence[str] | None = None) -> Score:
    rows = scored.rows[metric.name]
    made = interval(metric, rows, seed=seed, clusters=clusters)
    n_scored = int((~np.isnan(rows).any(axis=1)).sum())
    return Score(
        scored.model,
        metric.name,
        made.value,
        made.low,
        made.high,
        n_scored,
        len(rows),
        metric.signature,
        made.method,
        metric.unit,
        metric.direction,
    )


def _compare(
    metrics: Sequence[Metric[Any]],
    baseline: Scored,
    candidates: Sequence[Scored],
    places: NDArray[np.int64] | None,
    seed: int,
    clusters: Sequence[str] | None,
) -> list[Comparison]:
    """Each candidate in each metric against the baseline, on the records at ``places`` or on all."""
    rows = [
        [one.rows[metric.name] if places is None else one.rows[metric.name][places] for metric in metrics]
        for one in (baseline, *candidates)
    ]
    if places is not None and clusters is not None:
        clusters = [clusters[place] for place in places]
    found = compare_many(metrics, rows[0], rows[1:], seed=seed, clusters=clusters)
    return [
        _comparison(metric, baseline, candidate, one)
        for candidate, by_metric in zip(candidates, found, strict=True)
        for metric, one in zip(metrics, by_metric, strict=True)
    ]


def _comparison(metric: Metric[Any], baseline: Scored, candidate: Scored, made: PairedDifference) -> Comparison:
    return Comparison(
        metric.name,
        baseline.model,
        candidate.model,
        made.difference,
        made.low,
        made.high,
        made.p_value,
        None,
        made.n,
        made.method,
        metric.direction,
    )


def _moved_record(
    baseline: Scored,
    candidate: Scored,
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    records: Sequence[EvaluationRecord],
    place: int,
) -> MovedRecord:
    record = records[place]
    return MovedRecord(
        record.line,
        record.category,
        record.prompt,
        record.reference,
        {scored.model: scored.responses[place] or "" for scored in (baseline, candidate)},
        {baseline.model: float(before[place]), candidate.model: float(after[place])},
        float(after[place] - before[place]),
    )
