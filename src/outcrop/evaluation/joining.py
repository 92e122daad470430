"""The kept rows of several jobs side by side: whether they may be compared, and the same records in the same order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.evaluation.comparability import JobDataset, data_faults, differences, occurrences, signatures, unlike
from outcrop.evaluation.dataset_scores import DatasetScores
from outcrop.evaluation.kept_rows import KeptModel, KeptRows, kept_scores, restored
from outcrop.evaluation.scoring import Scored
from outcrop.metrics.protocol import Metric, Rows


@dataclass(frozen=True)
class JobRows:
    """A job's name, and the rows that it kept of each of its datasets."""

    job: str
    kept: tuple[KeptRows, ...]


@dataclass(frozen=True)
class Joined:
    """Jobs side by side.

    Attributes:
        models: The models, the baseline first. Of two models with one name, the later one is called ``NAME (JOB)``.
        datasets: What they scored.
        notes: What one has to know of how the jobs were joined, in words.
    """

    models: tuple[str, ...]
    datasets: tuple[DatasetScores, ...]
    notes: tuple[str, ...]


def joined(jobs: Sequence[JobRows], *, metrics: Sequence[str] = (), baseline: str | None = None) -> Joined:
    """Rows of the same records, for every model that any of the jobs scored on a dataset.

    Two jobs' datasets are one if they have one content hash, or were read at one place. Records are then matched by
    what is asked and what is right; those that are there several times, one after the other. A model is another one
    if its weights or its template are.

    Args:
        jobs: What the jobs kept.
        metrics: The metrics to compare by, of which the first decides; those that all jobs of a dataset share where
            empty, and there the first job's first one decides.
        baseline: The model to compare the others with; the first job's first where None.

    Raises:
        InvalidInput: Jobs differ in the signature of the metric that decides or of one of ``metrics``, in a generation
            parameter or in another condition, lack such a metric, or have no record in common; or there is no such
            baseline: all faults.
    """
    groups = _by_dataset(jobs)
    labels = _labels(jobs)
    faults = [fault for group in groups for fault in differences(group, metrics)]
    if baseline is not None and baseline not in labels.values():
        faults.append(Fault("compare", None, "baseline", repr(baseline), f"one of {', '.join(labels.values())}"))
    else:
        models = sorted(labels.values(), key=lambda name: name != baseline)
        faults += data_faults(groups, labels, models[0])
    if faults:
        raise InvalidInput(faults)
    names = _names(groups)
    notes: list[str] = []
    datasets = [_side_by_side(group, name, labels, metrics, notes) for group, name in zip(groups, names, strict=True)]
    return Joined(tuple(models), tuple(datasets), tuple(dict.fromkeys(notes)))


def _by_dataset(jobs: Sequence[JobRows]) -> list[list[JobDataset]]:
    """What jobs kept, by dataset; a job that works on the same data twice has two datasets there."""
    groups: list[list[JobDataset]] = []
    for entry in (JobDataset(job.job, kept) for job in jobs for kept in job.kept):
        same = [group for group in groups if _is_same(group, entry)]
        # Of several, the one with the same name.
        same.sort(key=lambda group: group[0].kept.of.dataset != entry.kept.of.dataset)
        if same:
            same[0].append(entry)
        else:
            groups.append([entry])
    return groups


def _is_same(group: Sequence[JobDataset], entry: JobDataset) -> bool:
    of, others = entry.kept.of, [other.kept.of for other in group]
    shared = any(of.content_hash == other.content_hash or of.place == other.place for other in others)
    return shared and all(entry.job != other.job for other in group)


def _labels(jobs: Sequence[JobRows]) -> dict[KeptModel, str]:
    """What to call each model, in the order in which they come."""
    found: dict[KeptModel, str] = {}
    for job in jobs:
        for kept in job.kept:
            for model in kept.of.models:
                taken = found.values()
                if model not in found:
                    found[model] = model.name if model.name not in taken else f"{model.name} ({job.job})"
    return found


def _names(groups: Sequence[Sequence[JobDataset]]) -> list[str]:
    """The datasets' names, or the places of those that share a name."""
    names = [group[0].kept.of.dataset for group in groups]
    return [
        name if names.count(name) == 1 else group[0].kept.of.place for name, group in zip(names, groups, strict=True)
    ]


def _side_by_side(
    group: Sequence[JobDataset],
    name: str,
    labels: Mapping[KeptModel, str],
    wanted: Sequence[str],
    notes: list[str],
) -> DatasetScores:
    metrics = _shared_metrics(group, wanted, notes)
    places = [occurrences(entry.kept) for entry in group]
    common = [key for key in places[0] if all(key in each for each in places)]
    n_left_out = len(set().union(*places)) - len(common)
    if n_left_out:
        notes.append(f"{name}: {n_left_out:,} records are not in all of its jobs, and are left out.")
    scored: dict[str, Scored] = {}
    for entry, place_of in zip(group, places, strict=True):
        at = np.array([place_of[key] for key in common], dtype=np.int64)
        for model in entry.kept.of.models:
            rows = {metric.name: kept_scores(entry.kept, model.name, metric)[at] for metric in metrics}
            label = labels[model]
            if label in scored:
                notes.append(_twice(label, name, entry.job, scored[label].rows, rows))
            else:
                scored[label] = Scored(label, (), rows)
    kept = group[0].kept
    order = [places[0][key] for key in common]
    return DatasetScores(
        name,
        tuple(scored.values()),
        tuple(metrics),
        tuple(kept.categories[place] for place in order),
        None if kept.clusters is None else tuple(str(kept.clusters[place]) for place in order),
        n_left_out,
        kept.of.conditions,
    )


def _shared_metrics(group: Sequence[JobDataset], wanted: Sequence[str], notes: list[str]) -> list[Metric[Any]]:
    """The metrics that all jobs of a dataset have alike, as scorers of what is kept; notes tell of the others.

    Raises:
        InvalidInput: The one that decides can't be scored from what is kept.
    """
    first = group[0]
    by_name = {metric.name: metric for metric in first.kept.of.metrics}
    found: list[Metric[Any]] = []
    for name in wanted or by_name:
        metric, why = restored(first.kept, by_name[name]), _left_out(group, name)
        if metric is not None and not why:
            found.append(metric)
        elif not found:
            expected = "a metric that this version scores as the job did; evaluate again"
            raise InvalidInput([Fault(f"job {first.job}", None, "metrics", by_name[name].signature, expected)])
        else:
            why = why or "it can’t be scored again from what is kept"
            notes.append(f"{first.kept.of.dataset}: {name} is left out: {why}.")
    return found


def _left_out(group: Sequence[JobDataset], name: str) -> str:
    """Why a metric is not compared by; "" where all jobs have it alike."""
    ours = signatures(group[0])[name]
    for entry in group[1:]:
        theirs = signatures(entry).get(name)
        if theirs is None:
            return f"job {entry.job} has not scored it"
        for choice, mine, other in unlike(ours, theirs):
            return f"its signature has {choice} {mine} in job {group[0].job} and {other} in job {entry.job}"
    return ""


def _twice(model: str, dataset: str, job: str, before: Mapping[str, Rows], again: Mapping[str, Rows]) -> str:
    unlike: NDArray[np.bool_] = np.logical_or.reduce(
        [~np.isclose(before[name], again[name], equal_nan=True).all(axis=1) for name in before]
    )
    changed = int(unlike.sum())
    scores = "the same scores" if not changed else f"other scores on {changed:,} of {len(unlike):,} records"
    return f"{dataset}: job {job} has {model} again, with {scores}; the first job’s count."
