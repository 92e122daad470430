"""What a matrix of models and datasets lets one say: its claims in order, verdicts, and what its records could show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from outcrop.domain.scores import Comparison, Outcome, Score, Verdict
from outcrop.evaluation.detectable import Detectable
from outcrop.evaluation.matrix import Claim, Matrix, MatrixDataset
from outcrop.reports import numbers
from outcrop.reports.sections import signed_gain
from outcrop.reports.texts import metric_label, one_line, quoted
from outcrop.reports.verdict import outcome, reading

#: Datasets or categories that a sentence names.
NAMED = 5

_ORDER = {Outcome.WORSE: 0, Outcome.UNDECIDED: 1, Outcome.BETTER: 2}
_VERDICTS = {Outcome.WORSE: 0, Outcome.BETTER: 1, Outcome.UNDECIDED: 2}


@dataclass(frozen=True)
class Cell:
    """A model on a dataset: its score, and what may be said of it against the first model, in a word."""

    score: Score | None
    reading: str


def regressions_first(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """What got worse, the largest loss first; then what can't be told; then what got better."""
    return tuple(sorted(claims, key=lambda claim: _worst_first(claim.comparison)))


def worst_first(comparisons: Iterable[Comparison]) -> list[Comparison]:
    """Comparisons of a kind in the same order."""
    return sorted(comparisons, key=_worst_first)


def _worst_first(comparison: Comparison) -> tuple[int, bool, float]:
    gain = signed_gain(comparison)
    return _ORDER[outcome(comparison)], gain is None, gain or 0.0


def cells(matrix: Matrix, model: str) -> list[Cell]:
    """A row of the matrix: the model on each dataset, in the metric that decides there."""
    return [_cell(matrix, dataset, model) for dataset in matrix.datasets]


def _cell(matrix: Matrix, dataset: MatrixDataset, model: str) -> Cell:
    claim = matrix.claim(dataset, model)
    return Cell(matrix.score(dataset, model), "" if claim is None else reading(claim.comparison))


def heading(dataset: MatrixDataset) -> str:
    """A column's name: the dataset and the metric that decides."""
    return f"{one_line(dataset.name)}: {metric_label(dataset.primary)}"


def others(matrix: Matrix) -> list[tuple[MatrixDataset, Comparison]]:
    """The comparisons in metrics that don't decide, by dataset, in each the worst first."""
    return [
        (dataset, one)
        for dataset in matrix.datasets
        for one in worst_first(one for one in dataset.comparisons if one.metric != dataset.primary)
    ]


def grouped(matrix: Matrix) -> list[tuple[MatrixDataset, Comparison]]:
    """The comparisons within categories, the worst first, whichever dataset they are of."""
    pairs = [(dataset, one) for dataset in matrix.datasets for one in dataset.groups]
    return sorted(pairs, key=lambda pair: _worst_first(pair[1]))


def matrix_verdicts(matrix: Matrix) -> tuple[Verdict, ...]:
    """A verdict for each later model that was compared: worse if it got worse anywhere; those come first."""
    found = [_verdict(matrix, model) for model in matrix.models[1:]]
    return tuple(sorted((one for one in found if one is not None), key=lambda one: _VERDICTS[one.outcome]))


def _verdict(matrix: Matrix, model: str) -> Verdict | None:
    claims = [claim for claim in regressions_first(matrix.claims) if claim.comparison.candidate == model]
    if not claims:
        return None
    by_outcome = {
        end: [claim for claim in claims if outcome(claim.comparison) is end]
        for end in (Outcome.WORSE, Outcome.BETTER, Outcome.UNDECIDED)
    }
    decided = next(end for end, some in by_outcome.items() if some)
    pair = quoted(model), quoted(matrix.models[0])
    if decided is Outcome.UNDECIDED:
        where = f"on any of {len(claims)} datasets" if len(claims) > 1 else f"on {one_line(claims[0].dataset)}"
        headline = f"These records can’t tell whether {pair[0]} is better or worse than {pair[1]} {where}."
    else:
        count = f"{len(by_outcome[decided])} of {len(claims)} datasets: " if len(claims) > 1 else ""
        headline = f"{pair[0]} is {decided.value} than {pair[1]} on {count}{_list(by_outcome[decided])}."
    sentences = [
        f"It is better on {_list(by_outcome[Outcome.BETTER])}."
        if decided is Outcome.WORSE and by_outcome[Outcome.BETTER]
        else "",
        f"Nothing can be told on {_list(by_outcome[Outcome.UNDECIDED])}."
        if decided is not Outcome.UNDECIDED and by_outcome[Outcome.UNDECIDED]
        else "",
        _worse_categories(matrix, model),
        _rank(matrix, model),
    ]
    return Verdict(decided, headline, " ".join(filter(None, sentences)))


def _list(claims: Sequence[Claim]) -> str:
    told = [
        f"{one_line(claim.dataset)} ({metric_label(claim.comparison.metric)} {_moved(claim.comparison)})"
        for claim in claims[:NAMED]
    ]
    return _more(told, len(claims))


def _more(told: Sequence[str], total: int) -> str:
    return ", ".join(told) + (f" and {total - len(told)} more" if total > len(told) else "")


def _moved(comparison: Comparison) -> str:
    bounded = numbers.known(comparison.low) is not None and numbers.known(comparison.high) is not None
    if not bounded:
        return numbers.too_few(comparison.n)
    return f"{numbers.difference(comparison)}, {numbers.difference_interval(comparison)}"


def _worse_categories(matrix: Matrix, model: str) -> str:
    worse = [
        (dataset, one) for dataset, one in grouped(matrix) if one.candidate == model and outcome(one) is Outcome.WORSE
    ]
    if not worse:
        return ""
    told = [f"{quoted(one.group or '')} of {one_line(dataset.name)} ({_moved(one)})" for dataset, one in worse[:NAMED]]
    return f"By category, it got worse on {_more(told, len(worse))}."


def _rank(matrix: Matrix, model: str) -> str:
    found = None if matrix.ranks is None else next(one for one in matrix.ranks.models if one.model == model)
    if found is None or len(matrix.models) < 3:
        return ""
    interval = f"{numbers.fixed(found.low, 1)} to {numbers.fixed(found.high, 1)}"
    return (
        f"Its mean rank is {numbers.fixed(found.rank, 1)} of {len(matrix.models)} (95% interval {interval}); "
        f"it is the best in {numbers.percent(found.best)} of resamples."
    )


def power_sentence(found: Detectable, metric: str, dataset: str = "") -> str:
    """What a comparison's records could show, and how many another difference takes.

    Args:
        found: What was worked out.
        metric: The metric's name.
        dataset: The dataset's name; "" where there is but one.
    """
    given = numbers.records(found.n) + (f" of {one_line(dataset)}" if dataset else "")
    if found.difference is None:
        return f"With {given}, nothing can be said of what a comparison would find: {found.basis}."
    sentence = (
        f"With {given} you can detect a difference of {_size(found.difference)} in {metric_label(metric)} "
        "(80% power, two-sided α 0.05)"
    )
    if found.wanted is None or found.records is None:
        return f"{sentence}."
    return f"{sentence}; one of {found.wanted:g} takes {numbers.records(found.records)}."


def _size(difference: float) -> str:
    return numbers.fixed(difference, numbers.places(difference, -difference, difference))


def power_sentences(matrix: Matrix) -> list[str]:
    """One for each claim; with several later models, it says whose."""
    many = len(matrix.models) > 2
    return [
        (f"{quoted(claim.comparison.candidate)}: " if many else "")
        + power_sentence(claim.detectable, claim.comparison.metric, claim.dataset)
        for claim in matrix.claims
    ]


def methods(matrix: Matrix) -> list[str]:
    """Every method that made an interval, a test or a rank."""
    made = [score.method for dataset in matrix.datasets for score in dataset.scores]
    made += [one.method for dataset in matrix.datasets for one in (*dataset.comparisons, *dataset.groups)]
    made += [] if matrix.ranks is None else [matrix.ranks.method]
    return list(dict.fromkeys(filter(None, made)))


def signatures(matrix: Matrix) -> list[str]:
    """Every metric's signature."""
    return list(dict.fromkeys(score.signature for dataset in matrix.datasets for score in dataset.scores))
