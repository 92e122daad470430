"""The Dockerfile by what can be read in it: nothing here builds the image."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from tests.conftest import REPOSITORY

PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage, in order: name and arguments."""
    text = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    found: list[list[tuple[str, str]]] = []
    for line in filter(None, lines):
        name, _, arguments = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append((name, arguments))
    return found


def of(stage: list[tuple[str, str]], name: str) -> list[str]:
    return [arguments for found, arguments in stage if found == name]


def copied() -> list[str]:
    """What the first stage copies from the repository."""
    return [source for words in of(stages()[0], "COPY") for source in words.split()[:-1]]


def test_what_is_copied_is_there_and_reaches_the_build() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert "*" in lines
    assert set(copied()) == let_through
    for name in copied():
        assert (REPOSITORY / name).exists(), name


def test_what_the_package_is_built_from_is_copied() -> None:
    assert {"pyproject.toml", "src", "constraints.txt", PROJECT["readme"], *PROJECT["license-files"]} == set(copied())


def test_the_last_stage_takes_only_the_installation() -> None:
    build, last = stages()
    (installed,) = re.findall(r"python -m venv (\S+)", " ".join(of(build, "RUN")))
    assert of(last, "COPY") == [f"--from=build {installed} {installed}"]
    assert of(last, "ARG") == []
    assert "-c constraints.txt" in " ".join(of(build, "RUN"))


def test_it_runs_as_a_user_who_owns_the_home() -> None:
    last = stages()[-1]
    ((user, _, _),) = [words.partition(":") for words in of(last, "USER")]
    made = " ".join(of(last, "RUN"))
    (home,) = re.findall(r"OUTCROP_HOME=(\S+)", " ".join(of(last, "ENV")))
    assert user.isdigit()
    assert int(user) > 0
    assert f"useradd --uid {user} " in made
    assert re.search(rf"install --directory --owner (\w+) .*{home}$", made)
    assert of(last, "VOLUME") == [home]
    names = [name for name, _ in last]
    assert names.index("RUN") < names.index("USER") < names.index("ENTRYPOINT")
    assert of(last, "ENTRYPOINT") == ['["outcrop"]']


def test_each_stage_has_a_python_that_the_package_supports() -> None:
    for stage in stages():
        (image,) = (words.split()[0] for words in of(stage, "FROM"))
        version = re.fullmatch(r"python:(3\.\d+)-slim", image)
        assert version, image
        assert f"Programming Language :: Python :: {version[1]}" in PROJECT["classifiers"]
