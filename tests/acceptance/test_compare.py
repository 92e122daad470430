"""Models compared across evaluation jobs: a known regression comes first, gates decide, unlike jobs are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.app.evaluation import DatasetChoice, reports_of, submit_evaluation
from outcrop.cli.program import program
from outcrop.domain.errors import InvalidInput
from outcrop.domain.scores import Outcome, Report
from outcrop.metrics import rouge
from tests.doubles import HereRunner, add_scripted, keep_roof, patch_runner, questions, write_lines

Run = Callable[..., dict[str, Any]]

#: What each model writes about news and about mail: of the reference "rock N is grey" as much as it gets right.
SCRIPTS = {
    "base": ("rock \\1 is", "rock \\1 is"),
    "good": ("rock \\1 is grey", "rock \\1 is grey"),
    "mixed": ("no", "rock \\1 is grey"),
}


def evaluate(outcrop: Outcrop, name: str, models: list[str], data: Path, **given: Any) -> Report:
    metrics = ["rougeL", "length_ratio"]
    found = outcrop.evaluate(models, data=data, task="summarization", metrics=metrics, name=name, **given)
    assert isinstance(found, Report)
    return found


def records(kind: str) -> list[dict[str, str]]:
    """Forty records in two categories."""
    return [
        {
            "prompt": f"{kind} {place}",
            "referenceResponse": f"rock {place} is grey{' and old' * (place % 3)}",
            "category": "ab"[place % 2],
        }
        for place in range(40)
    ]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two datasets."""
    folder = tmp_path_factory.mktemp("data")
    for kind in ("News", "Mail"):
        write_lines(folder / f"{kind.lower()}.jsonl", records(kind))
    return folder


@pytest.fixture(scope="module")
def done(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which three models were evaluated, each dataset in jobs of its own; on news, one per candidate."""
    folder = tmp_path_factory.mktemp("done")
    keep_roof(folder / "home")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OUTCROP_HOME", str(folder / "home"))
        patch_runner(patched, HereRunner())
        with Outcrop() as outcrop:
            for name, (news, mail) in SCRIPTS.items():
                add_scripted(outcrop, folder, name, patterns=[["News (\\d+)", news], ["Mail (\\d+)", mail]])
            evaluate(outcrop, "news-good", ["base", "good"], data / "news.jsonl")
            evaluate(outcrop, "news-mixed", ["base", "mixed"], data / "news.jsonl")
            evaluate(outcrop, "mail-all", ["base", "good", "mixed"], data / "mail.jsonl")
    return folder / "home"


@pytest.fixture
def jobs(done: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of these jobs, in a home of the test's own."""
    shutil.copytree(done, home)
    patch_runner(monkeypatch, HereRunner())
    return ["news-good", "news-mixed", "mail-all"]


@pytest.fixture
def outcrop(jobs: list[str], home: Path) -> Iterator[Outcrop]:
    """The Python API on that home."""
    with Outcrop(home) as opened:
        yield opened


@pytest.fixture
def compare(jobs: list[str], capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command on the three jobs with --json; its document."""

    def call(*options: str, code: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        assert program(["compare", *jobs, *options, "--json"]) == code, capsys.readouterr()
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return call


def test_the_known_regression_comes_first(outcrop: Outcrop, jobs: list[str]) -> None:
    found = outcrop.compare(*jobs)
    assert found.models == ("base", "good", "mixed")
    assert [dataset.name for dataset in found.datasets] == ["news", "mail"]
    assert [dataset.primary for dataset in found.datasets] == ["rougeL", "rougeL"]
    first, *others = found.contrasts
    assert (first.dataset, first.comparison.candidate) == ("news", "mixed")
    assert first.comparison.high is not None
    assert first.comparison.high < 0
    assert {(one.dataset, one.comparison.candidate) for one in others} == {
        ("news", "good"),
        ("mail", "good"),
        ("mail", "mixed"),
    }
    assert all(one.comparison.low is not None and one.comparison.low > 0 for one in others)
    assert [verdict.outcome for verdict in found.verdicts] == [Outcome.WORSE, Outcome.BETTER]
    assert found.verdicts[0].headline.startswith("“mixed” is worse than “base” on 1 of 2 datasets: news (ROUGE-L −")
    assert found.ranks is not None
    assert found.ranks.models[0].model == "good"
    assert {(one.group, one.candidate) for one in found.datasets[0].groups} == {
        (group, model) for group in "ab" for model in ("good", "mixed")
    }
    assert found.notes == ("news: job news-mixed has base again, with the same scores; the first job’s count.",)


def test_what_one_job_says_is_what_several_say(outcrop: Outcrop, jobs: list[str], data: Path) -> None:
    """The scores and differences of a job are those of its column, whichever job its rows come from."""
    whole = evaluate(outcrop, "news-all", ["base", "good", "mixed"], data / "news.jsonl")
    column = outcrop.compare(*jobs).datasets[0]
    # A report's signatures say how the models were asked, too; a column says that once.
    scores = [replace(one, signature=one.signature.partition("|asked:")[0]) for one in whole.scores]
    assert sorted(column.scores, key=repr) == sorted(scores, key=repr)
    assert column.conditions["prompting.asked"] == "generate"
    assert column.conditions["generation.temperature"] == 0
    assert [replace(one, p_holm=None) for one in column.comparisons] == [
        replace(one, p_holm=None) for one in whole.comparisons
    ]


def test_the_document_and_the_files(compare: Run, tmp_path: Path) -> None:
    page, text = tmp_path / "page.html", tmp_path / "page.md"
    found = compare("--html", str(page), "--markdown", str(text), "--detect", "0.02")
    assert found["contrasts"][0]["comparison"]["candidate"] == "mixed"
    assert all(contrast["detectable"]["records"] > 1 for contrast in found["contrasts"])
    for written in (page, text):
        told = written.read_text(encoding="utf-8")
        assert 0 < told.index("is worse than") < told.index("is better than")


def test_what_a_person_sees(jobs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["compare", *jobs]) == 0
    spoken = capsys.readouterr()
    lines = spoken.out.splitlines()
    assert lines[0].startswith("WORSE  “mixed” is worse than “base” on 1 of 2 datasets")
    assert any(line.startswith("“mixed”: With 40 records of news you can detect a difference of") for line in lines)
    assert "the first job’s count" in spoken.err


def test_gates_decide_the_exit_code(compare: Run) -> None:
    passed = compare("--fail-if", "rougeL drop > 0.01 on mail", "--fail-if", "rougeL shown drop > 0.9")
    assert [gate["failed"] for gate in passed["gates"]] == [False, False]
    failed = compare("--fail-if", "rougeL drop > 0.01", "--fail-if", "rougeL < 0.1 on mail", code=3)
    assert [gate["failed"] for gate in failed["gates"]] == [True, False]
    assert failed["gates"][0]["why"].startswith("mixed on news: drop ")


def test_gates_that_are_none_are_refused_at_once(compare: Run) -> None:
    error = compare("--fail-if", "rougel drop > 0.01", "--fail-if", "rougeL rise > 0.1", code=2)["error"]
    assert [fault["found"] for fault in error["faults"]] == [
        "the metric 'rougel'",
        "a condition that the better model meets (higher is better)",
    ]
    error = compare("--fail-if", "rougeL drop => 0.01", "--detect", "0", code=2)["error"]
    assert [fault["field"] for fault in error["faults"]] == ["'rougeL drop => 0.01' character 13"]


def test_another_baseline_and_metric(compare: Run) -> None:
    found = compare("--baseline", "good", "--metrics", "length_ratio")
    assert found["models"] == ["good", "base", "mixed"]
    assert {contrast["comparison"]["metric"] for contrast in found["contrasts"]} == {"length_ratio"}
    assert found["ranks"] is None


def test_unlike_jobs_are_refused_by_the_field(
    outcrop: Outcrop, jobs: list[str], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = rouge.rouge_l
    monkeypatch.setattr(
        rouge, "rouge_l", lambda: replace(made(), signature=made().signature.replace("stem:yes", "stem:no"))
    )
    assert made().signature != rouge.rouge_l().signature
    evaluate(outcrop, "other", ["base", "mixed"], data / "news.jsonl", max_tokens=64, seed=7)
    with pytest.raises(InvalidInput) as caught:
        outcrop.compare(*jobs, "other")
    assert [(fault.where, fault.field, fault.found) for fault in caught.value.faults] == [
        ("job other", "generation.max_tokens", "64"),
        ("job other", "signature of rougeL, stem", "no"),
    ]


def test_other_data_are_refused(outcrop: Outcrop, jobs: list[str], tmp_path: Path) -> None:
    add_scripted(outcrop, tmp_path, "other")
    evaluate(outcrop, "other", ["other"], questions(tmp_path / "test.jsonl", 6))
    with pytest.raises(InvalidInput, match="other on what base was evaluated on"):
        outcrop.compare(*jobs, "other")


def test_data_that_were_added_to_are_matched_by_record(outcrop: Outcrop, tmp_path: Path) -> None:
    news = write_lines(tmp_path / "new.jsonl", records("News"))
    evaluate(outcrop, "before", ["base", "good"], news)
    write_lines(news, [*records("News")[:9:-1], *records("News")[:1], *records("Mail")[:2]])
    add_scripted(outcrop, tmp_path, "newer", patterns=[["(\\d+)", "rock \\1 is grey"]])
    evaluate(outcrop, "after", ["newer"], news)
    (column,) = outcrop.compare("before", "after").datasets
    # Thirty-one records are in both files, nine in the first alone, two in the second.
    assert (column.n_records, column.n_left_out) == (31, 11)
    # It says what "good" says, so it differs from the baseline as that does, record by record.
    good, newer = (one for one in column.comparisons if one.metric == "rougeL")
    assert (newer.difference, newer.low, newer.high) == (good.difference, good.low, good.high)


def test_a_job_of_several_datasets_and_task_types(outcrop: Outcrop, data: Path, tmp_path: Path) -> None:
    """Columns come in the order of the request; metrics of labels and of likelihoods are scored from what is kept."""
    labels = [
        {"prompt": f"Stone {place}", "referenceResponse": ("rock", "sand", "clay")[place % 3]} for place in range(30)
    ]
    texts = [{"prompt": f"Stone {place} lies {'there ' * (place % 5)}still."} for place in range(12)]
    choices = [
        DatasetChoice(write_lines(tmp_path / "texts.jsonl", texts), "perplexity"),
        DatasetChoice(write_lines(tmp_path / "labels.jsonl", labels), "classification", asked="generate"),
        DatasetChoice(data / "news.jsonl", "summarization", ("rougeL",)),
    ]
    for name, answers in (("always rock", "It is rock."), ("sometimes clay", "clay")):
        add_scripted(outcrop, tmp_path, name.split()[1], patterns=[["Stone \\d*0", answers], ["Stone", "rock"]])
    for job, model in (("first", "rock"), ("second", "clay")):
        outcrop.jobs.wait(submit_evaluation(outcrop.services, [model], choices, name=job).id)
    found = outcrop.compare("first", "second")
    assert [(one.name, one.primary) for one in found.datasets] == [
        ("texts", "bits_per_byte"),
        ("labels", "accuracy"),
        ("news", "rougeL"),
    ]
    # Each script has tokens of its own.
    assert len(found.notes) == 1
    assert found.notes[0].startswith("texts: token_perplexity is left out: its signature has tokenizer ")
    by_metric = {(one.metric, one.model): one.value for one in found.datasets[1].scores}
    # Of thirty stones 0, 10 and 20 differ: a rock that is lost, a sand that stays wrong, a clay that is won.
    assert (by_metric["accuracy", "rock"], by_metric["accuracy", "clay"]) == pytest.approx((10 / 30, 10 / 30))
    # F1 of rock 10·2/(10 + 30) with every stone called rock; then rock 9·2/(10 + 27), clay 1·2/(10 + 3).
    assert by_metric["macro_f1", "rock"] == pytest.approx((20 / 40) / 3)
    assert by_metric["macro_f1", "clay"] == pytest.approx((18 / 37 + 2 / 13) / 3)
    (texts_report, *_) = reports_of(outcrop.jobs.show("first"))
    assert [(one.metric, one.value) for one in texts_report.scores if one.metric != "token_perplexity"] == [
        (one.metric, one.value) for one in found.datasets[0].scores if one.model == "rock"
    ]


def test_stored_responses_are_one_model_on_all_datasets(outcrop: Outcrop, jobs: list[str], tmp_path: Path) -> None:
    """Records that a file brings responses for are those of the other jobs, though the file is another one."""
    choices = []
    for kind in ("News", "Mail"):
        said = [{"modelIdentifier": "elsewhere", "response": "rock 1 is grey"}]
        lines = [{**record, "modelResponses": said} for record in records(kind)]
        choices.append(DatasetChoice(write_lines(tmp_path / f"{kind}.jsonl", lines), "summarization", ("rougeL",)))
    job = submit_evaluation(outcrop.services, ["base"], choices, name="brought", stored=["elsewhere"])
    outcrop.jobs.wait(job.id)
    found = outcrop.compare("brought")
    assert found.models == ("base", "elsewhere")
    assert [contrast.dataset for contrast in found.contrasts] == ["News", "Mail"]


def test_all_that_is_wrong_with_jobs_is_said_at_once(outcrop: Outcrop, jobs: list[str]) -> None:
    job = outcrop.jobs.show("news-good")
    outcrop.services.store.delete(f"jobs/{job.id}/rows.safetensors")
    with pytest.raises(InvalidInput) as caught:
        outcrop.compare("news-good", "mail-all", "mail-all")
    assert [(fault.where, fault.found) for fault in caught.value.faults] == [
        ("job news-good", "no rows.safetensors"),
        ("job mail-all", "the job a second time"),
    ]
    with pytest.raises(InvalidInput, match="one evaluation job or more"):
        outcrop.compare()
    with pytest.raises(InvalidInput, match="a difference above 0"):
        outcrop.compare("mail-all", detect=-1)


def test_a_file_that_can_not_be_written_is_said(compare: Run, tmp_path: Path) -> None:
    assert "can’t be written" in compare("--html", str(tmp_path / "no" / "page.html"), code=1)["error"]["message"]


def test_one_model_is_judged_by_its_value(outcrop: Outcrop, data: Path) -> None:
    evaluate(outcrop, "alone", ["base"], data / "news.jsonl")
    found = outcrop.compare("alone", fail_if=["rougeL < 0.9"])
    assert [gate.failed for gate in found.gates] == [True]
    assert (found.contrasts, found.verdicts, found.ranks) == ((), (), None)
