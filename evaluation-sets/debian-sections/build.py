"""Builds the classification set: the section of the Debian archive that a package's description is in."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from making.packages import Package  # noqa: E402
from making.sets import Curated, Made, Record, drawn, part_of, write  # noqa: E402

EXAMPLE = HERE.parents[1] / "examples" / "debian-synopsis"
QUESTION = "In which section of the Debian archive is the package with this description?"
SECTIONS = ("admin", "devel", "games", "graphics", "mail", "net", "science", "sound")
SIZES = {"train": 5, "test": 40}
LICENCE = "each package's own; all free by the Debian Free Software Guidelines"


def synopsis() -> ModuleType:
    """The script of the example, whose way to read and to filter packages is this one's too."""
    spec = importlib.util.spec_from_file_location("debian_synopsis", EXAMPLE / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def used_sources() -> set[str]:
    """The source packages that the example has, so that a model that was trained on it has not met these texts."""
    rows = (EXAMPLE / "sources.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return {row.split("\t")[3] for row in rows}


def record(package: Any) -> Record:
    """The question about a package, whose section is the answer."""
    prompt = f"{QUESTION}\n\n{package.description}"
    return {"prompt": prompt, "referenceResponse": package.section, "category": package.section}


def make(example: ModuleType, packages: list[Any]) -> Made:
    """The parts, out of the packages of the index."""
    for label, step in example.STEPS:
        # The last steps are about the synopsis, which is not asked for here.
        if label.startswith(("synopsis", "description speaks", "near-duplicate synopses")):
            continue
        packages = step(packages)
    used = used_sources()
    fit = [each for each in packages if each.section in SECTIONS and each.source not in used]
    names = {record(each)["prompt"]: each.name for each in fit}
    parts: Made = {}
    for part, size in SIZES.items():
        own = [record(each) for each in fit if part_of(each.name) == part]
        parts[part] = drawn(own, lambda each: names[each["prompt"]], dict.fromkeys(SECTIONS, size))
    (HERE / "sources.tsv").write_text(sources(parts, names, {each.name: each for each in fit}), encoding="utf-8")
    return parts


def sources(parts: Made, names: dict[str, str], packages: dict[str, Any]) -> str:
    """The table that says of each line which package it is from."""
    lines = ["part\tline\tpackage\tsource\tversion\tsection"]
    for part, records in parts.items():
        for number, each in enumerate(records, start=1):
            package = packages[names[each["prompt"]]]
            own = (package.name, package.source, package.version, package.section)
            lines.append("\t".join([part, str(number), *own]))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Runs the script: fetches the index through apt, or reads the files that are given."""
    parser = argparse.ArgumentParser(description="Rebuilds debian-sections.")
    parser.add_argument("--translation", type=Path, help="use this Translation-en file")
    parser.add_argument("--packages", type=Path, help="use this Packages file")
    options = parser.parse_args()
    example = synopsis()
    with tempfile.TemporaryDirectory(prefix="outcrop-set-") as folder:
        Path(folder).chmod(0o755)
        if options.translation and options.packages:
            index = example.Index(options.translation, options.packages, None)
        else:
            index = example.fetch_index(Path(folder))
        packages = tuple(
            Package(name, "bookworm, main", hashlib.sha256(example.read_text(file).encode()).hexdigest(), LICENCE)
            for name, file in (("Packages (amd64)", index.packages), ("Translation-en", index.translation))
        )
        about = "The section of the Debian archive that a package is in, from its description"
        curated = Curated(HERE, "classification", about, "LicenseRef-Debian-packages", packages)
        write(curated, make(example, example.read_packages(index)))


if __name__ == "__main__":
    main()
