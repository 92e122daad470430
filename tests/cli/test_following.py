"""Following a job, and what Ctrl-C does there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from outcrop import Outcrop
from outcrop.cli import following
from outcrop.cli.following import follow
from outcrop.domain.errors import JobFailed
from outcrop.domain.jobs import Job, Status
from outcrop.jobs import worker
from tests.doubles import IdleRunner, add_scripted, keep_roof, patch_runner, questions


@pytest.fixture
def idle(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outcrop]:
    patch_runner(monkeypatch, IdleRunner())
    keep_roof(home)
    with Outcrop(home) as opened:
        yield opened


@pytest.fixture
def job(idle: Outcrop, tmp_path: Path) -> Job:
    add_scripted(idle, tmp_path)
    made = idle.evaluate(
        "scripted", data=questions(tmp_path / "data.jsonl", 2), task="summarization", name="judged", wait=False
    )
    assert isinstance(made, Job)
    return made


@pytest.fixture
def interrupted(idle: Outcrop, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets the user press Ctrl-C so often while a job is followed; after that its work is done."""

    def times(count: int) -> None:
        real, left = idle.jobs.follow, [count]

        def looked_at(name: str, tell: Callable[[Job], None]) -> Job:
            if left[0]:
                left[0] -= 1
                raise KeyboardInterrupt
            worker.main(idle.jobs.show(name).id)
            return real(name, tell)

        monkeypatch.setattr(idle.jobs, "follow", looked_at)

    return times


def answering(monkeypatch: pytest.MonkeyPatch, *wishes: str) -> None:
    left = list(wishes)
    monkeypatch.setattr(following, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: left.pop(0))


def test_a_job_that_is_done_comes_back(idle: Outcrop, job: Job, interrupted: Callable[[int], None]) -> None:
    interrupted(0)
    assert follow(idle, "judged").status is Status.DONE


def test_without_a_terminal_the_job_is_left_running(
    idle: Outcrop, job: Job, interrupted: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted(1)
    with pytest.raises(typer.Exit) as left:
        follow(idle, "judged")
    # A script that was interrupted has no result.
    assert left.value.exit_code == 130
    assert "it goes on; see it again with: outcrop jobs follow judged" in capsys.readouterr().err
    assert idle.jobs.show("judged").status is Status.QUEUED


def test_leaving_is_a_choice(
    idle: Outcrop, job: Job, interrupted: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(1)
    answering(monkeypatch, "L")
    with pytest.raises(typer.Exit) as left:
        follow(idle, "judged")
    assert left.value.exit_code == 0


def test_going_on_is_a_choice(
    idle: Outcrop, job: Job, interrupted: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(2)
    answering(monkeypatch, "g", "g")
    assert follow(idle, "judged").status is Status.DONE


def test_stopping_is_a_choice(
    idle: Outcrop,
    job: Job,
    interrupted: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    interrupted(1)
    answering(monkeypatch, "stop")
    with pytest.raises(
        JobFailed, match=r"job judged stopped\n  outcrop jobs logs judged\n  outcrop jobs resume judged"
    ):
        follow(idle, "judged")
    assert "it stops at the next step and keeps what is done" in capsys.readouterr().err
