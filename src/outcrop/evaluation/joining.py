"""The kept rows of several jobs side by side: whether they may be compared, and the same records in the same order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.evaluation.dataset_scores import DatasetScores
from outcrop.evaluation.kept_rows import KeptModel, KeptRows, kept_scores, restored
from outcrop.evaluation.scoring import Scored
from outcrop.evaluation.tasks import Asked
from outcrop.metrics.protocol import Metric, Rows

#: What says how a response is generated; of no effect where none is.
_GENERATION = "generation."


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


@dataclass(frozen=True)
class _Entry:
    """What a job kept of a dataset."""

    job: str
    kept: KeptRows


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
    models = _ordered(list(labels.values()), baseline)
    faults = [fault for group in groups for fault in _differences(group, metrics)]
    if baseline is not None and baseline not in labels.values():
        faults.append(Fault("compare", None, "baseline", repr(baseline), f"one of {', '.join(labels.values())}"))
    faults += _strangers(groups, labels, models)
    if faults:
        raise InvalidInput(faults)
    names = _names(groups)
    notes: list[str] = []
    datasets = [_side_by_side(group, name, labels, metrics, notes) for group, name in zip(groups, names, strict=True)]
    return Joined(tuple(models), tuple(datasets), tuple(dict.fromkeys(notes)))


def _by_dataset(jobs: Sequence[JobRows]) -> list[list[_Entry]]:
    groups: list[list[_Entry]] = []
    for job in jobs:
        for kept in job.kept:
            same = (
                group
                for group in groups
                if any(
                    kept.of.content_hash == entry.kept.of.content_hash or kept.of.place == entry.kept.of.place
                    for entry in group
                )
            )
            group = next(same, None)
            if group is None:
                groups.append([_Entry(job.job, kept)])
            else:
                group.append(_Entry(job.job, kept))
    return groups


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


def _ordered(models: list[str], baseline: str | None) -> list[str]:
    return sorted(models, key=lambda name: name != baseline)


def _names(groups: Sequence[Sequence[_Entry]]) -> list[str]:
    """The datasets' names, or the places of those that share a name."""
    names = [group[0].kept.of.dataset for group in groups]
    return [
        name if names.count(name) == 1 else group[0].kept.of.place for name, group in zip(names, groups, strict=True)
    ]


def _differences(group: Sequence[_Entry], wanted: Sequence[str]) -> Iterator[Fault]:
    """In what jobs differ from the first on the same dataset, of what has to be the same."""
    first = group[0]
    dataset, needed = first.kept.of.dataset, wanted or [first.kept.of.metrics[0].name]
    for entry in group:
        where, there = f"job {entry.job}", _signatures(entry)
        ours, theirs = first.kept.of.conditions, entry.kept.of.conditions
        for name in dict.fromkeys([*ours, *theirs]):
            if ours.get(name) != theirs.get(name) and not _without_effect(name, ours, theirs):
                expected = f"{_shown(ours.get(name))} as in job {first.job}, for they share the dataset {dataset}"
                yield Fault(where, None, name, _shown(theirs.get(name)), expected)
        for name in needed:
            if name not in there:
                expected = f"{name}: evaluate {dataset} with that metric, or choose others with --metrics"
                yield Fault(where, None, "metrics", ", ".join(there), expected)
                continue
            for choice, mine, other in _unlike(_signatures(first).get(name, there[name]), there[name]):
                expected = f"{mine} as in job {first.job}: values of unlike signatures can’t be compared"
                yield Fault(where, None, f"signature of {name}, {choice}", other, expected)


def _signatures(entry: _Entry) -> dict[str, str]:
    return {metric.name: metric.signature for metric in entry.kept.of.metrics}


def _without_effect(name: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Where nothing is generated, no parameter of that has an effect; where nothing is drawn, no seed has."""

    def both(condition: str, value: object) -> bool:
        return ours.get(condition) == theirs.get(condition) == value

    if name.startswith(_GENERATION) and any(both("prompting.asked", asked) for asked in (Asked.CHOOSE, Asked.READ)):
        return True
    return name == "generation.seed" and both("generation.temperature", 0) and both("prompting.shots", 0)


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(value)[:80]


def _unlike(ours: str, theirs: str) -> Iterator[tuple[str, str, str]]:
    """The choices in which two signatures, ``name|choice:value|…|v1``, differ, with the value of each."""
    mine, other = _choices(ours), _choices(theirs)
    for name in dict.fromkeys([*mine, *other]):
        if mine.get(name) != other.get(name):
            yield name, mine.get(name, "none"), other.get(name, "none")


def _choices(signature: str) -> dict[str, str]:
    parts = signature.split("|")
    named = [part.partition(":") for part in parts if ":" in part]
    bare = [part for part in parts if ":" not in part]
    return {**dict.fromkeys(["name and version"], "|".join(bare)), **{name: value for name, _, value in named}}


def _strangers(
    groups: Sequence[Sequence[_Entry]], labels: Mapping[KeptModel, str], models: Sequence[str]
) -> Iterator[Fault]:
    """Models that share no dataset with the first, and jobs that share no record with the others of their dataset."""
    first = models[0]
    together: set[str] = set()
    for group in groups:
        there = {labels[model] for entry in group for model in entry.kept.of.models}
        together |= there if first in there else set()
        keys = [set(_occurrences(entry.kept)) for entry in group]
        if len(group) > 1 and not set.intersection(*keys):
            found = f"{group[-1].kept.of.place}, {group[-1].kept.of.content_hash[:12]}"
            expected = f"records that job {group[0].job} has, too ({group[0].kept.of.content_hash[:12]})"
            yield Fault(f"job {group[-1].job}", None, "data", found, expected)
    places = [f"{entry.kept.of.place} ({entry.kept.of.content_hash[:12]})" for group in groups for entry in group[:1]]
    for entry in (entry for group in groups for entry in group):
        for model in entry.kept.of.models:
            if labels[model] not in together and first in labels.values():
                together.add(labels[model])
                found = f"{entry.kept.of.place} ({entry.kept.of.content_hash[:12]})"
                others = ", ".join(place for place in places if place != found) or "the same data"
                expected = f"{labels[model]} on what {first} was evaluated on: {others}"
                yield Fault(f"job {entry.job}", None, "data", found, expected)


def _occurrences(kept: KeptRows) -> dict[tuple[bytes, int], int]:
    """The place of each record by its key, and by how often that came before."""
    seen: Counter[bytes] = Counter()
    places: dict[tuple[bytes, int], int] = {}
    for place, key in enumerate(row.tobytes() for row in kept.keys):
        places[key, seen[key]] = place
        seen[key] += 1
    return places


def _side_by_side(
    group: Sequence[_Entry],
    name: str,
    labels: Mapping[KeptModel, str],
    wanted: Sequence[str],
    notes: list[str],
) -> DatasetScores:
    metrics = _shared_metrics(group, wanted, notes)
    places = [_occurrences(entry.kept) for entry in group]
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


def _shared_metrics(group: Sequence[_Entry], wanted: Sequence[str], notes: list[str]) -> list[Metric[Any]]:
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


def _left_out(group: Sequence[_Entry], name: str) -> str:
    """Why a metric is not compared by; "" where all jobs have it alike."""
    ours = _signatures(group[0])[name]
    for entry in group[1:]:
        theirs = _signatures(entry).get(name)
        if theirs is None:
            return f"job {entry.job} has not scored it"
        for choice, mine, other in _unlike(ours, theirs):
            return f"its signature has {choice} {mine} in job {group[0].job} and {other} in job {entry.job}"
    return ""


def _twice(model: str, dataset: str, job: str, before: Mapping[str, Rows], again: Mapping[str, Rows]) -> str:
    unlike: NDArray[np.bool_] = np.logical_or.reduce(
        [~np.isclose(before[name], again[name], equal_nan=True).all(axis=1) for name in before]
    )
    changed = int(unlike.sum())
    scores = "the same scores" if not changed else f"other scores on {changed:,} of {len(unlike):,} records"
    return f"{dataset}: job {job} has {model} again, with {scores}; the first job’s count."
