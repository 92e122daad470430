from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from outcrop.cli import progress as progress_module
from outcrop.cli.progress import JobProgress, bytes_progress, describe
from outcrop.domain.jobs import Job, JobKind, Progress, Status

JOB = Job("abcdefghijkl", "tuned", JobKind.CUSTOMIZATION, Status.RUNNING, {})


def at(done: int, phase: str = "training", **changes: object) -> Job:
    progress = Progress(phase, done, 192, 61.7, "tokens", 400.0, {"loss": 2.34567, "validation_loss": 2.5})
    return replace(JOB, progress=replace(progress, **changes))  # type: ignore[arg-type]


def test_a_line_says_where_a_job_is() -> None:
    wanted = "tuned: training · 12/192 · loss 2.346 · validation 2.500 · 62 tokens/s · 7 min left"
    assert describe(at(12)) == wanted
    assert describe(replace(at(12), status=Status.QUEUED)) == "tuned: queued"
    assert describe(replace(at(12), status=Status.STOPPING)).endswith("62 tokens/s")
    assert describe(JOB) == "tuned: running"
    assert describe(replace(JOB, status=Status.DONE)) == "tuned: done"


def test_lines_come_now_and_then_where_nobody_looks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(progress_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with JobProgress() as shown:
        for second in range(40):
            now[0] += 1
            shown.tell(at(second))
        shown.tell(at(0, "keeping the model"))
        shown.tell(at(0, "keeping the model"))
    spoken = capsys.readouterr()
    lines = spoken.err.splitlines()
    assert spoken.out == ""
    assert [line.split(" · ")[1] for line in lines] == ["0/192", "16/192", "32/192", "0/192"]
    assert lines[-1].startswith("tuned: keeping the model")


def test_bytes_are_silent_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with bytes_progress("reading a file") as tell:
        tell(1, 2)
        tell(2, 2)
    assert capsys.readouterr() == ("", "")


def test_bytes_are_told_now_and_then_where_nobody_looks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(progress_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with bytes_progress("scoring") as tell:
        for second in range(1, 41):
            now[0] += 1
            tell(50 * second, 2_000)
    assert capsys.readouterr().err.splitlines() == [
        "scoring: 40% · 50 B/s · 24 s left",
        "scoring: 80% · 50 B/s · 8 s left",
    ]
