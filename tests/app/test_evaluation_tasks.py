"""Evaluation jobs of every task type, by models that answer by a script; what the scripts make of the data by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.app.evaluation import DatasetChoice, reports_of, submit_evaluation
from outcrop.app.judging import JudgeChoice
from outcrop.domain.errors import InvalidInput, NotFound
from outcrop.domain.scores import Report, Score
from outcrop.evaluation.tasks import TASKS
from tests.doubles import add_scripted, keep_roof, questions, write_lines


def evaluate(outcrop: Outcrop, models: Any, data: Path, task: str, **given: Any) -> Report:
    report = outcrop.evaluate(models, data=data, task=task, **given)
    assert isinstance(report, Report)
    return report


def values(report: Report) -> dict[tuple[str, str], float | None]:
    return {(score.model, score.metric): score.value for score in report.scores}


def first(report: Report) -> Score:
    return report.scores[0]


ANIMALS = [
    {"prompt": "barks", "referenceResponse": "dog"},
    {"prompt": "mews", "referenceResponse": "cat"},
    {"prompt": "purrs", "referenceResponse": "cat"},
    {"prompt": "howls", "referenceResponse": "dog"},
]


def test_a_classification_by_what_is_written(here: Outcrop, tmp_path: Path) -> None:
    data = write_lines(tmp_path / "data.jsonl", ANIMALS)
    patterns = [["^barks", "A dog."], ["^howls", "cat, I think"], ["^purrs", "no idea"], ["^mews", "CAT"]]
    add_scripted(here, tmp_path, "m", patterns=patterns)
    report = evaluate(here, "m", data, "classification", asked="generate")
    assert values(report)["m", "accuracy"] == pytest.approx(0.5)
    assert report.prompting["asked"] == "generate"
    lines = here.services.store.read(f"jobs/{report.job}/records.jsonl").decode().splitlines()
    assert [json.loads(line)["models"]["m"]["response"] for line in lines] == [
        "A dog.",
        "CAT",
        "no idea",
        "cat, I think",
    ]


def test_a_classification_by_log_likelihood(here: Outcrop, tmp_path: Path) -> None:
    # The script gives every character the same probability, so that shorter labels are likelier.
    data = write_lines(tmp_path / "data.jsonl", [*ANIMALS, {"prompt": "neighs", "referenceResponse": "horse"}])
    add_scripted(here, tmp_path, "m")
    report = evaluate(here, "m", data, "classification", metrics=["accuracy", "log_loss"])
    # Of "cat" and "dog", equally likely, the first is taken.
    assert values(report)["m", "accuracy"] == pytest.approx(2 / 5)
    assert first(report).signature.startswith("accuracy|")
    assert "|asked:choose|chat:yes|shots:0|template:" in first(report).signature
    assert report.models[0].efficiency["scored_tokens"] == 15


def test_multiple_choice(here: Outcrop, tmp_path: Path) -> None:
    records = [
        {"prompt": "Gneiss is", "choices": ["a rock", "a flowering plant"], "referenceResponse": "a rock"},
        {
            "prompt": "Moss is",
            "choices": ["a rock", "a plant of shady places"],
            "referenceResponse": "a plant of shady places",
        },
    ]
    add_scripted(here, tmp_path, "m")
    report = evaluate(here, "m", write_lines(tmp_path / "data.jsonl", records), "multiple-choice")
    found = values(report)
    assert found["m", "choice_accuracy"] == pytest.approx(0.5)
    assert report.prompting["chat"] is False
    # Each character, the space before the choice too, costs one nat.
    assert found["m", "choice_probability"] == pytest.approx(0.5, abs=1e-4)


def test_perplexity_of_texts(here: Outcrop, tmp_path: Path) -> None:
    data = write_lines(tmp_path / "data.jsonl", [{"text": "abcd"}, {"text": "ab cdefg"}])
    add_scripted(here, tmp_path, "m", logprob_per_character=-0.5)
    report = evaluate(here, "m", data, "perplexity")
    assert values(report)["m", "bits_per_byte"] == pytest.approx(0.5 / 0.6931471805599453)
    assert report.primary == "bits_per_byte"


def test_extraction(here: Outcrop, tmp_path: Path) -> None:
    data = write_lines(tmp_path / "data.jsonl", [{"prompt": "p", "references": ["#1", "#2"]}])
    add_scripted(here, tmp_path, "m", responses={"p": '["#2", "#3", "#1"]'})
    assert values(evaluate(here, "m", data, "extraction"))["m", "item_f1"] == pytest.approx(0.8)


def test_questions_with_several_right_answers(here: Outcrop, tmp_path: Path) -> None:
    data = write_lines(tmp_path / "data.jsonl", [{"prompt": "Who?", "references": ["Goethe", "von Goethe"]}])
    add_scripted(here, tmp_path, "m", patterns=[["Who\\?", "von Goethe"]])
    found = values(evaluate(here, "m", data, "question-answering"))
    assert found["m", "exact_match"] == found["m", "token_f1"] == 1


@pytest.mark.parametrize("task", ["generation", "translation", "custom"])
def test_the_other_tasks_that_write(here: Outcrop, tmp_path: Path, task: str) -> None:
    add_scripted(here, tmp_path, "m", patterns=[["Question (\\d+)", "rock \\1"]])
    report = evaluate(here, "m", questions(tmp_path / "data.jsonl", 6), task)
    assert {score.metric for score in report.scores} == set(TASKS[task].metrics)
    assert all(score.n_scored == 6 for score in report.scores)


def test_own_templates_and_examples_reach_the_model(here: Outcrop, tmp_path: Path) -> None:
    data = questions(tmp_path / "data.jsonl", 2)
    examples = write_lines(tmp_path / "train.jsonl", [{"prompt": "E", "referenceResponse": "rock E"}])
    add_scripted(here, tmp_path, "m", echo_words=20)
    given: dict[str, Any] = {"shots": 1, "examples": examples, "template": "Now {{prompt}} ({{category}})"}
    report = evaluate(here, "m", data, "custom", chat=False, **given)
    lines = here.services.store.read(f"jobs/{report.job}/records.jsonl").decode().splitlines()
    assert [json.loads(line)["models"]["m"]["response"] for line in lines] == [
        f"Now E () rock E Now Question {place} about rock ({'ab'[place]})" for place in range(2)
    ]


def test_records_of_one_cluster_widen_the_interval(here: Outcrop, tmp_path: Path) -> None:
    records = [
        {"prompt": f"Question {place}", "referenceResponse": "yes" if place // 10 % 2 else "no"} for place in range(100)
    ]
    add_scripted(here, tmp_path, "m", patterns=[["Question", "yes"]])
    alone = first(evaluate(here, "m", write_lines(tmp_path / "a.jsonl", records), "custom", metrics=["exact_match"]))
    together = [{**record, "cluster": f"page {place // 10}"} for place, record in enumerate(records)]
    clustered = first(
        evaluate(here, "m", write_lines(tmp_path / "b.jsonl", together), "custom", metrics=["exact_match"])
    )
    assert alone.value == clustered.value == pytest.approx(0.5)
    assert None not in (alone.low, alone.high, clustered.low, clustered.high)
    assert clustered.high - clustered.low > 2 * (alone.high - alone.low)  # type: ignore[operator]


def test_responses_that_the_data_brings_along(here: Outcrop, tmp_path: Path) -> None:
    records = [
        {
            "prompt": f"Question {place}",
            "referenceResponse": "yes",
            "modelResponses": [{"response": "yes" if place else "no", "modelIdentifier": "theirs"}]
            if place < 9
            else [],
        }
        for place in range(10)
    ]
    data = write_lines(tmp_path / "data.jsonl", records)
    add_scripted(here, tmp_path, "m", patterns=[["Question", "no"]])
    report = evaluate(here, ["m"], data, "custom", metrics=["exact_match"], stored=["theirs"])
    mine, theirs = report.scores
    assert mine.value == 0
    assert theirs.value == pytest.approx(8 / 9)
    assert (theirs.n_scored, theirs.n_given) == (9, 10)
    assert [model.kind for model in report.models] == ["base", "stored responses"]
    assert report.comparisons[0].n == 9
    alone = evaluate(here, [], data, "custom", metrics=["exact_match"], stored=["theirs"])
    assert [score.model for score in alone.scores] == ["theirs"]


def test_several_datasets_in_one_job(here: Outcrop, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    datasets = [
        DatasetChoice(questions(tmp_path / "data.jsonl", 4), "custom", ["exact_match"]),
        DatasetChoice(questions(tmp_path / "other" / "data.jsonl", 6), "summarization"),
    ]
    add_scripted(here, tmp_path, "m", patterns=[["Question (\\d+)", "rock \\1"]])
    job = here.jobs.wait(submit_evaluation(here.services, ["m"], datasets, name="both").id)
    one, two = reports_of(job)
    assert [(one.dataset, one.n_records), (two.dataset, two.n_records)] == [("data", 4), ("data-2", 6)]
    places = here.jobs.report_files(job)
    assert [Path(place).parent.name for place in places] == ["data", "data-2"]
    assert all(Path(place).is_file() for place in places)


def test_what_perturbed_prompts_cost(here: Outcrop, tmp_path: Path) -> None:
    # One model reads capitals and small letters alike; the other knows only capitals.
    data = questions(tmp_path / "data.jsonl", 40)
    add_scripted(here, tmp_path, "sure", patterns=[["(?i)question (\\d+)", "rock \\1"]])
    add_scripted(here, tmp_path, "touchy", patterns=[["Question (\\d+)", "rock \\1"]])
    report = evaluate(
        here, ["sure", "touchy"], data, "custom", metrics=["exact_match"], robustness=["lower_case", "numbers_in_words"]
    )
    assert report.robustness is not None
    drops = {(score.model, score.metric): score.value for score in report.robustness.scores}
    assert drops["sure", "drop_exact_match:lower_case"] == 0
    assert drops["touchy", "drop_exact_match:lower_case"] == 1
    # In words no number is found, so that the first eight words come back.
    assert drops["sure", "drop_exact_match:numbers_in_words"] == 1
    assert drops["touchy", "drop_exact_match:lower_case+numbers_in_words"] == 1
    assert report.robustness.n_prompts == 80
    worse = {one.metric: one.difference for one in report.robustness.comparisons}
    assert worse["drop_exact_match:lower_case"] == 1
    assert report.robustness.examples[0] == ("lower_case", "Question 0 about rock", "question 0 about rock")
    folder = f"jobs/{report.job}"
    for name in ("report.html", "report.md"):
        page = here.services.store.read(f"{folder}/{name}").decode()
        assert "Robustness" in page
        assert "question 0 about rock" in page or name == "report.md"


def test_bedrocks_robustness_of_answers(here: Outcrop, tmp_path: Path) -> None:
    data = write_lines(tmp_path / "data.jsonl", [{"prompt": f"Who? {n}", "referenceResponse": "Me"} for n in range(30)])
    add_scripted(here, tmp_path, "m", patterns=[["Who", "Me"], ["who", "Me too"]])
    metrics = ["Builtin.Accuracy", "Builtin.Robustness"]
    report = evaluate(here, "m", data, "question-answering", metrics=metrics, robustness=["lower_case"])
    assert report.robustness is not None
    scores = {score.metric: score for score in report.robustness.scores}
    # F1 over words falls from 1 to 2/3, so by a third of the score.
    assert scores["Builtin.Robustness"].value == pytest.approx(100 / 3)
    assert scores["Builtin.Robustness"].unit == "%"
    assert [score.metric for score in report.scores] == ["Builtin.Accuracy"]


def test_labels_under_perturbed_prompts(here: Outcrop, tmp_path: Path) -> None:
    data = write_lines(tmp_path / "data.jsonl", [{**one, "prompt": one["prompt"].title()} for one in ANIMALS * 10])
    add_scripted(here, tmp_path, "m", patterns=[["Barks|Howls", "a dog"], ["", "cat"]])
    report = evaluate(here, "m", data, "classification", asked="generate", robustness=["lower_case"])
    assert report.robustness is not None
    assert [score.value for score in report.robustness.scores] == [pytest.approx(0.5)]


def test_categories_beside_the_others(here: Outcrop, tmp_path: Path) -> None:
    records = [
        {"prompt": f"Question {place}", "referenceResponse": "yes" if place % 2 else "no", "category": "ab"[place % 2]}
        for place in range(60)
    ]
    add_scripted(here, tmp_path, "m", patterns=[["Question", "yes"]])
    data = write_lines(tmp_path / "data.jsonl", records)
    report = evaluate(here, "m", data, "custom", metrics=["exact_match"])
    (gap,) = report.gaps
    assert (gap.model, gap.value, gap.others, gap.n, gap.n_others) == (
        "m",
        *((1, 0) if gap.group == "b" else (0, 1)),
        30,
        30,
    )
    assert gap.p_holm is not None
    assert gap.p_holm < 0.001
    assert "beside the others" in here.services.store.read(f"jobs/{report.job}/report.html").decode()


def test_records_as_bedrock_writes_them(here: Outcrop, tmp_path: Path) -> None:
    data = questions(tmp_path / "data.jsonl", 4)
    add_scripted(here, tmp_path, "m", patterns=[["Question [01]", "rock 0"]])
    report = evaluate(
        here, "m", data, "question-answering", name="qa", metrics=["Builtin.Accuracy"], output=tmp_path / "out"
    )
    (file,) = (tmp_path / "out").rglob("*_output.jsonl")
    below = f"out/qa/{report.job}/models/m/taskTypes/QuestionAndAnswer/datasets/data"
    assert file.parent == tmp_path / below
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line["automatedEvaluationResult"]["scores"] for line in lines[:2]] == [
        [{"metricName": "Builtin.Accuracy", "result": 1.0}],
        [{"metricName": "Builtin.Accuracy", "result": 0.5}],
    ]
    assert lines[0]["inputRecord"] == {
        "prompt": "Question 0 about rock", "referenceResponse": "rock 0", "category": "a"
    }  # fmt: skip
    assert lines[0]["modelResponses"] == [{"modelIdentifier": "m", "response": "rock 0", "stopReason": "end_turn"}]


def test_some_records_of_many(here: Outcrop, tmp_path: Path) -> None:
    add_scripted(here, tmp_path, "m", patterns=[["Question (\\d+)", "rock \\1"]])
    data = questions(tmp_path / "data.jsonl", 30)
    given: dict[str, Any] = {"metrics": ["exact_match"]}

    def lines(limit: int, seed: int = 0) -> list[int]:
        report = evaluate(here, "m", data, "custom", limit=limit, seed=seed, **given)
        assert (report.n_records, first(report).n_given) == (limit, limit)
        kept = here.services.store.read(f"jobs/{report.job}/records.jsonl").decode().splitlines()
        return [json.loads(line)["line"] for line in kept]

    few, more = lines(5), lines(9)
    assert few == sorted(few)
    assert set(few) < set(more)
    assert lines(5, seed=1) != few


def test_what_a_thousand_responses_cost(here: Outcrop, tmp_path: Path) -> None:
    add_scripted(here, tmp_path, "m", delay=0.01)
    data = questions(tmp_path / "data.jsonl", 4)
    report = evaluate(here, "m", data, "custom", metrics=["exact_match"], price_per_hour=36.0)
    figures = report.models[0].efficiency
    # 36 an hour are 0.01 a second: a thousandth of 1,000 responses' seconds, here for four.
    assert figures["cost_per_1000"] == pytest.approx(1000 * 0.01 * figures["seconds"] / 4)
    assert figures["seconds"] >= 0.04
    assert 0.01 <= figures["latency_p50"] <= figures["latency_p90"] <= figures["latency_p99"] <= figures["seconds"]


def submit(outcrop: Outcrop, data: Path, task: str = "custom", **given: Any) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        outcrop.evaluate("m", data=data, task=task, wait=False, **given)
    assert outcrop.jobs.list() == []
    return [str(fault).partition("data.jsonl")[2] or str(fault) for fault in caught.value.faults]


def test_what_is_refused_before_the_job_begins(idle: Outcrop, tmp_path: Path) -> None:
    data = questions(tmp_path / "data.jsonl", 3)
    add_scripted(idle, tmp_path, "m")
    assert submit(idle, data, template="no variable", asked="choose", shots=2) == [
        "template: prompt: found no {{prompt}} in it; expected a text with {{prompt}}",
        "request: asked: found 'choose'; expected one of generate for custom",
        "request: shots: found 2 with no examples; expected 1 or more and a file of examples, or neither",
    ]
    (fault,) = submit(idle, data, shots=4, examples=data)
    assert fault == ": found 3 records with a reference; expected 4 or more, as many as shots"
    assert submit(idle, data, "multiple-choice") == [
        ":1: choices: found no choices in 3 records; expected choices in every record: the task type asks for them"
    ]
    assert submit(idle, data, stored=["x"]) == [
        ': modelResponses: found none of "x"; expected one of no stored responses in the data'
    ]
    alike = write_lines(tmp_path / "data.jsonl", [{"prompt": "p", "referenceResponse": "x"}] * 3)
    assert submit(idle, alike, "classification") == [
        ': referenceResponse: found the label "x" alone; expected 2 to 1,000 labels'
    ]
    with pytest.raises(
        NotFound, match="No metric of this task type is named 'rougeL'; expected one of choice_accuracy"
    ):
        idle.evaluate("m", data=data, task="multiple-choice", metrics=["rougeL"], wait=False)


def test_chance_is_asked_about_too_where_a_model_samples(here: Outcrop, tmp_path: Path) -> None:
    data = questions(tmp_path / "data.jsonl", 3)
    add_scripted(here, tmp_path, "m", calls="calls.txt")
    metrics = ["Builtin.Robustness", "inclusion"]
    report = evaluate(here, "m", data, "generation", metrics=metrics, robustness=["lower_case"], temperature=0.5)
    assert report.robustness is not None
    (builtin,) = (score for score in report.robustness.scores if score.metric == "Builtin.Robustness")
    assert "less:repeats" in builtin.signature
    folder = here.services.store.get_folder(here.models.show("m").uri)
    # Three records, their three variants, and each record three times more.
    assert len((folder / "calls.txt").read_text(encoding="utf-8").splitlines()) == 3 + 3 + 9


def test_what_the_tree_of_tokens_saved_stands_in_the_report(here: Outcrop, tmp_path: Path, tiny_folder: Path) -> None:
    here.models.add(str(tiny_folder), "tiny")
    data = write_lines(tmp_path / "data.jsonl", ANIMALS)
    report = evaluate(here, "tiny", data, "classification", template="{{prompt}}?", chat=False)
    figures = report.models[0].efficiency
    assert (figures["trie_efficiency"], figures["padding_share"]) == (1, 0)
    texts = [f"{animal['prompt']}?" for animal in ANIMALS]
    alone = [len(f"{text} {label}") - 1 for text in texts for label in ("dog", "cat")]
    assert figures["trie_saved_share"] == pytest.approx(1 - len(set_of_beginnings(texts)) / sum(alone))


def set_of_beginnings(texts: list[str]) -> set[str]:
    """What must run at least once: every beginning of a text with a label, but for the last token."""
    whole = [f"{text} {label}"[:-1] for text in texts for label in ("dog", "cat")]
    return {text[:length] for text in whole for length in range(1, len(text) + 1)}


def test_a_model_answers_a_batch_once(here: Outcrop, tmp_path: Path, tiny_folder: Path) -> None:
    here.models.add(str(tiny_folder), "tiny")
    keep_roof(here.services.settings.home)
    data = questions(tmp_path / "data.jsonl", 3)
    given: dict[str, Any] = {"metrics": ["exact_match", "length_ratio"], "max_tokens": 4}

    def kept(report: Report) -> bool:
        lines = [line.text for line in here.services.catalog.log_lines(report.job)]
        return "tiny: 3 responses were kept from an earlier job" in lines

    first_time = evaluate(here, "tiny", data, "custom", **given)
    again = evaluate(here, "tiny", data, "custom", **given)
    other = evaluate(here, "tiny", data, "custom", **{**given, "max_tokens": 5})
    assert [kept(report) for report in (first_time, again, other)] == [False, True, False]
    assert first_time.scores == again.scores
    assert first_time.models[0].efficiency == again.models[0].efficiency
    assert "latency_p99" in again.models[0].efficiency


TABLE = 'question,answer,topic\n"Question 0, about rock",rock 0,a\nQuestion 1 about rock,rock 1,b\n'
COLUMNS = "prompt=question,reference=answer,category=topic"


def test_a_table_with_other_columns_is_read_by_their_names(here: Outcrop, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(TABLE, encoding="utf-8")
    add_scripted(here, tmp_path, "m", patterns=[["Question (\\d)", "rock \\1"]])
    data, metrics = tmp_path / "table.csv", ["exact_match"]
    examples = {"shots": 1, "examples": data}
    report = evaluate(here, "m", data, "custom", columns=COLUMNS, metrics=metrics, **examples)
    assert (first(report).value, report.n_records) == (1, 2)
    assert report.prompting["columns"] == COLUMNS
    line = json.loads(here.services.store.read(f"jobs/{report.job}/records.jsonl").decode().splitlines()[0])
    assert (line["prompt"], line["reference"], line["category"]) == ("Question 0, about rock", "rock 0", "a")
    named = {"prompt": "question", "reference": "topic"}
    other = evaluate(here, "m", data, "custom", columns=named, metrics=metrics, **examples)
    assert first(other).value == 0
    # The file is the same, and what was right is not.
    with pytest.raises(InvalidInput, match=r"prompting\.columns"):
        here.compare(report.job, other.job)


def test_columns_that_are_not_there_are_refused(idle: Outcrop, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    write_lines(data, [{"question": "why?", "answer": "so"}])
    add_scripted(idle, tmp_path, "m")
    assert submit(idle, data, columns="prompt=question,reference=reply", metrics=["exact_match"]) == [
        ": reply: found no such column in any row; expected the column of reference"
    ]
    (fault,) = submit(idle, data, columns="question")
    assert fault.startswith("columns: found")


def test_labels_and_people_are_read_from_a_table_too(here: Outcrop, tmp_path: Path) -> None:
    data = tmp_path / "table.csv"
    data.write_text("noise,animal\nbarks,dog\nmews,cat\n", encoding="utf-8")
    add_scripted(here, tmp_path, "m")
    columns = "prompt=noise,reference=animal"
    report = evaluate(here, "m", data, "classification", columns=columns)
    assert report.n_records == 2
    add_scripted(here, tmp_path, "judge", patterns=[["", '{"rating": "5"}']])
    labels = [{"line": line, "model": "m", "criterion": "Helpfulness", "rating": 5} for line in (2, 3)]
    people = write_lines(tmp_path / "people.jsonl", labels)
    judging = JudgeChoice(["judge"], ["Helpfulness"], repeats=1, people=people)
    judged = evaluate(here, "m", data, "custom", columns=columns, metrics=["exact_match"], judging=judging)
    (criterion,) = judged.judges[0].criteria
    assert next(one.n for one in criterion.agreements if one.between == "people") == 2
