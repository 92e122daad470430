"""The docs say what the code does: pages, links, commands, snippets, words, dependencies."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import re
import shlex
import subprocess
import textwrap
import tomllib
import types
from collections.abc import Iterator
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import create_autospec

import pytest
import typer

from outcrop import Outcrop
from outcrop.app.data_split import Split
from outcrop.app.doctor import Finding
from outcrop.app.ways import Ways
from outcrop.cli.program import app as program
from outcrop.data.checking import DatasetCheck
from outcrop.data.leakage import Leakage
from outcrop.domain.deployments import Deployment, DeploymentStatus
from outcrop.domain.errors import InvalidInput
from outcrop.domain.exports import Export
from outcrop.domain.generation import GenerationParameters
from outcrop.domain.hyperparameters import choose
from outcrop.domain.jobs import Job, Status
from outcrop.domain.models import Customization, Model
from outcrop.domain.scores import JudgeReport, Report
from outcrop.evaluation.forgetting import Forgetting
from outcrop.evaluation.matrix import Matrix
from outcrop.evaluation.tables import TableReport
from outcrop.evaluation.tasks import task_type
from outcrop.testing.catalogs import a_model
from outcrop.trainers.estimate import Estimate
from tests.reports import matrices, samples
from tests.reports.test_judges import report as judged_report
from tests.test_layers import LAYERS

ROOT = Path(__file__).parent.parent
DOCUMENTED = ("docs", "evaluation-sets", "examples")
PAGES = sorted([*ROOT.glob("*.md"), *(page for name in DOCUMENTED for page in (ROOT / name).rglob("*.md"))])

#: Hosts of package registries, in parts, so that this file does not name them.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("download", "pytorch", "org"),
        ("registry", "npmjs", "org"),
        ("proxy", "golang", "org"),
        ("conda", "anaconda", "org"),
        ("deb", "debian", "org"),
    )
]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.text.splitlines()[0] if self.text else ''}"


def blocks(*languages: str) -> list[Block]:
    return [
        Block(page, language, text)
        for page in PAGES
        for language, text in _FENCE.findall(page.read_text(encoding="utf-8"))
        if language in languages
    ]


def prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def table_rows(page: Path, first_head: str) -> list[list[str]]:
    """The rows of all tables of a page whose first column has that head."""
    rows: list[list[str]] = []
    inside = False
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == first_head:
            inside = True
        elif inside and not set(cells[0]) <= set("-: "):
            rows.append(cells)
    return rows


# generated pages


@pytest.fixture(scope="module")
def reference() -> types.ModuleType:
    loader = SourceFileLoader("outcrop_reference", str(ROOT / "scripts" / "reference"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_generated_pages_are_current(reference: types.ModuleType) -> None:
    assert reference.outdated() == [], "run scripts/reference"


def test_a_page_without_marks_is_refused(
    reference: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "REFERENCE", tmp_path)
    (tmp_path / "settings.md").write_text("# Settings\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"settings\.md: has no"):
        reference.current("settings.md")


def test_every_status_is_explained() -> None:
    page = ROOT / "docs" / "reference" / "statuses.md"
    told = {row[0].strip("`") for row in table_rows(page, "status") if len(row) == 2}
    assert told == {status.value for status in Status}
    told = {row[0].strip("`") for row in table_rows(page, "deployment")}
    assert told == {status.value for status in DeploymentStatus}


# links


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_resolve(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.relative_to(ROOT)} links to {link}"
        assert not anchor or anchor in anchors(target), f"{page.relative_to(ROOT)} links to {link}: no such heading"


def test_the_tree_of_the_readme_exists() -> None:
    tree = next(block.text for block in blocks("text") if "src/outcrop/" in block.text)
    for line in tree.splitlines():
        folder = ROOT / "src" / "outcrop" if line.startswith("  ") else ROOT
        assert (folder / line.split()[0]).exists(), line
    told = {line.split()[0].rstrip("/") for line in tree.splitlines() if line.startswith("  ")}
    packages = {path.parent.name for path in (ROOT / "src" / "outcrop").glob("*/__init__.py")}
    assert packages <= told


def test_scripts_that_are_named_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"\bscripts/(\w+)", page.read_text(encoding="utf-8")):
            assert (ROOT / "scripts" / name).is_file(), f"{page.relative_to(ROOT)} names scripts/{name}"


# commands


def shell_commands(text: str) -> Iterator[list[str]]:
    """Commands of Outcrop in a shell text, as words; what is piped or redirected is cut off."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True) if "outcrop" in line else []
        if words[:1] == ["outcrop"]:
            ends = [place for place, word in enumerate(words) if word in {"|", ">", "&&", ";", "||"}]
            yield words[1 : min(ends, default=len(words))]


@cache
def root_command() -> Any:
    return typer.main.get_command(program)


def find_command(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the first words name, and the words after it."""
    command = root_command()
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


def check_command(words: list[str]) -> None:
    """Parse a whole command as the program would; a wrong one raises."""
    command, rest = find_command(words)
    assert not hasattr(command, "commands"), f"outcrop {' '.join(words)}: no such command"
    if rest != ["--help"]:
        command.make_context(command.name, list(rest))


def check_names(words: list[str]) -> None:
    """Only that command and options exist: prose leaves out what is not its subject."""
    command, rest = find_command(words)
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    given = {word for word in rest if word.startswith("-")}
    assert given <= known | {"--help"}, f"outcrop {' '.join(words)}: no option {', '.join(given - known)}"
    assert given == set(rest) or not hasattr(command, "commands"), f"outcrop {' '.join(words)}: no such command"


@pytest.mark.parametrize("block", blocks("sh", "console", "bash"), ids=str)
def test_commands_parse(block: Block) -> None:
    for words in shell_commands(block.text):
        check_command(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_prose_exist(page: Path) -> None:
    for text in re.findall(r"`(outcrop [^`]+)`", prose(page)):
        check_names(text.split()[1:])


def test_commands_of_the_quickstart_parse() -> None:
    text = (ROOT / "scripts" / "quickstart").read_text(encoding="utf-8")
    called = re.findall(r'"\$outcrop" (.*)$', text.replace("\\\n", " "), re.MULTILINE)
    assert called
    for line in called:
        check_command(shlex.split(re.split(r"2?>|;|\|", line)[0]))


@pytest.mark.parametrize("wrong", ["outcrop nope", "outcrop jobs", "outcrop jobs show A --nope", "outcrop customize A"])
def test_a_wrong_command_is_found(wrong: str) -> None:
    # Typer brings its own copy of click in newer versions, so the error's class has no name that holds for all.
    with pytest.raises(Exception, match=r"(?i)no such|missing"):
        check_command(next(shell_commands(wrong)))


# snippets


def snippets() -> list[Block]:
    door = ROOT / "src" / "outcrop" / "app" / "__init__.py"
    docstring = ast.get_docstring(ast.parse(door.read_text(encoding="utf-8"))) or ""
    return [*blocks("python"), Block(door, "python", textwrap.dedent(docstring.partition("::\n")[2]))]


@pytest.fixture
def double(outcrop: Outcrop, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What ``Outcrop()`` gives a snippet: every name and argument is checked, and nothing is done."""
    pretended = create_autospec(outcrop, spec_set=True)
    pretended.__enter__.return_value = pretended
    pretended.__exit__.return_value = None
    pretended.customize.side_effect = _customized
    pretended.evaluate.side_effect = _evaluated
    pretended.compare.return_value = matrices.sample()
    pretended.ask.return_value = iter(["text"])
    monkeypatch.setattr("outcrop.app.Outcrop", lambda home=None: pretended)
    return pretended


def _customized(base: str, *, train: str, name: str, method: str = "lora", **others: Any) -> Model:
    choose(Customization(method), {key: others[key] for key in others.keys() - {"validation", "purpose", "wait"}})
    return a_model(name)


def _evaluated(models: list[str], *, data: str, task: str, **others: Any) -> Report:
    task_type(task)
    GenerationParameters(**{key: others[key] for key in others.keys() - {"metrics", "name", "wait", "seed", "judging"}})
    judges = [judged_report(judge=name) for name in others["judging"].judges] if "judging" in others else []
    return dataclasses.replace(samples.report(), judges=tuple(judges))


def run_snippet(text: str) -> None:
    exec(compile(text, "snippet", "exec"), {"__name__": "snippet"})


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("block", snippets(), ids=str)
def test_snippets_run(block: Block) -> None:
    assert block.text
    run_snippet(block.text)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    "wrong",
    [
        "from outcrop import Nope",
        "from outcrop import Outcrop\nOutcrop().nope()",
        "from outcrop import Outcrop\nwith Outcrop() as o:\n    o.models.nope()",
        "from outcrop import Outcrop\nOutcrop().models.add('m', nope=1)",
        "from outcrop import Outcrop\nOutcrop().customize('m', train='d', name='n', nope=1)",
        "from outcrop import Outcrop\nOutcrop().evaluate('m', data='d', task='summarization').verdicts[0].nope",
    ],
)
def test_a_wrong_name_is_found(wrong: str) -> None:
    with pytest.raises((AttributeError, ImportError, TypeError, InvalidInput)):
        run_snippet(wrong)


# tables that people write


def test_words_are_well_formed() -> None:
    rows = table_rows(ROOT / "docs" / "why" / "words.md", "word")
    assert len(rows) > 40
    for row in rows:
        assert len(row) == 2, row
        assert all(row), row
    words = [word.strip() for row in rows for word in row[0].split(",")]
    assert sorted(set(words)) == sorted(words), "a word is there twice"


def test_dependencies_are_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    names = {re.split(r"[\[<>=!~; ]", requirement)[0] for requirement in wanted}
    rows = table_rows(ROOT / "docs" / "why" / "dependencies.md", "package")
    assert {row[0].strip("`") for row in rows} == names
    assert all(row[1] for row in rows)


def test_what_is_said_to_be_tested_is() -> None:
    """The page of pains names tests and files that are there."""
    rows = table_rows(ROOT / "docs" / "why" / "training-pains.md", "no")
    assert [row[0] for row in rows] == [str(number) for number in range(1, 21)]
    sources = [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "src" / "outcrop" / "testing").glob("*.py")]
    names = {path.name for path in sources}
    everything = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    for row in rows:
        for name in re.findall(r"`(\w[\w./]*)`", row[-1]):
            path = name.endswith((".py", ".md"))
            known = name in names or (ROOT / name).is_file() if path else f"def {name}(" in everything
            assert known, f"{row[0]}: {name} is nowhere"


def test_the_layers_page_is_the_tested_order() -> None:

    shown = next(block.text for block in blocks("text") if block.page.name == "layers.md")
    assert [set(line.split(", ")) for line in shown.splitlines()] == [set(layer) for layer in LAYERS]


@pytest.mark.parametrize(
    "heading",
    [
        "A job",
        "A model",
        "A deployment",
        "An estimate",
        "A dataset check",
        "A split",
        "A leakage report",
        "An export",
        "A report",
        "A judge's report",
        "A matrix",
        "A table report",
        "A forgetting report",
        "The four ways",
        "A finding",
    ],
)
def test_fields_of_documents_are_told(heading: str) -> None:

    kinds: dict[str, Any] = {
        "A job": Job,
        "A model": Model,
        "A deployment": Deployment,
        "An estimate": Estimate,
        "A dataset check": DatasetCheck,
        "A split": Split,
        "A leakage report": Leakage,
        "An export": Export,
        "A report": Report,
        "A judge's report": JudgeReport,
        "A matrix": Matrix,
        "A table report": TableReport,
        "A forgetting report": Forgetting,
        "The four ways": Ways,
        "A finding": Finding,
    }
    page = (ROOT / "docs" / "how-to" / "scripting.md").read_text(encoding="utf-8")
    section = page.partition(f"### {heading}\n")[2].partition("\n#")[0]
    told = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE))))
    assert told == {field.name for field in dataclasses.fields(kinds[heading])}


# what is nowhere


def repository_files() -> list[Path]:
    listing = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(listing, capture_output=True, text=True, check=False)
    if found.returncode:
        folders = ("src", "tests", "docs", "examples", "scripts")
        return [*PAGES, *(path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file())]
    return [ROOT / name for name in found.stdout.split("\0") if name]


def test_no_file_names_a_package_registry() -> None:
    pattern = re.compile("|".join(re.escape(host) for host in REGISTRIES).encode())
    files = [path for path in repository_files() if path.is_file() and "__pycache__" not in path.parts]
    naming = [str(path.relative_to(ROOT)) for path in files if pattern.search(path.read_bytes())]
    assert len(files) > 100
    assert naming == []
