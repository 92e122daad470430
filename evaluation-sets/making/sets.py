"""What all sets have in common: how records are drawn, written, counted and known by their hashes."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from making.packages import Package, unpack

Record = dict[str, Any]
Made = dict[str, list[Record]]

_NUMBERS = re.compile(r"(<!-- numbers: begin -->\n).*?(<!-- numbers: end -->\n)", re.DOTALL)

#: As in ``examples/debian-synopsis``: what begins with another digit is never used, so that it can be a fresh test.
_PARTS = {"train": "01", "test": "23456789ab"}


@dataclass(frozen=True)
class Curated:
    """A set.

    Attributes:
        folder: Where it lies; its name is the set's.
        task: The task type it is for.
        about: What is asked, in a line.
        licence: The licence of its texts, as an SPDX expression.
        packages: What it is made of.
    """

    folder: Path
    task: str
    about: str
    licence: str
    packages: tuple[Package, ...]


def digest(key: str) -> str:
    """SHA-256 of a text in hex: the only source of order and chance in these scripts."""
    return hashlib.sha256(key.encode()).hexdigest()


def part_of(key: str) -> str | None:
    """The part that a key belongs to, by the first digit of its digest; None for the quarter that is never used."""
    return next((part for part, digits in _PARTS.items() if digest(key)[0] in digits), None)


def shared_out(sizes: dict[str, int], total: int) -> dict[str, int]:
    """Shares a number out in proportion (largest remainder).

    Args:
        sizes: How many each group has.
        total: How many to share out; at most the sum of the sizes.

    Returns:
        Group -> its share; the shares add up to ``total``.
    """
    whole = sum(sizes.values())
    shares = {name: size * total // whole for name, size in sizes.items()}
    for name in sorted(sizes, key=lambda name: (-(sizes[name] * total % whole), name))[: total - sum(shares.values())]:
        shares[name] += 1
    return shares


def drawn(records: Iterable[Record], keys: Callable[[Record], str], quotas: dict[str, int]) -> list[Record]:
    """Draws of each category as many records as its quota, those with the lowest digests, ordered by digest.

    Args:
        records: The candidates.
        keys: What a record's digest is made of.
        quotas: Category -> number of records.

    Raises:
        SystemExit: A category has fewer.
    """
    room = dict(quotas)
    chosen = []
    for record in sorted(records, key=lambda record: digest(keys(record))):
        if room.get(record["category"], 0):
            room[record["category"]] -= 1
            chosen.append(record)
    if any(room.values()):
        raise SystemExit(f"too few candidates: { ({name: left for name, left in room.items() if left}) } are missing")
    return chosen


def build(curated: Curated, make: Callable[[Path], Made], arguments: Sequence[str] | None = None) -> None:
    """Rebuilds a set from its packages: the script's command line.

    Args:
        curated: What it is.
        make: From the folder that has the unpacked packages to part -> records.
        arguments: The command line; that of the process where None.
    """
    parser = argparse.ArgumentParser(description=f"Rebuilds {curated.folder.name}.")
    parser.add_argument("--debs", type=Path, help="a folder with the .deb files; apt fetches them where not given")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="outcrop-set-") as folder:
        # apt fetches as a user of its own, who has to get into the folder.
        Path(folder).chmod(0o755)
        unpack(curated.packages, Path(folder), options.debs)
        write(curated, make(Path(folder)))


def write(curated: Curated, parts: Made) -> None:
    """Writes the parts, their hashes and the numbers of the README."""
    for part, records in parts.items():
        lines = [json.dumps(record, ensure_ascii=False) for record in records]
        (curated.folder / f"{part}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    known = provenance(curated, parts)
    (curated.folder / "provenance.json").write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    readme = curated.folder / "README.md"
    text = readme.read_text(encoding="utf-8")
    block = _numbers(curated, parts)
    readme.write_text(_NUMBERS.sub(lambda found: f"{found[1]}\n{block}\n{found[2]}", text), encoding="utf-8")
    print(f"{curated.folder.name}: {', '.join(f'{len(records)} {part}' for part, records in parts.items())}")


def provenance(curated: Curated, parts: Made) -> dict[str, Any]:
    """What a set is, where it comes from, and what its files hold, for machines."""
    files = {f"{part}.jsonl": _file(curated.folder / f"{part}.jsonl", records) for part, records in parts.items()}
    packages = [asdict(package) for package in curated.packages]
    about = {"task": curated.task, "about": curated.about, "licence": curated.licence}
    return {"name": curated.folder.name, **about, "packages": packages, "files": files}


def _file(path: Path, records: Sequence[Record]) -> dict[str, Any]:
    categories = dict(sorted(Counter(record["category"] for record in records).items()))
    return {
        "records": len(records),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "categories": categories,
    }


def _numbers(curated: Curated, parts: Made) -> str:
    names = sorted({record["category"] for records in parts.values() for record in records})
    counts = {part: Counter(record["category"] for record in records) for part, records in parts.items()}
    lines = ["| package | version | SHA-256 of the `.deb` | licence |", "| --- | --- | --- | --- |"]
    lines += [f"| {one.name} | {one.version} | `{one.sha256}` | {one.licence} |" for one in curated.packages]
    lines += ["", f"| category | {' | '.join(parts)} |", f"| --- |{' ---: |' * len(parts)}"]
    lines += [f"| {name} | {' | '.join(str(counts[part][name]) for part in parts)} |" for name in names]
    lines += [f"| all | {' | '.join(str(len(records)) for records in parts.values())} |", ""]
    lines += ["| text | least words | median | most |", "| --- | ---: | ---: | ---: |"]
    for part, records in parts.items():
        for name in ("prompt", "referenceResponse", "text"):
            lengths = sorted(len(str(record[name]).split()) for record in records if name in record)
            if lengths:
                middle = statistics.median(lengths)
                lines.append(f"| {part}, `{name}` | {lengths[0]} | {middle:g} | {lengths[-1]} |")
    sample = json.dumps(parts["test"][0], ensure_ascii=False, indent=1)
    return "\n".join([*lines, "", "The first record of `test.jsonl`:", "", "```json", sample, "```"])
