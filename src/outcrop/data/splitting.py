"""Splitting a dataset into parts: at random, by strata, by groups or by time, with twins in one part."""

from __future__ import annotations

import hashlib
import json
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.data.field_paths import scalar_at
from outcrop.data.leakage import Leakage, between_parts
from outcrop.data.partition import Numbers, by_time, quotas, share_out
from outcrop.data.reading import JsonLines, Line
from outcrop.data.record_texts import record_text
from outcrop.data.twins import Progress, TwinFinder, Twins
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import FaultCollection, described, shown

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_FORM = "train=0.8,test=0.2: names of letters, digits, - and _, and shares above 0 that add up to 1"


@dataclass(frozen=True)
class Share:
    """A part that is wanted: its name, and its share of all records."""

    name: str
    share: Fraction


@dataclass(frozen=True)
class SplitRequest:
    """How a dataset is to be split.

    Attributes:
        shares: The parts.
        stratify: Path of a field; each part gets its share of the records with each value.
        group: Path of a field; records with the same value stay in one part.
        time: Path of a field; the first part gets the oldest records, and nothing is random.
        seed: Decides what is random.
        keep_together: Whether twins stay in one part; None for yes, except by time.
        text: Paths of the fields by which twins are found; those that formats keep texts in where empty.
    """

    shares: tuple[Share, ...]
    stratify: str | None = None
    group: str | None = None
    time: str | None = None
    seed: int = 0
    keep_together: bool | None = None
    text: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            InvalidInput: ``time`` is combined with ``stratify``, ``group`` or ``keep_together``.
        """
        if self.time is None:
            return
        others = [name for name in ("stratify", "group", "keep_together") if getattr(self, name)]
        faults = [
            Fault("request", None, name, f"{name} beside time", "one of them: time alone decides who is in which part")
            for name in others
        ]
        if faults:
            raise InvalidInput(faults)

    @property
    def binds_twins(self) -> bool:
        """Whether twins stay in one part."""
        return self.time is None if self.keep_together is None else self.keep_together


@dataclass(frozen=True)
class Stratum:
    """Records with one value of the field to stratify by: the value, and how many each part has."""

    value: str | int | float
    counts: tuple[int, ...]


@dataclass(frozen=True)
class SplitPlan:
    """Which record goes where.

    Attributes:
        request: What was asked for.
        content_hash: SHA-256 of the file.
        lines: Shape ``(n,)``: the line of each record, in the order of the file.
        part: Shape ``(n,)``: the number of its part.
        wanted: Records that each part was to get.
        n_groups: Groups; 0 without a field to group by.
        n_bound: Records that stay together with a twin of theirs.
        strata: Values of the field to stratify by, the most frequent first.
        leakage: What is in more than one part.
    """

    request: SplitRequest
    content_hash: str
    lines: Numbers
    part: Numbers
    wanted: tuple[int, ...]
    n_groups: int
    n_bound: int
    strata: tuple[Stratum, ...]
    leakage: Leakage

    def count(self, number: int) -> int:
        """How many records a part has."""
        return int(np.count_nonzero(self.part == number))


def parse_shares(text: str) -> tuple[Share, ...]:
    """Parts written as ``train=0.8,test=0.2``.

    Raises:
        InvalidInput: It is not written so, a name comes twice, or the shares don't add up to one.
    """
    pairs = [one.partition("=") for one in text.split(",")]
    try:
        shares = tuple(Share(name.strip(), Fraction(share.strip())) for name, _, share in pairs)
    except (ValueError, ZeroDivisionError):
        raise InvalidInput([Fault("into", None, "", shown(text), _FORM)]) from None
    faults = [Fault("into", None, "", f"the name {shown(one.name)}", _FORM) for one in shares if not _is_name(one.name)]
    faults += [Fault("into", None, one.name, f"a share of {one.share}", _FORM) for one in shares if one.share <= 0]
    # Some file systems take Train and train for one file.
    if len({one.name.lower() for one in shares}) < len(shares):
        faults.append(Fault("into", None, "", "a name twice", "each part once"))
    total = sum(one.share for one in shares)
    if total != 1:
        faults.append(Fault("into", None, "", f"shares that add up to {float(total):g}", "shares that add up to 1"))
    if faults:
        raise InvalidInput(faults)
    return shares


def plan(
    path: Path,
    request: SplitRequest,
    name: str = "",
    progress: Progress | None = None,
) -> SplitPlan:
    """Decide which record goes into which part.

    The same records, shares and seed give the same parts, in whatever order the file has them: what is random comes
    from a hash of seed and content.

    Args:
        path: A JSON Lines file, its records in any format.
        request: How to split it.
        name: What to call the file in faults; its path where empty.
        progress: Called with bytes done and bytes in all, for reading and for finding twins anew.

    Raises:
        InvalidInput: The file can't be read, a record lacks a field, or a part would be empty: all faults of the file.
        OSError: The temporary file can't be written.
    """
    with TwinFinder() as finder:
        read = _Records(request, finder, JsonLines(path, name=name), progress)
        twins = finder.find(progress)
    binding = twins if request.binds_twins else None
    part = read.places() if request.time else read.shared_out(binding)
    wanted = tuple(quotas([len(part)], [one.share for one in request.shares])[0].tolist())
    _refuse_empty(request, part, wanted, read.where)
    return SplitPlan(
        request=request,
        content_hash=read.content_hash,
        lines=np.array(read.lines, dtype=np.int64),
        part=part,
        wanted=wanted,
        n_groups=len(read.groups.values),
        n_bound=_n_bound(binding),
        strata=read.strata_of(part) if request.stratify else (),
        leakage=between_parts(twins, part, np.array(read.lines), [one.name for one in request.shares]),
    )


def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _refuse_empty(request: SplitRequest, part: Numbers, wanted: Sequence[int], where: str) -> None:
    reached = np.bincount(part, minlength=len(wanted))
    faults = []
    for number, one in enumerate(request.shares):
        if not reached[number]:
            found = f"no record for {one.name} among {len(part):,}"
            rest = "larger shares, fewer parts or more records"
            if wanted[number]:
                rest = "smaller groups: records that stay together fill the other parts"
            faults.append(Fault(where, None, "", found, rest))
    if faults:
        raise InvalidInput(faults)


def _n_bound(twins: Twins | None) -> int:
    if twins is None:
        return 0
    counts = np.bincount(twins.copy_of, minlength=twins.n_distinct)
    bound = counts > 1
    bound[twins.pairs] = True
    return int(counts[bound].sum())


@dataclass
class _Labels:
    """Values of a field as numbers from 0, in the order they are met."""

    values: dict[str, int] = field(default_factory=dict)
    numbers: array[int] = field(default_factory=lambda: array("q"))

    def take(self, value: object) -> None:
        # As JSON the text "1" and the number 1 differ.
        self.numbers.append(self.values.setdefault(json.dumps(value, ensure_ascii=False), len(self.values)))

    def array(self) -> Numbers:
        return np.array(self.numbers, dtype=np.int64)


class _Records:
    """One pass over the file: a line and a random key of each record, and what the request wants to know of it."""

    def __init__(self, request: SplitRequest, finder: TwinFinder, lines: JsonLines, progress: Progress | None) -> None:
        self.where = lines.where
        self.lines = array("q")
        self.groups = _Labels()
        self._strata = _Labels()
        self._times: list[Any] = []
        self._keys = array("Q")
        self._request = request
        self._seed = request.seed.to_bytes(16, "little", signed=True)
        self._shares = [one.share for one in request.shares]
        self._read(lines, finder, progress)
        self.content_hash = lines.content_hash

    def _read(self, lines: JsonLines, finder: TwinFinder, progress: Progress | None) -> None:
        faults = FaultCollection()
        for line in lines:
            found = [line] if isinstance(line, Fault) else self._take(line, finder)
            for fault in found:
                faults.add(fault)
            if progress is not None:
                progress(lines.n_bytes, lines.total_bytes)
        for fault in self._mixed_times():
            faults.add(fault)
        if faults.total:
            raise InvalidInput(faults.kept, faults.total)

    def _take(self, line: Line, finder: TwinFinder) -> list[Fault]:
        wanted = {name: path for name in ("stratify", "group", "time") if (path := getattr(self._request, name))}
        found = {name: scalar_at(line, path, self.where) for name, path in wanted.items()}
        if "time" in found and not isinstance(found["time"], Fault):
            found["time"] = _moment(found["time"], line, wanted["time"], self.where)
        text = record_text(line, self._request.text, self.where)
        faults = [value for value in (*found.values(), text) if isinstance(value, Fault)]
        if not faults:
            self.lines.append(line.number)
            self._keys.append(self._key(line))
            finder.add(str(text))
            for name, labels in (("stratify", self._strata), ("group", self.groups)):
                if name in found:
                    labels.take(found[name])
            self._times += [found["time"]] if "time" in found else []
        return faults

    def _key(self, line: Line) -> int:
        content = json.dumps(line.value, sort_keys=True, ensure_ascii=False).encode()
        return int.from_bytes(hashlib.blake2b(content, digest_size=8, key=self._seed).digest(), "little")

    def _mixed_times(self) -> list[Fault]:
        """A fault for each time that is not of the first one's kind: they have no common order."""
        kinds = [_kind(time) for time in self._times]
        return [
            Fault(self.where, number, str(self._request.time), kind, f"{kinds[0]}, as in the first record")
            for number, kind in zip(self.lines, kinds, strict=False)
            if kind != kinds[0]
        ]

    def places(self) -> Numbers:
        """Parts by time."""
        ranks = {time: rank for rank, time in enumerate(sorted(set(self._times)))}
        return by_time(np.array([ranks[time] for time in self._times], dtype=np.int64), self._shares)

    def shared_out(self, twins: Twins | None) -> Numbers:
        """Parts at random: groups and twins stay together, and strata are shared out."""
        strata = np.zeros(len(self.lines), dtype=np.int64)
        if self._request.stratify:
            # In the order of the values and not of the file, on which rounding would depend.
            order = {number: rank for rank, (_, number) in enumerate(sorted(self._strata.values.items()))}
            strata = np.array([order[number] for number in self._strata.numbers], dtype=np.int64)
        return share_out(self._units(twins), strata, np.array(self._keys, dtype=np.uint64), self._shares)

    def strata_of(self, part: Numbers) -> tuple[Stratum, ...]:
        """What each part has of each value."""
        counts = np.zeros((len(self._strata.values), len(self._shares)), dtype=np.int64)
        np.add.at(counts, (self._strata.array(), part), 1)
        order = sorted(self._strata.values.items(), key=lambda item: (-int(counts[item[1]].sum()), item[0]))
        return tuple(Stratum(json.loads(value), tuple(counts[number].tolist())) for value, number in order)

    def _units(self, twins: Twins | None) -> Numbers:
        """What each record must stay with, as a number: connected parts of a graph of records, groups and texts."""
        count = len(self.lines)
        records = np.arange(count)
        if twins is None and not self.groups.values:
            return records
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        n_groups = len(self.groups.values)
        ends = [(records, count + self.groups.array())] if n_groups else []
        if twins is not None:
            ends += [(records, count + n_groups + twins.copy_of), tuple((count + n_groups + twins.pairs).T)]
        start, end = (np.concatenate(side) for side in zip(*ends, strict=True))
        size = count + n_groups + (twins.n_distinct if twins is not None else 0)
        graph = coo_array((np.ones(len(start), dtype=np.int8), (start, end)), shape=(size, size))
        labels = connected_components(graph.tocsr(), directed=False)[1]
        return np.asarray(labels[:count], dtype=np.int64)


def _moment(value: object, line: Line, path: str, where: str) -> Any:
    """A number or a moment; or the fault of what is neither."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return Fault(
            where, line.number, path, described(value), "a number, or a date such as 2026-11-21T09:30:00+00:00"
        )


def _kind(time: object) -> str:
    if not isinstance(time, datetime):
        return "a number"
    return "a date without a time zone" if time.tzinfo is None else "a date with a time zone"
