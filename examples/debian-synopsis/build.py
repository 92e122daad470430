"""Builds the example data set: a Debian package's description -> its one-line synopsis.

Run without arguments to fetch Debian bookworm's indexes through apt (in a private
directory, the machine's own apt state stays as it is) and write the data files next to
this script. Run with ``--check`` to verify the files that are already there; that needs
no network.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import hashlib
import json
import lzma
import re
import statistics
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
INSTRUCTION = "Write a one-line synopsis of this Debian package."
PARTS = {"train": 256, "validation": 64, "test": 128}
TOTAL = sum(PARTS.values())
SEEN_DIGITS = frozenset("0123456789ab")
DESCRIPTION_WORDS = range(30, 111)
SYNOPSIS_WORDS = range(3, 13)
MIN_PROSE_WORDS = 20
DESCRIPTION_SIMILARITY = 0.15
SYNOPSIS_SIMILARITY = 0.5
SUITE = "bookworm"
# One architecture for everyone, or the same command would give different files elsewhere.
ARCHITECTURE = "amd64"
README_BLOCK = re.compile(r"(<!-- numbers: begin -->\n).*?(<!-- numbers: end -->\n)", re.DOTALL)
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SOURCES_HEADER = ("part", "line", "package", "source", "version", "section")

# fmt: off
LEFT_OUT_SECTIONS = frozenset({
    "cli-mono", "debian-installer", "debug", "doc", "gnu-r", "golang", "haskell",
    "introspection", "java", "javascript", "libdevel", "libs", "lisp", "localization",
    "metapackages", "ocaml", "oldlibs", "perl", "php", "python", "ruby", "rust", "tasks",
    "translations", "zope",
})
# fmt: on
LEFT_OUT_NAMES = re.compile(
    r"""
    (?:lib|python3?-|pypy-|ruby-|node-|golang-|rust-|r-(?:cran|bioc|other)-|php|haskell-|ghc-
      |ocaml-|elpa-|cl-|lua-|tcl-|guile-|gir1\.2-|qml-module-|octave-|task-|tasksel-|design-
      |gap-|coq-|erlang-|elixir-|jupyter-nbextension-|vim-|xul-ext-|webext-
      |hunspell-|myspell-|aspell-|hyphen-|mythes-|wordnet-|dict-|manpages-|texlive-|fonts-lohit-
      |education-|med-|science-|science|gis-|hamradio-|games-|junior-|multimedia-|parl-
      |progress-|ros-|raku-|puppet-module-
      |linux-image|linux-headers|linux-source|tesseract-ocr-).*
    | .*-(?:dev|doc|docs|dbg|dbgsym|perl|ocaml|el|java|cil|l10n|i18n|locales?|lang|data|common
      |examples?|tests?|testsuite|headers|source|udeb|dkms|runtime|base|bin|core|all|full
      |plugins?|modules?|assets|music|maps|levels|sounds?|demos?|extra|extras|contrib|utils-dbg
      |mpi|openmpi|mpich|nox|gtk|qt|benchmarks?|dictionary|wordlist|theme|themes)
    | w(?:american|british|canadian|french|german|ngerman|swiss|spanish).*
    """,
    re.VERBOSE,
)
NOT_A_PROGRAM = re.compile(
    r"transitional|dummy|meta-?package|virtual package|empty package|obsolete|placeholder"
    r"|\b(?:documentation|debug(?:ging)? symbols|development (?:files|headers|kit))\b"
    r"|\b(?:data|common|shared|support|config|configuration|header|runtime|source) files\b"
    r"|\b(?:bindings?|examples?|translations?|language pack|libraries|tasksel)\b"
    r"|\b(?:perl|python|ruby|php) (?:interface|module|library|extension)\b"
    r"|\b(?:dependency|main|base) package\b|\b(?:sample|development) programs\b",
    re.IGNORECASE,
)
# "... - server", "... (plugin)": what sets apart sister packages. A full stop at the end
# is against Debian's own rules for a synopsis.
SISTER = re.compile(r"\s--?\s|[)\].]$")
BOILERPLATE = re.compile(
    r"\n(?:This|The) (?:\w+ )?package\b[^\n]*$|\bdonat(?:e|ion|ing)|\bSee (?:the )?README",
    re.IGNORECASE,
)
# A file that is to be published should not carry anybody's address.
ADDRESS = re.compile(
    r"://|\bwww\.|\S@\S|\b[\w-]+\.(?:org|com|net|io|dev|edu|gov|info|de|fr|uk|eu|ch|jp|co\.\w\w)\b",
    re.IGNORECASE,
)
MOJIBAKE = re.compile("\N{REPLACEMENT CHARACTER}|[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u20ac")
BULLET = re.compile(r"(?P<indent>\s*)(?:[-*+o\u2022\u00b7]|\d{1,2}[.)])\s+\S")
WORD = re.compile(r"\w+(?:['+#-]\w+)*")


@dataclass(frozen=True)
class Package:
    """One binary package with the text this data set needs.

    Attributes:
        name: Name of the binary package.
        source: Name of the source package it is built from.
        version: Version of the binary package.
        section: Debian section, for instance ``net``.
        synopsis: The one-line synopsis, as the maintainer wrote it.
        description: The long description as plain text.
        preformatted: Whether the description has lines that must not be re-wrapped.
    """

    name: str
    source: str
    version: str
    section: str
    synopsis: str
    description: str
    preformatted: bool

    @property
    def digest(self) -> str:
        """SHA-256 of the name: the only source of order and chance in this script."""
        return hashlib.sha256(self.name.encode()).hexdigest()


@dataclass(frozen=True)
class Index:
    """The index files of one snapshot of the archive.

    Attributes:
        translation: English descriptions (``Translation-en``).
        packages: The packages index (``Packages``).
        release: The signed release file, when there is one.
    """

    translation: Path
    packages: Path
    release: Path | None


# --- fetching -----------------------------------------------------------------------------


def output_of(*command: str) -> str:
    """Runs a command and returns its standard output.

    Args:
        command: The program and its arguments.

    Returns:
        What the program printed.
    """
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def configured_mirror() -> str:
    """Looks up where this machine gets the suite's main component from.

    Returns:
        The base address of the repository.

    Raises:
        SystemExit: No configured apt source offers it.
    """
    chosen = ("Created-By: Packages", f"Codename: {SUITE}", "Component: main", "Origin: Debian")
    addresses = output_of("apt-get", "indextargets", "--format", "$(REPO_URI)", *chosen).split()
    if not addresses:
        raise SystemExit(
            f"apt has no downloaded index of Debian {SUITE} main here;"
            " run `apt-get update`, or pass --translation and --packages"
        )
    return addresses[0]


def private_apt_config(folder: Path) -> Path:
    """Writes an apt configuration that keeps everything inside one folder.

    The machine's own snippets are switched off because they may hold update hooks; only
    its network settings (a proxy, for example) are carried over.

    Args:
        folder: Where apt may put its files.

    Returns:
        The configuration file, to be named in ``APT_CONFIG``.
    """
    (folder / "state/lists/partial").mkdir(parents=True)
    (folder / "cache").mkdir()
    network = re.findall(r"^Acquire::(?:https?|Retries|ForceIPv[46]).*$", apt_settings(), re.M)
    own = {
        "Dir::Etc::parts": "/dev/null",
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::sourcelist": str(folder / "sources.list"),
        "Dir::State": str(folder / "state"),
        "Dir::Cache": str(folder / "cache"),
        "Acquire::Languages": "en",
        "Acquire::GzipIndexes": "false",
    }
    path = folder / "apt.conf"
    path.write_text("\n".join([*network, *(f'{key} "{own[key]}";' for key in own)]) + "\n")
    return path


def apt_settings() -> str:
    """Returns apt's settings on this machine, one a line."""
    return output_of("apt-config", "dump")


def fetch_index(folder: Path) -> Index:
    """Fetches the suite's indexes through apt, checked against the archive's signature.

    Args:
        folder: An empty folder; apt writes nowhere else.

    Returns:
        The index files.
    """
    config = private_apt_config(folder)
    options = f"arch={ARCHITECTURE}"
    if KEYRING.exists():
        options += f" signed-by={KEYRING}"
    source = f"deb [{options}] {configured_mirror()} {SUITE} main\n"
    (folder / "sources.list").write_text(source)
    output_of("env", f"APT_CONFIG={config}", "apt-get", "update", "--error-on=any")
    lists = folder / "state/lists"
    return Index(
        translation=next(lists.glob("*_Translation-en")),
        packages=next(lists.glob("*_Packages")),
        release=next(lists.glob("*Release"), None),
    )


# --- reading ------------------------------------------------------------------------------


def read_text(path: Path) -> str:
    """Reads an index file, unpacking it if its name says that it is compressed.

    Args:
        path: A plain, ``.gz``, ``.xz`` or ``.bz2`` file.

    Returns:
        Its text.
    """
    unpack: dict[str, Callable[[bytes], bytes]] = {
        ".gz": gzip.decompress,
        ".xz": lzma.decompress,
        ".bz2": bz2.decompress,
    }
    raw = path.read_bytes()
    return unpack.get(path.suffix, bytes)(raw).decode()


def stanzas(text: str) -> Iterator[dict[str, str]]:
    """Splits a Debian control file into its stanzas.

    Args:
        text: The whole file.

    Yields:
        Field name -> value; continuation lines keep their leading space.
    """
    for block in text.split("\n\n"):
        fields = re.split(r"\n(?! )", block.strip("\n"))
        pairs = (field.partition(":") for field in fields if field)
        stanza = {name: value.strip(" ") for name, _, value in pairs}
        if stanza:
            yield stanza


class Joiner:
    """Joins the lines of a long description into paragraphs and bullets.

    Debian policy: a lone ``.`` ends a paragraph, a line that starts with one space belongs
    to the running paragraph, and one with more spaces is shown as it stands.

    Attributes:
        blocks: The paragraphs and bullets read so far.
        preformatted: Whether a line other than a bullet must not be re-wrapped.
    """

    def __init__(self) -> None:
        """Starts with an empty text."""
        self.blocks: list[str] = []
        self.preformatted = False
        self._open_bullet: int | None = None
        self._fresh = True

    def add(self, line: str) -> None:
        """Takes in the next line.

        Args:
            line: A continuation line without its first space.
        """
        if line.strip() == ".":
            self._fresh, self._open_bullet = True, None
            return
        indent = len(line) - len(line.lstrip())
        bullet = self._bullet_at(line)
        text = " ".join(line.split())
        if bullet is None and self._continues(indent):
            self.blocks[-1] += f" {text}"
        else:
            self.preformatted |= bullet is None and indent > 0
            self.blocks.append(text)
            self._open_bullet = bullet
        self._fresh = False

    def _continues(self, indent: int) -> bool:
        if self._open_bullet is not None:
            return indent >= self._open_bullet
        return not (indent or self._fresh)

    def _bullet_at(self, line: str) -> int | None:
        match = BULLET.match(line)
        if match is None:
            return None
        indent = len(match["indent"])
        # A wrapped sentence can put a dash at the start of a line that is not indented.
        surely = indent or self._fresh or self._open_bullet is not None
        return indent if surely or self.blocks[-1].endswith(":") else None


def read_packages(index: Index) -> list[Package]:
    """Joins the packages index with the descriptions.

    Args:
        index: The index files.

    Returns:
        Every package that has an English description, in the order of the index.
    """
    texts = {
        (entry["Package"], entry["Description-md5"]): entry["Description-en"]
        for entry in stanzas(read_text(index.translation))
    }
    entries = stanzas(read_text(index.packages))
    keyed = (((entry["Package"], entry.get("Description-md5", "")), entry) for entry in entries)
    return [package_from(entry, texts[key]) for key, entry in keyed if key in texts]


def package_from(entry: dict[str, str], text: str) -> Package:
    """Makes a package from its two index entries.

    Args:
        entry: Its stanza in the packages index.
        text: Its description: the synopsis line, then the long description.

    Returns:
        The package.
    """
    synopsis, *lines = text.split("\n")
    joiner = Joiner()
    for line in lines:
        joiner.add(line[1:])
    return Package(
        name=entry["Package"],
        source=entry.get("Source", entry["Package"]).split()[0],
        version=entry["Version"],
        section=entry.get("Section", "unknown").rpartition("/")[2],
        synopsis=" ".join(synopsis.split()),
        description="\n".join(joiner.blocks),
        preformatted=joiner.preformatted,
    )


# --- filters ------------------------------------------------------------------------------


def words(text: str) -> list[str]:
    """Returns a text's words in lower case, without punctuation."""
    return WORD.findall(text.lower())


def is_seen(name: str) -> bool:
    """Tells whether the hash rule lets a package name into this data set."""
    return hashlib.sha256(name.encode()).hexdigest()[0] in SEEN_DIGITS


def is_clean(text: str) -> bool:
    """Tells whether a text has neither broken characters nor addresses.

    Args:
        text: A description or a synopsis.

    Returns:
        True for text that can be published as it stands.
    """
    if MOJIBAKE.search(text) or ADDRESS.search(text):
        return False
    kinds = {unicodedata.category(character) for character in text if character != "\n"}
    return not any(kind.startswith("C") for kind in kinds)


def gives_itself_away(synopsis: str, description: str) -> bool:
    """Tells whether the synopsis can simply be copied out of the description.

    Args:
        synopsis: The synopsis.
        description: The plain description.

    Returns:
        True when its words stand there in the same order, next to each other.
    """
    wanted = " ".join(words(re.sub(r"^(?:an?|the) ", "", synopsis, flags=re.I)))
    return f" {wanted} " in f" {' '.join(words(description))} "


def is_grounded(synopsis: str, description: str) -> bool:
    """Tells whether the description speaks about what the synopsis names.

    Args:
        synopsis: The synopsis.
        description: The plain description.

    Returns:
        True when at least a third of the synopsis's longer words begin like a word of the
        description.
    """
    stems = {word[:5] for word in words(description)}
    content = [word[:5] for word in words(synopsis) if len(word) > 3]
    found = sum(stem in stems for stem in content)
    return found > 0 and 3 * found >= len(content)


def is_enumeration(line: str) -> bool:
    """Tells whether a line is a long list of names and not a sentence.

    Args:
        line: A paragraph or a bullet.

    Returns:
        True when commas separate very short items.
    """
    commas = line.count(",")
    return commas >= 6 and commas * 4 >= len(line.split())


def is_prose(package: Package) -> bool:
    """Tells whether a description is mostly sentences.

    Args:
        package: The package.

    Returns:
        False for tables, drawings, lists of names and texts with a boilerplate ending.
    """
    lines = package.description.split("\n")
    if package.preformatted or BOILERPLATE.search(package.description):
        return False
    prose = [line for line in lines if not BULLET.match(line)]
    has_end = lines[-1] not in prose or lines[-1].endswith((".", "!", "?", ")", '"'))
    enough = len(" ".join(prose).split()) >= MIN_PROSE_WORDS
    return enough and has_end and not any(map(is_enumeration, lines))


def is_program(package: Package) -> bool:
    """Tells whether a package stands for itself (not a library, data, manual, ...)."""
    return (
        package.section not in LEFT_OUT_SECTIONS
        and not LEFT_OUT_NAMES.fullmatch(package.name)
        and not NOT_A_PROGRAM.search(package.synopsis)
        and not SISTER.search(package.synopsis)
        and not re.search(r"transitional|dummy|meta-?package", package.description, re.I)
    )


def has_length(package: Package) -> bool:
    """Tells whether both texts have a length that this data set wants."""
    return len(package.description.split()) in DESCRIPTION_WORDS and len(package.synopsis.split()) in SYNOPSIS_WORDS


def one_per_source(packages: Iterable[Package]) -> list[Package]:
    """Keeps one package of each source package: its namesake, else the shortest name.

    Args:
        packages: The packages.

    Returns:
        One package a source, ordered by the digest of the name.
    """
    by_source: defaultdict[str, list[Package]] = defaultdict(list)
    for package in packages:
        by_source[package.source].append(package)
    kept = (
        min(group, key=lambda one: (one.name != one.source, len(one.name), one.name)) for group in by_source.values()
    )
    return sorted(kept, key=lambda package: package.digest)


def shingles(text: str) -> frozenset[str]:
    """Returns every run of three words of a text."""
    found = words(text)
    return frozenset(" ".join(found[start : start + 3]) for start in range(len(found) - 2))


def jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    """Returns the share of two sets' union that both have."""
    return len(first & second) / max(1, len(first | second))


def apart(packages: Iterable[Package], features: Callable[[Package], frozenset[str]], limit: float) -> list[Package]:
    """Drops every package that resembles one kept before it.

    Args:
        packages: The packages, in the order in which they may stay.
        features: What a package is compared by.
        limit: The Jaccard similarity from which two packages count as alike.

    Returns:
        The packages that stay.
    """
    kept: list[tuple[Package, frozenset[str]]] = []
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for package in packages:
        own = features(package)
        near = {position for feature in own for position in holders[feature]}
        if any(jaccard(own, kept[position][1]) >= limit for position in near):
            continue
        for feature in own:
            holders[feature].append(len(kept))
        kept.append((package, own))
    return [package for package, _ in kept]


def apart_by_description(packages: Iterable[Package]) -> list[Package]:
    """Drops packages whose description resembles an earlier one's."""
    return apart(packages, lambda one: shingles(one.description), DESCRIPTION_SIMILARITY)


def apart_by_synopsis(packages: Iterable[Package]) -> list[Package]:
    """Drops packages whose synopsis resembles an earlier one's."""
    return apart(packages, lambda one: frozenset(words(one.synopsis)), SYNOPSIS_SIMILARITY)


def keep(rule: Callable[[Package], bool]) -> Callable[[Iterable[Package]], list[Package]]:
    """Turns a rule about one package into a step over many."""
    return lambda packages: [package for package in packages if rule(package)]


STEPS: tuple[tuple[str, Callable[[Iterable[Package]], list[Package]]], ...] = (
    ("hash rule: digest starts with 0-b", keep(lambda one: is_seen(one.name))),
    ("no libraries, bindings, manuals, data, metapackages", keep(is_program)),
    ("30-110 and 3-12 words", keep(has_length)),
    ("clean text without addresses", keep(lambda one: is_clean(one.synopsis + one.description))),
    ("mostly sentences, nothing preformatted, no boilerplate ending", keep(is_prose)),
    (
        "synopsis not contained in the description",
        keep(lambda one: not gives_itself_away(one.synopsis, one.description)),
    ),
    (
        "description speaks of what the synopsis names",
        keep(lambda one: is_grounded(one.synopsis, one.description)),
    ),
    ("one package per source package", one_per_source),
    ("near-duplicate descriptions out", apart_by_description),
    ("near-duplicate synopses out", apart_by_synopsis),
)


def candidates(packages: Iterable[Package]) -> tuple[list[Package], list[tuple[str, int]]]:
    """Runs every filter.

    Args:
        packages: All packages of the index.

    Returns:
        The packages that are left, and how many were left after each step.
    """
    left = list(packages)
    counts = [("binary packages with an English description", len(left))]
    for label, step in STEPS:
        left = step(left)
        counts.append((label, len(left)))
    return left, counts


# --- selection ----------------------------------------------------------------------------


def quotas(sizes: dict[str, int], total: int) -> dict[str, int]:
    """Shares a number of records out in proportion (largest remainder).

    Args:
        sizes: How many packages each section has.
        total: How many records to share out.

    Returns:
        Section -> number of records; they add up to ``total``.
    """
    whole = sum(sizes.values())
    shares = {name: size * total // whole for name, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda name: (-(sizes[name] * total % whole), name))
    for name in by_remainder[: total - sum(shares.values())]:
        shares[name] += 1
    return shares


def take(packages: Sequence[Package], total: int) -> list[Package]:
    """Takes the packages with the lowest digests, in proportion to the sections.

    Args:
        packages: Packages ordered by digest.
        total: How many to take.

    Returns:
        The chosen packages, in the given order.
    """
    room = quotas(dict(Counter(package.section for package in packages)), total)
    chosen: list[Package] = []
    for package in packages:
        if room[package.section]:
            room[package.section] -= 1
            chosen.append(package)
    return chosen


def split(packages: Sequence[Package]) -> dict[str, list[Package]]:
    """Chooses the records of every part.

    Args:
        packages: The candidates, ordered by digest, one per source package.

    Returns:
        Part -> its packages, ordered by digest.
    """
    left = take(packages, TOTAL)
    parts: dict[str, list[Package]] = {}
    for part in ("test", "validation", "train"):
        parts[part] = take(left, PARTS[part])
        taken = set(parts[part])
        left = [package for package in left if package not in taken]
    return {part: parts[part] for part in PARTS}


# --- writing ------------------------------------------------------------------------------


def record(part: str, package: Package) -> dict[str, str]:
    """Makes the JSON object of one package.

    Args:
        part: The part that it belongs to.
        package: The package.

    Returns:
        The fields that this part's format asks for.
    """
    prompt = f"{INSTRUCTION}\n\n{package.description}"
    if part == "test":
        answer = package.synopsis
        return {"prompt": prompt, "referenceResponse": answer, "category": package.section}
    return {"prompt": prompt, "completion": package.synopsis}


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Writes a text file with the same line ends on every system."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def write_data(parts: dict[str, list[Package]]) -> None:
    """Writes the three data files and the table of their sources.

    Args:
        parts: Part -> its packages.
    """
    rows = ["\t".join(SOURCES_HEADER)]
    for part, packages in parts.items():
        objects = (json.dumps(record(part, one), ensure_ascii=False) for one in packages)
        write_lines(HERE / f"{part}.jsonl", objects)
        for line, one in enumerate(packages, start=1):
            rows.append("\t".join((part, str(line), one.name, one.source, one.version, one.section)))
    write_lines(HERE / "sources.tsv", rows)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Returns the lines of a Markdown table, the first column to the left."""
    rule = ["---", *("---:" for _ in header[1:])]
    return [f"| {' | '.join(map(str, row))} |" for row in (header, rule, *rows)]


def snapshot_lines(index: Index) -> list[str]:
    """Describes the index files that the data came from.

    Args:
        index: The index files.

    Returns:
        Lines of Markdown.
    """
    lines = []
    if index.release is not None:
        fields = re.findall(r"^(Version|Codename|Date): (.+)$", read_text(index.release), re.M)
        lines += [f"- {name}: {value}" for name, value in fields]
    for label, path in (("Translation-en", index.translation), ("Packages", index.packages)):
        digest = hashlib.sha256(read_text(path).encode()).hexdigest()
        lines.append(f"- SHA-256 of `{label}` (unpacked): `{digest}`")
    return lines


def length_rows(parts: dict[str, list[Package]]) -> Iterator[tuple[object, ...]]:
    """Yields the word counts of every part: smallest, median, mean and largest."""
    for part, packages in parts.items():
        for label in ("description", "synopsis"):
            sizes = [len(str(getattr(package, label)).split()) for package in packages]
            middle = statistics.median(sizes), f"{statistics.mean(sizes):.1f}"
            yield f"{part}, {label}", min(sizes), *middle, max(sizes)


def section_rows(parts: dict[str, list[Package]], pool: Sequence[Package]) -> Iterator[tuple[object, ...]]:
    """Yields, for each section, the candidates and the records in every part."""
    inside = [Counter(one.section for one in packages) for packages in parts.values()]
    for section, size in sorted(Counter(package.section for package in pool).items()):
        yield section, size, *(count[section] for count in inside)


def numbers(
    index: Index,
    counts: Sequence[tuple[str, int]],
    pool: Sequence[Package],
    parts: dict[str, list[Package]],
) -> str:
    """Writes the part of the README that depends on the snapshot.

    Args:
        index: The index files.
        counts: How many packages were left after each filter.
        pool: The candidates.
        parts: The chosen packages.

    Returns:
        Markdown.
    """
    example = json.dumps(record("train", parts["train"][0]), ensure_ascii=False, indent=2)
    blocks = (
        ["### Snapshot"],
        snapshot_lines(index),
        ["### Candidates left after each filter"],
        table(("filter", "left"), counts),
        ["### Records by section"],
        table(("section", "candidates", *parts), section_rows(parts, pool)),
        ["### Length in words"],
        table(("text", "least", "median", "mean", "most"), length_rows(parts)),
        ["### Example", "", "The first line of `train.jsonl`, spread over several lines:"],
        ["```json", example, "```"],
    )
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def update_readme(text: str) -> None:
    """Replaces the generated part of the README.

    Args:
        text: The new Markdown.
    """
    path = HERE / "README.md"
    old = path.read_text(encoding="utf-8")
    new = README_BLOCK.sub(lambda match: f"{match[1]}\n{text}\n{match[2]}", old)
    path.write_text(new, encoding="utf-8", newline="\n")


def build(index: Index) -> None:
    """Builds every file from the index.

    Args:
        index: The index files.

    Raises:
        SystemExit: The filters left fewer packages than the parts need.
    """
    pool, counts = candidates(read_packages(index))
    if len(pool) < TOTAL:
        raise SystemExit(f"only {len(pool)} candidates are left, {TOTAL} are needed")
    parts = split(pool)
    write_data(parts)
    update_readme(numbers(index, counts, pool, parts))
    for label, count in counts:
        print(f"{count:6} {label}")


# --- checking -----------------------------------------------------------------------------


def read_sources() -> dict[str, list[list[str]]]:
    """Reads the table of sources.

    Returns:
        Part -> its rows (package, source, version, section) in the order of the lines.

    Raises:
        ValueError: The header or the numbering of the lines is wrong.
    """
    text = (HERE / "sources.tsv").read_text(encoding="utf-8")
    header, *rows = (line.split("\t") for line in text.splitlines())
    if tuple(header) != SOURCES_HEADER:
        raise ValueError("sources.tsv: unexpected header")
    parts: dict[str, list[list[str]]] = {part: [] for part in PARTS}
    for part, line, *rest in rows:
        parts[part].append(rest)
        if len(rest) != 4 or int(line) != len(parts[part]):
            raise ValueError(f"sources.tsv: {part} line {line} is out of place")
    return parts


def read_part(part: str, rows: Sequence[Sequence[str]]) -> list[Package]:
    """Reads one data file back into packages.

    Args:
        part: The part.
        rows: Its rows in the table of sources.

    Returns:
        The packages, in the order of the lines.

    Raises:
        ValueError: The counts differ, or a line is not exactly what the build would write.
    """
    lines = (HERE / f"{part}.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    if not len(lines) == len(rows) == PARTS[part]:
        raise ValueError(f"{part}: {len(lines)} lines and {len(rows)} sources")
    packages = []
    for number, (line, row) in enumerate(zip(lines, rows, strict=True), start=1):
        fields = json.loads(line)
        answer = fields.get("completion", fields.get("referenceResponse", ""))
        text = fields["prompt"].removeprefix(f"{INSTRUCTION}\n\n")
        name, source, version, section = row
        package = Package(name, source, version, section, answer, text, preformatted=False)
        if json.dumps(record(part, package), ensure_ascii=False) != line:
            raise ValueError(f"{part} line {number}: not the agreed fields or template")
        packages.append(package)
    return packages


def is_tidy(package: Package) -> bool:
    """Tells whether a synopsis is one line, and a description has no stray white space."""
    lines = package.description.split("\n")
    return all(text and text == " ".join(text.split()) for text in (package.synopsis, *lines))


RULES: tuple[tuple[str, Callable[[Package], bool]], ...] = (
    ("the name's digest is in the reserved quarter", lambda one: is_seen(one.name)),
    ("not a package that stands for itself", is_program),
    ("too short or too long", has_length),
    ("stray line ends or spaces", is_tidy),
    ("broken characters or an address", lambda one: is_clean(one.synopsis + one.description)),
    ("not mostly sentences", is_prose),
    (
        "the synopsis stands in the description",
        lambda one: not gives_itself_away(one.synopsis, one.description),
    ),
    (
        "the description does not speak of what the synopsis names",
        lambda one: is_grounded(one.synopsis, one.description),
    ),
)


def problems(parts: dict[str, list[Package]]) -> Iterator[str]:
    """Yields everything about the records that breaks a rule.

    Args:
        parts: Part -> its packages.

    Yields:
        One sentence for each problem.
    """
    everything = [package for packages in parts.values() for package in packages]
    for package in everything:
        yield from (f"{package.name}: {text}" for text, rule in RULES if not rule(package))
    for part, packages in parts.items():
        if packages != sorted(packages, key=lambda one: one.digest):
            yield f"{part}: not in the order of the names' digests"
    for label in ("name", "source", "synopsis", "description"):
        seen = Counter(str(getattr(package, label)) for package in everything)
        yield from (f"{label} occurs {n} times: {value}" for value, n in seen.items() if n > 1)
    for label, step in (("description", apart_by_description), ("synopsis", apart_by_synopsis)):
        dropped = set(everything) - set(step(everything))
        yield from (f"{package.name}: its {label} resembles another" for package in dropped)


def check() -> int:
    """Verifies the files next to this script.

    Returns:
        The exit status: 0 when every rule holds.
    """
    try:
        sources = read_sources()
        parts = {part: read_part(part, sources[part]) for part in PARTS}
        found = sorted(problems(parts))
    except (OSError, ValueError, KeyError) as error:
        found = [str(error)]
    for problem in found:
        print(problem, file=sys.stderr)
    print("the files break the rules" if found else f"{TOTAL} records, all rules hold")
    return int(bool(found))


# --- command line -------------------------------------------------------------------------


def arguments() -> argparse.Namespace:
    """Reads the command line.

    Returns:
        The options.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="only verify the existing files")
    parser.add_argument("--translation", type=Path, help="use this Translation-en file")
    parser.add_argument("--packages", type=Path, help="use this Packages file")
    parser.add_argument("--release", type=Path, help="take the snapshot's date from this file")
    options = parser.parse_args()
    if (options.translation is None) != (options.packages is None):
        parser.error("--translation and --packages go together")
    return options


def main() -> int:
    """Runs the script.

    Returns:
        The exit status.
    """
    options = arguments()
    if options.check:
        return check()
    if options.translation is not None:
        build(Index(options.translation, options.packages, options.release))
        return 0
    with tempfile.TemporaryDirectory(prefix="debian-synopsis-") as folder:
        # apt fetches as a user of its own, who has to get into the folder.
        Path(folder).chmod(0o755)
        build(fetch_index(Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
