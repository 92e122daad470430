from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from outcrop import Outcrop
from outcrop.catalog.protocol import Claim
from outcrop.domain.errors import UserError
from outcrop.domain.generation import GenerationParameters
from outcrop.domain.judging import JudgeRequest, PeopleLabel
from outcrop.domain.models import Identity
from outcrop.domain.records import EvaluationRecord
from outcrop.domain.scores import JudgeReport, Reliability
from outcrop.engines.scripted import ScriptedEngine
from outcrop.evaluation.judges.criteria import built_in
from outcrop.evaluation.judges.judging import Quality
from outcrop.jobs.judging import Responses, judge
from outcrop.jobs.lease import Lease
from outcrop.services import Services
from tests.doubles import add_scripted
from tests.evaluation.judges.doubles import HELPFUL, YES_NO, judge_by_quality, pair_exchanges
from tests.jobs.test_paid_responses import engine_at
from tests.model_server import ModelServer

N = 60


@pytest.fixture
def lease(services: Services, claim: Claim) -> Lease:
    return Lease(services.catalog, claim, 600)


@pytest.fixture
def judges(outcrop: Outcrop, services: Services, tmp_path: Path) -> Services:
    """A home with two models that are judged, and judges."""
    fair = judge_by_quality(0.8, broken=0.2)
    patterns = [[expression, [list(one) for one in answers]] for expression, answers in fair.patterns]
    add_scripted(outcrop, tmp_path, "base", responses={"a": "b"})
    add_scripted(outcrop, tmp_path, "tuned", responses={"c": "d"})
    add_scripted(outcrop, tmp_path, "fair", patterns=patterns, calls="calls.txt")
    add_scripted(outcrop, tmp_path, "blind", patterns=[["", '{"better": "A"}']])
    add_scripted(outcrop, tmp_path, "mute", patterns=[["", "hm"]])
    add_scripted(outcrop, tmp_path, "narrow", patterns=patterns, context=215)
    return services


def request(services: Services, *names: str, **changes: Any) -> JudgeRequest:
    made = JudgeRequest(
        judges=names,
        identities=tuple(services.catalog.model(name).identity for name in names),
        criteria=(HELPFUL,),
        pairwise=True,
        repeats=1,
        generation=GenerationParameters(max_tokens=64, temperature=0.7),
    )
    return replace(made, **changes)


def responses(services: Services, n: int = N) -> Responses:
    given = pair_exchanges(n, tuned_good=0.8)
    records = [EvaluationRecord(place + 1, one.prompt, "reference", "ab"[place % 2]) for place, one in enumerate(given)]
    texts = list(zip(*(one.responses for one in given), strict=True))
    names = ("base", "tuned")
    return Responses(0, records, names, [services.catalog.model(name) for name in names], texts)


def judged(services: Services, lease: Lease, made: JudgeRequest, *, n: int = N) -> tuple[JudgeReport, ...]:
    return judge(services, lease, services.engines(), made, responses(services, n), f"jobs/{lease.job.id}", 0).reports


def without_time(report: JudgeReport) -> JudgeReport:
    return replace(report, figures={key: value for key, value in report.figures.items() if key != "seconds"})


def stored(services: Services, lease: Lease, folder: str) -> list[str]:
    prefix = f"jobs/{lease.job.id}/{folder}/"
    return sorted(entry.key.removeprefix(prefix) for entry in services.store.entries(prefix))


def test_each_judge_has_a_report(judges: Services, lease: Lease) -> None:
    fair, blind = judged(judges, lease, request(judges, "fair", "blind"))
    assert (fair.judge, blind.judge) == ("fair", "blind")
    assert fair.weights == judges.catalog.model("fair").identity.weights
    assert fair.criteria[0].reliability is Reliability.RELIABLE
    assert blind.criteria[0].reliability is Reliability.UNRELIABLE
    assert [check.found for check in blind.biases if check.kind == "position"] == [True]
    assert {group.group for group in fair.criteria[0].groups} == {"a", "b"}
    assert fair.figures["generated_tokens"] > 0
    assert fair.own == ()


def test_each_judge_judges_by_its_share(judges: Services, lease: Lease) -> None:
    people = (PeopleLabel(1, "tuned", HELPFUL.name, "candidate"), PeopleLabel(1, "tuned", YES_NO.name, "candidate"))
    made = request(judges, "fair", "blind", criteria=(HELPFUL, YES_NO), shares=((HELPFUL.name,), (YES_NO.name,)))
    fair, blind = judged(judges, lease, replace(made, labels=people), n=6)
    assert [[one.criterion for one in report.criteria] for report in (fair, blind)] == [[HELPFUL.name], [YES_NO.name]]
    assert [report.judge for report in judged(judges, lease, made.by([YES_NO.name]), n=6)] == ["blind"]


def test_what_can_not_be_read_is_asked_again_with_another_seed(judges: Services, lease: Lease) -> None:
    (report,) = judged(judges, lease, request(judges, "fair"))
    counts = report.criteria[0].counts
    assert counts.asked == 2 * N
    assert 0 < counts.unreadable < counts.asked_again < counts.asked / 2
    kept = stored(judges, lease, "responses/judge/0/0")
    assert {name.partition("/")[0] for name in kept} == {"0", "1", "2"}


def test_a_judge_that_can_not_be_read_ends_with_a_report(judges: Services, lease: Lease) -> None:
    (report,) = judged(judges, lease, request(judges, "mute", attempts=1), n=4)
    counts = report.criteria[0].counts
    assert (counts.unreadable, counts.asked_again, counts.asked) == (8, 8, 8)
    assert report.criteria[0].comparisons[0].difference is None


def test_rulings_are_kept_with_their_explanations(judges: Services, lease: Lease) -> None:
    judged(judges, lease, request(judges, "fair"))
    text = judges.store.read(f"jobs/{lease.job.id}/rulings.jsonl").decode()
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) == 2 * N
    assert lines[0].keys() == {
        "line",
        "judge",
        "criterion",
        "model",
        "against",
        "first",
        "repeat",
        "answer",
        "explanation",
        "tries",
    }
    assert [(line["line"], line["model"], line["against"], line["first"]) for line in lines[:2]] == [
        (1, "tuned", "base", "base"),
        (1, "tuned", "base", "tuned"),
    ]
    assert {line["explanation"] for line in lines if line["answer"] == "A"} == {"A it is"}


class Mortal(ScriptedEngine):
    """Dies after so many batches."""

    left = 0

    def generate(self, *given: Any) -> Any:
        if Mortal.left == 0:
            raise KeyboardInterrupt
        Mortal.left -= 1
        return super().generate(*given)


@pytest.mark.parametrize("batches", [0, 3, 15, 17])
def test_a_killed_judge_goes_on_and_reports_the_same(
    judges: Services, lease: Lease, batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = request(judges, "fair")
    Mortal.left = batches
    with monkeypatch.context() as patched:
        patched.setattr("outcrop.services.ScriptedEngine", Mortal)
        with pytest.raises(KeyboardInterrupt):
            judged(judges, lease, made)
    resumed = judged(judges, lease, made)
    assert judged(judges, lease, made) == resumed
    whole = judge(judges, lease, judges.engines(), made, replace(responses(judges), part=1), "another", 0).reports
    assert [without_time(one) for one in resumed] == [without_time(one) for one in whole]


def test_what_is_stored_is_not_asked_again(judges: Services, lease: Lease) -> None:
    made = request(judges, "fair")
    judged(judges, lease, made)
    calls = judges.store.get_folder(judges.catalog.model("fair").uri) / "calls.txt"
    before = calls.read_text(encoding="utf-8")
    judged(judges, lease, made)
    assert calls.read_text(encoding="utf-8") == before


def test_questions_that_are_too_long_are_counted(judges: Services, lease: Lease) -> None:
    (report,) = judged(judges, lease, request(judges, "narrow"))
    counts = report.criteria[0].counts
    assert 0 < counts.too_long < counts.asked
    assert counts.read + counts.unreadable + counts.too_long == counts.asked == 2 * N


def test_single_ratings_of_one_model(judges: Services, lease: Lease) -> None:
    made = request(judges, "mute", pairwise=False, repeats=2, criteria=(HELPFUL, built_in("Refusal")), attempts=0)
    given = responses(judges, 5)
    alone = replace(given, names=("base",), models=given.models[:1], texts=given.texts[:1])
    (report,) = judge(judges, lease, judges.engines(), made, alone, "judge", 0).reports
    assert [len(one.scores) for one in report.criteria] == [1, 1]
    assert [one.counts.asked for one in report.criteria] == [10, 10]


def test_length_is_told_from_quality(judges: Services, lease: Lease) -> None:
    given = responses(judges)
    good: Sequence[Any] = [np.array([float("good" in (text or "")) for text in texts]) for texts in given.texts]
    made = request(judges, "fair")
    given = replace(given, quality=Quality("Gold", good))
    (report,) = judge(judges, lease, judges.engines(), made, given, "judge", 0).reports
    (check,) = (one for one in report.biases if one.kind == "length")
    assert check.adjusted
    assert "difference in Gold" in check.definition


def test_a_model_that_judges_itself_is_named(judges: Services, lease: Lease) -> None:
    (report,) = judged(judges, lease, request(judges, "tuned", attempts=0), n=3)
    assert report.own == ("tuned",)


def test_a_judge_that_was_changed_is_refused(judges: Services, lease: Lease) -> None:
    made = request(judges, "fair", identities=(Identity("other", "", ""),))
    with pytest.raises(UserError, match="fair"):
        judged(judges, lease, made)


def test_a_judge_may_run_elsewhere(judges: Services, lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a remote judge said is paid for once, and its cost is in the report."""
    made = request(judges, "fair")
    with ModelServer(judge_by_quality(0.8)) as server:
        monkeypatch.setattr("outcrop.services.Engines.open", lambda *_: engine_at(server))
        (report,) = judged(judges, lease, made)
        asked = sum(server.asked.values())
        assert judged(judges, lease, made) == (report,)
        assert sum(server.asked.values()) == asked == 2 * N
    assert report.criteria[0].reliability is Reliability.RELIABLE
    assert report.figures["cost"] > 0
