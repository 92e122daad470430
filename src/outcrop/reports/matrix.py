"""What a matrix of models and datasets lets one say: contrasts in order, verdicts, and what its records could show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from outcrop.domain.scores import Comparison, Direction, Outcome, Score, Verdict
from outcrop.evaluation.detectable import Detectable
from outcrop.evaluation.matrix import Contrast, Matrix, MatrixDataset
from outcrop.reports import numbers
from outcrop.reports.sections import signed_gain
from outcrop.reports.texts import metric_label, one_line, quoted, setting
from outcrop.reports.verdict import outcome, reading

#: Datasets or categories that a sentence names.
NAMED = 5
#: Comparisons within categories, and in other metrics, that a page shows: the worst.
MOST_ROWS = 60

_ORDER = {Outcome.WORSE: 0, Outcome.UNDECIDED: 1, Outcome.BETTER: 2}
_VERDICTS = {Outcome.WORSE: 0, Outcome.BETTER: 1, Outcome.UNDECIDED: 2}


@dataclass(frozen=True)
class Cell:
    """A model on a dataset: its score, and what may be said of it against the first model, in a word."""

    score: Score | None
    reading: str


def regressions_first(contrasts: Iterable[Contrast]) -> tuple[Contrast, ...]:
    """What got worse, the largest loss first; then what can't be told; then what got better."""
    return tuple(sorted(contrasts, key=lambda contrast: _worst_first(contrast.comparison)))


def _worst_first(comparison: Comparison) -> tuple[int, bool, float]:
    gain = signed_gain(comparison)
    return _ORDER[outcome(comparison)], gain is None, gain or 0.0


def cells(matrix: Matrix, model: str) -> list[Cell]:
    """A row of the matrix: the model on each dataset, in the metric that decides there."""
    return [_cell(matrix, dataset, model) for dataset in matrix.datasets]


def _cell(matrix: Matrix, dataset: MatrixDataset, model: str) -> Cell:
    contrast = matrix.contrast(dataset, model)
    return Cell(matrix.score(dataset, model), "" if contrast is None else reading(contrast.comparison))


def title(matrix: Matrix) -> str:
    """``3 models on 2 datasets``."""
    models, datasets = len(matrix.models), len(matrix.datasets)
    return f"{models} model{'s' * (models != 1)} on {datasets} dataset{'s' * (datasets != 1)}"


def heading(dataset: MatrixDataset) -> str:
    """A column's name: the dataset and the metric that decides."""
    return f"{one_line(dataset.name)}: {metric_label(dataset.primary)}"


def others(matrix: Matrix) -> list[tuple[MatrixDataset, Comparison]]:
    """The comparisons in metrics that don't decide, the worst first, whichever dataset they are of."""
    pairs = [(dataset, one) for dataset in matrix.datasets for one in dataset.comparisons]
    beside = [(dataset, one) for dataset, one in pairs if one.metric != dataset.primary]
    return sorted(beside, key=lambda pair: _worst_first(pair[1]))


def grouped(matrix: Matrix) -> list[tuple[MatrixDataset, Comparison]]:
    """The comparisons within categories, the worst first, whichever dataset they are of."""
    pairs = [(dataset, one) for dataset in matrix.datasets for one in dataset.groups]
    return sorted(pairs, key=lambda pair: _worst_first(pair[1]))


def matrix_verdicts(matrix: Matrix) -> tuple[Verdict, ...]:
    """A verdict for each later model that was compared: worse if it got worse anywhere; those come first."""
    found = [_verdict(matrix, model) for model in matrix.models[1:]]
    return tuple(sorted((one for one in found if one is not None), key=lambda one: _VERDICTS[one.outcome]))


def _verdict(matrix: Matrix, model: str) -> Verdict | None:
    contrasts = [contrast for contrast in matrix.contrasts if contrast.comparison.candidate == model]
    if not contrasts:
        return None
    found = {end: regressions_first(one for one in contrasts if outcome(one.comparison) is end) for end in _VERDICTS}
    decided = next(end for end in _VERDICTS if found[end])
    sentences = [
        f"95% intervals: {_list(found[decided], _bounds)}.",
        _if_any("It is better on", found[Outcome.BETTER] if decided is Outcome.WORSE else ()),
        _if_any("Nothing can be told on", found[Outcome.UNDECIDED] if decided is not Outcome.UNDECIDED else ()),
        _worse_categories(matrix, model),
        _rank(matrix, model),
    ]
    return Verdict(decided, _headline(matrix, model, decided, contrasts), " ".join(filter(None, sentences)))


def _headline(matrix: Matrix, model: str, decided: Outcome, contrasts: Sequence[Contrast]) -> str:
    pair = quoted(model), quoted(matrix.models[0])
    several = len(contrasts) > 1
    if all(contrast.comparison.direction == Direction.NONE for contrast in contrasts):
        return f"{pair[0]} and {pair[1]} were compared in metrics of which neither way is better."
    if decided is Outcome.UNDECIDED:
        where = f"any of {len(contrasts)} datasets" if several else one_line(contrasts[0].dataset)
        return f"These records can’t tell whether {pair[0]} is better or worse than {pair[1]} on {where}."
    shown = regressions_first(contrast for contrast in contrasts if outcome(contrast.comparison) is decided)
    count = f"{len(shown)} of {len(contrasts)} datasets: " if several else ""
    return f"{pair[0]} is {decided.value} than {pair[1]} on {count}{_list(shown, _short)}."


def _if_any(words: str, contrasts: Sequence[Contrast]) -> str:
    return f"{words} {_list(contrasts, _moved)}." if contrasts else ""


def _list(contrasts: Sequence[Contrast], told: Callable[[Comparison], str]) -> str:
    parts = [f"{one_line(contrast.dataset)} ({told(contrast.comparison)})" for contrast in contrasts[:NAMED]]
    return _more(parts, len(contrasts))


def _short(comparison: Comparison) -> str:
    return f"{metric_label(comparison.metric)} {numbers.difference(comparison)}"


def _bounds(comparison: Comparison) -> str:
    return numbers.difference_interval(comparison)


def _more(told: Sequence[str], total: int) -> str:
    return ", ".join(told) + (f" and {total - len(told)} more" if total > len(told) else "")


def _moved(comparison: Comparison) -> str:
    if numbers.known(comparison.low) is None or numbers.known(comparison.high) is None:
        return numbers.too_few(comparison.n)
    return f"{_short(comparison)}, {_bounds(comparison)}"


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
    """One for each contrast; with several later models, it says whose."""
    many = len(matrix.models) > 2
    return [
        (f"{quoted(contrast.comparison.candidate)}: " if many else "")
        + power_sentence(contrast.detectable, contrast.comparison.metric, contrast.dataset)
        for contrast in matrix.contrasts
    ]


def conditions(dataset: MatrixDataset) -> str:
    """What was the same for all models; parameters that have no value are left out."""
    return ", ".join(
        f"{one_line(name)}={setting(value)}"
        for name, value in dataset.conditions.items()
        if value is not None and value != []
    )


def methods(matrix: Matrix) -> list[str]:
    """Every method that made an interval, a test or a rank."""
    made = [score.method for dataset in matrix.datasets for score in dataset.scores]
    made += [one.method for dataset in matrix.datasets for one in (*dataset.comparisons, *dataset.groups)]
    made += [] if matrix.ranks is None else [matrix.ranks.method]
    return list(dict.fromkeys(filter(None, made)))


def signatures(matrix: Matrix) -> list[str]:
    """Every metric's signature."""
    return list(dict.fromkeys(score.signature for dataset in matrix.datasets for score in dataset.scores))
