from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.protocol import Pair, TextMetric
from outcrop.metrics.rouge import lcs_length, lcs_places, rouge1, rouge2, rouge_l, rouge_lsum, rouge_n

from .doubles import FIXTURES, a_pair, rows_of, value_of, values_of

# rouge-score's values are stored with 12 digits; what is left is the rounding of two ways to write F1.
TOLERANCE = 1e-9
EXAMPLE = Path(__file__).parents[2] / "examples" / "debian-synopsis"

tokens = st.lists(st.sampled_from("abcd"), max_size=12)


def metrics(stem: bool) -> dict[str, TextMetric]:
    made = (rouge1(stem=stem), rouge2(stem=stem), rouge_n(3, stem=stem), rouge_l(stem=stem), rouge_lsum(stem=stem))
    return {metric.name: metric for metric in made}


def loaded(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("stem", [False, True])
@pytest.mark.parametrize("name", ["rouge1", "rouge2", "rouge3", "rougeL", "rougeLsum"])
@pytest.mark.parametrize("file", ["rouge_cases.json", "rouge_generated.json"])
def test_cases_equal_rouge_score(name: str, stem: bool, file: str) -> None:
    cases = loaded(file)["cases"]
    found = values_of(metrics(stem)[name], [(case["response"], case["reference"]) for case in cases])
    assert found == pytest.approx([case["f1"][name][stem] for case in cases], abs=TOLERANCE)


@pytest.mark.skipif(not EXAMPLE.exists(), reason="the example's records are not part of a source distribution")
@pytest.mark.parametrize("file", ["train", "validation", "test"])
@pytest.mark.parametrize("stem", [False, True])
def test_real_text_equals_rouge_score(file: str, stem: bool) -> None:
    expected = loaded("rouge_synopsis.json")["files"][file]
    content = (EXAMPLE / f"{file}.jsonl").read_bytes()
    assert hashlib.sha256(content).hexdigest() == expected["sha256"], "run tests/fixtures/metrics/make_rouge.py again"
    pairs = synopsis_pairs(content.decode())
    for name, metric in metrics(stem).items():
        assert values_of(metric, pairs) == pytest.approx(expected["f1"][name][stem], abs=TOLERANCE), name


def synopsis_pairs(text: str) -> list[tuple[str, str]]:
    """As in make_rouge.py: description and synopsis, the reverse, description and the next record's."""
    records = [json.loads(line) for line in text.splitlines()]
    described = [record["prompt"].split("\n\n", 1)[1] for record in records]
    pairs = []
    for place, record in enumerate(records):
        synopsis = record.get("referenceResponse") or record["completion"]
        following = described[(place + 1) % len(described)]
        this = described[place]
        pairs += [(this, synopsis), (synopsis, this), (this, following)]
    return pairs


def test_rows_hold_the_counts() -> None:
    assert rows_of(rouge1(), ("the the cat", "the dog sat on the mat")).tolist() == [[2, 3, 6]]
    assert rows_of(rouge2(), ("a b c", "b c d")).tolist() == [[1, 2, 2]]
    assert rows_of(rouge_l(), ("a b c d", "a c b d e")).tolist() == [[3, 4, 5]]


def test_lins_example_of_union_lcs() -> None:
    # Lin 2004, section 3.2: w1 w2 w3 w5 are hit, of 5 in the reference and 10 in the response. The paper's union has
    # w1 w2 from the first sentence and w1 w3 w5 from the second.
    response = "w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5"
    assert rows_of(rouge_lsum(), (response, "w1 w2 w3 w4 w5")).tolist() == [[4, 10, 5]]


@pytest.mark.parametrize(
    ("name", "response", "references", "expected"),
    [
        # From rouge-score's own tests, which state these beside what they took from ROUGE-1.5.5.
        ("rouge1", "testing", ["testing one two"], 1 / 2),
        ("rouge1", "text first", ["first text", "first something"], 1),
        ("rouge2", "text first", ["first text", "first something"], 0),
        ("rougeL", "text first", ["first text", "first something"], 0.5),
        ("rouge2", "testing one", ["testing one two"], 2 / 3),
        ("rougeL", "testing one", ["testing one two"], 4 / 5),
        ("rougeL", "testing two", ["testing one two"], 4 / 5),
        ("rouge1", "testing one", ["testing one two"], 4 / 5),
        ("rougeLsum", "Second sentence.\nFirst Sentence.", ["First sentence.\nSecond Sentence."], 1),
        ("rougeLsum", "Second sentence. First Sentence.", ["First sentence. Second Sentence."], 0.5),
        ("rougeLsum", "w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5", ["w1 w2 w3 w4 w5"], 8 / 15),
        ("rougeLsum", "", ["w1 w2 w3 w4 w5"], 0),
        ("rougeLsum", "/", ["w1 w2 w3 w4 w5"], 0),
    ],
)
@pytest.mark.parametrize("stem", [False, True])
def test_values_that_rouge_scores_tests_state(
    name: str, response: str, references: list[str], expected: float, stem: bool
) -> None:
    metric = metrics(stem)[name]
    assert metric.score(metric.prepare([Pair(response, tuple(references))])) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(("response", "places"), [([2, 5, 3, 4], [3, 2, 1]), ([8, 9], [])])
def test_places_that_rouge_scores_tests_state(response: list[int], places: list[int]) -> None:
    assert lcs_places([str(number) for number in range(1, 6)], [str(number) for number in response]) == places


def test_lsum_over_sentences_is_that_over_lines() -> None:
    response, reference = "It rained. Mr. Low left! Why?", "Why did Mr. Low leave? It was raining."
    by_hand = rouge_lsum().prepare(
        [a_pair(response.replace("! ", "!\n").replace("d. ", "d.\n"), reference[:22] + "\n" + reference[23:])]
    )
    assert rouge_lsum(split="sentences").prepare([a_pair(response, reference)]).tolist() == by_hand.tolist()
    assert rouge_lsum().prepare([a_pair(response, reference)]).tolist() != by_hand.tolist()


def test_lsum_spends_a_token_once() -> None:
    # Both reference sentences find the response's one "a"; the paper's formula would count two hits.
    assert rows_of(rouge_lsum(), ("a x", "a y\na z")).tolist() == [[1, 2, 4]]


def test_newlines_matter_to_lsum_only() -> None:
    response, reference = "b c\na", "a\nb c"
    assert value_of(rouge_lsum(), response, reference) == 1
    assert value_of(rouge_l(), response, reference) == pytest.approx(2 / 3)
    assert value_of(rouge_l(), "b c a", "a b c") == pytest.approx(2 / 3)


@pytest.mark.parametrize("metric", [*metrics(True).values()], ids=lambda metric: metric.name)
def test_what_cannot_be_scored(metric: TextMetric) -> None:
    left_out = [(None, "some words here"), ("some words here", None), (None, None), ("words", ""), ("words", "日本語")]
    assert all(math.isnan(value) for value in values_of(metric, left_out))
    assert math.isnan(metric.score(rows_of(metric, *left_out)))
    assert value_of(metric, "", "some words here") == 0
    assert metric.score(rows_of(metric, *left_out, ("", "some words here"), ("some words here",) * 2)) == 0.5


def test_a_reference_shorter_than_n_is_zero() -> None:
    assert value_of(rouge2(), "word", "word") == 0


def test_no_records() -> None:
    rows = rouge1().prepare([])
    assert rows.shape == (0, 3)
    assert math.isnan(rouge1().score(rows))


def test_signature_names_the_choices() -> None:
    assert rouge_l().signature == "rouge:L|stem:yes|tok:az09|refs:best|stat:mean-f1|v1"
    assert rouge_l(stem=False).signature == "rouge:L|stem:no|tok:az09|refs:best|stat:mean-f1|v1"
    assert rouge_lsum().signature == "rouge:Lsum|stem:yes|tok:az09|sent:newline|refs:best|stat:mean-f1|v1"

    both = rouge_lsum(split="sentences", references="average")
    assert both.signature == "rouge:Lsum|stem:yes|tok:az09|sent:sentences|refs:average|stat:mean-f1|v1"


@pytest.mark.parametrize("stem", [False, True])
@pytest.mark.parametrize("name", ["rouge1", "rouge2", "rouge3", "rougeL", "rougeLsum"])
def test_best_of_several_references_equals_rouge_score(name: str, stem: bool) -> None:
    cases = loaded("rouge_multi.json")["cases"]
    metric = metrics(stem)[name]
    found = metric.per_record(metric.prepare([Pair(case["response"], tuple(case["references"])) for case in cases]))
    assert found == pytest.approx([case["best"][name][stem] for case in cases], abs=TOLERANCE)


@pytest.mark.parametrize("make", [rouge1, rouge2, partial(rouge_n, 3), rouge_l, rouge_lsum])
def test_average_of_several_references_is_the_mean_of_each(make: Callable[..., TextMetric]) -> None:
    cases = loaded("rouge_multi.json")["cases"]
    metric = make(references="average")
    rows = metric.prepare([Pair(case["response"], tuple(case["references"])) for case in cases])
    expected = [fmean(one[metric.name][True] for one in case["each"]) for case in cases]
    assert metric.columns == ("f1",)
    assert rows[:, 0] == pytest.approx(expected, abs=TOLERANCE)
    assert metric.score(rows) == pytest.approx(fmean(expected), abs=TOLERANCE)


@pytest.mark.parametrize("references", ["best", "average"])
def test_references_without_words_are_passed_over(references: Literal["best", "average"]) -> None:
    metric = rouge1(references=references)
    assert metric.score(metric.prepare([Pair("a b", ("", "a b", "…"))])) == 1
    assert math.isnan(metric.score(metric.prepare([Pair("a b", ("", "…")), Pair("a", ()), Pair(None, ("a",))])))


def test_n_below_one_is_refused() -> None:
    with pytest.raises(InvalidInput, match="rouge_n: n: found 0; expected 1 or more") as caught:
        rouge_n(0)
    assert caught.value.code == "ValidationException"


def table(reference: list[str], response: list[str]) -> list[list[int]]:
    """The lengths of the LCS of all beginnings, cell by cell: the slow, clear version."""
    cells = [[0] * (len(response) + 1) for _ in range(len(reference) + 1)]
    for i, wanted in enumerate(reference, 1):
        for j, found in enumerate(response, 1):
            longer = cells[i - 1][j - 1] + 1
            cells[i][j] = longer if wanted == found else max(cells[i - 1][j], cells[i][j - 1])
    return cells


@given(tokens, tokens)
def test_lcs_length_is_that_of_the_table(reference: list[str], response: list[str]) -> None:
    assert lcs_length(reference, response) == table(reference, response)[-1][-1]


@given(tokens, tokens)
def test_lcs_places_hold_a_longest_common_subsequence(reference: list[str], response: list[str]) -> None:
    places = lcs_places(reference, response)[::-1]
    assert len(places) == lcs_length(reference, response)
    assert places == sorted(set(places))
    rest = iter(response)
    assert all(reference[place] in rest for place in places)


def test_tie_break_passes_over_the_reference_first() -> None:
    # "a" or "b" alone is a longest common subsequence; the one nearer the reference's beginning is read.
    assert lcs_places(["a", "b"], ["b", "a"]) == [0]
