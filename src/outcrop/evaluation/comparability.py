"""Whether the kept rows of several jobs may be compared, and what differs if not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outcrop.domain.errors import Fault
from outcrop.evaluation.kept_rows import KeptModel, KeptRows
from outcrop.evaluation.tasks import Asked

#: What says how a response is generated; of no effect where none is.
_GENERATION = "generation."


@dataclass(frozen=True)
class JobDataset:
    """What a job, by its name, kept of a dataset."""

    job: str
    kept: KeptRows

    @property
    def data(self) -> str:
        """The dataset by place and hash."""
        return f"{self.kept.of.place} ({self.kept.of.content_hash[:12]})"


def differences(group: Sequence[JobDataset], wanted: Sequence[str]) -> Iterator[Fault]:
    """In what jobs differ from the first on the same dataset, of what has to be the same.

    Args:
        group: What jobs kept of a dataset.
        wanted: The metrics to compare by; the one that decides in the first job where empty.
    """
    first = group[0]
    for entry in group:
        yield from _other_conditions(first, entry)
        for name in wanted or [first.kept.of.metrics[0].name]:
            yield from _other_metric(first, entry, name)


def _other_conditions(first: JobDataset, entry: JobDataset) -> Iterator[Fault]:
    ours, theirs = first.kept.of.conditions, entry.kept.of.conditions
    for name in dict.fromkeys([*ours, *theirs]):
        if ours.get(name) != theirs.get(name) and not _without_effect(name, ours, theirs):
            shared = f"as in job {first.job}, for they share the dataset {first.kept.of.dataset}"
            expected = f"{_shown(ours.get(name))} {shared}"
            yield Fault(f"job {entry.job}", None, name, _shown(theirs.get(name)), expected)


def _other_metric(first: JobDataset, entry: JobDataset, name: str) -> Iterator[Fault]:
    ours, theirs = signatures(first), signatures(entry)
    if name not in theirs:
        expected = f"{name}: evaluate {first.kept.of.dataset} with that metric, or choose others with --metrics"
        yield Fault(f"job {entry.job}", None, "metrics", ", ".join(theirs), expected)
    elif name in ours:
        for choice, mine, other in unlike(ours[name], theirs[name]):
            expected = f"{mine} as in job {first.job}: values of unlike signatures can’t be compared"
            yield Fault(f"job {entry.job}", None, f"signature of {name}, {choice}", other, expected)


def signatures(entry: JobDataset) -> dict[str, str]:
    """The signatures of a dataset's metrics, by name."""
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


def unlike(ours: str, theirs: str) -> Iterator[tuple[str, str, str]]:
    """The choices in which two signatures, ``name|choice:value|…|v1``, differ, with the value of each."""
    mine, other = _choices(ours), _choices(theirs)
    for name in dict.fromkeys([*mine, *other]):
        if mine.get(name) != other.get(name):
            yield name, mine.get(name, "none"), other.get(name, "none")


def _choices(signature: str) -> dict[str, str]:
    parts = [part.partition(":") for part in signature.split("|")]
    plain = "|".join(name for name, colon, _ in parts if not colon)
    return {"name and version": plain, **{name: value for name, colon, value in parts if colon}}


def data_faults(groups: Sequence[Sequence[JobDataset]], labels: Mapping[KeptModel, str], first: str) -> Iterator[Fault]:
    """Jobs without a record in common with the others of their dataset, and models without a dataset of the first's.

    Args:
        groups: What jobs kept, by dataset.
        labels: What each model is called.
        first: What the first model is called.
    """
    for group in groups:
        keys = [set(occurrences(entry.kept)) for entry in group]
        if len(group) > 1 and not set.intersection(*keys):
            expected = f"records that job {group[0].job} has, too: {group[0].data}"
            yield Fault(f"job {group[-1].job}", None, "data", group[-1].data, expected)
    models = [{labels[model] for entry in group for model in entry.kept.of.models} for group in groups]
    told = set().union(*(there for there in models if first in there))
    theirs = ", ".join(group[0].data for group, there in zip(groups, models, strict=True) if first in there)
    for entry in (entry for group in groups for entry in group):
        for label in (labels[model] for model in entry.kept.of.models):
            if label not in told:
                told.add(label)
                expected = f"{label} on what {first} was evaluated on: {theirs}"
                yield Fault(f"job {entry.job}", None, "data", entry.data, expected)


def occurrences(kept: KeptRows) -> dict[tuple[bytes, int], int]:
    """The place of each record by its key, and by how often that came before."""
    seen: Counter[bytes] = Counter()
    places: dict[tuple[bytes, int], int] = {}
    for place, key in enumerate(row.tobytes() for row in kept.keys):
        places[key, seen[key]] = place
        seen[key] += 1
    return places
