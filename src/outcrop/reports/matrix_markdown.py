"""A matrix of models and datasets as Markdown, for a pull request or a wiki."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from outcrop.domain.scores import Comparison
from outcrop.evaluation.matrix import Matrix, MatrixDataset
from outcrop.evaluation.ranks import Ranks
from outcrop.reports import numbers
from outcrop.reports.markdown import WORDS, escaped, table
from outcrop.reports.matrix import (
    MOST_ROWS,
    Cell,
    cells,
    conditions,
    grouped,
    heading,
    methods,
    others,
    power_sentences,
    signatures,
    title,
)
from outcrop.reports.texts import metric_label
from outcrop.reports.verdict import reading


def render_matrix_markdown(matrix: Matrix) -> str:
    """The matrix as GitHub-flavoured Markdown; no name of a model or a dataset can act as markup in it."""
    parts = [_head(matrix), _gates(matrix), _scores(matrix), _contrasts(matrix)]
    parts += [_worst("By category", grouped(matrix)), _worst("Other metrics", others(matrix))]
    parts += ["" if matrix.ranks is None else _ranks(matrix.ranks), _method(matrix)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _head(matrix: Matrix) -> str:
    lines = [f"# {title(matrix)}"]
    for one in matrix.verdicts:
        lines += [f"**{WORDS[one.outcome]}: {escaped(one.headline)}**", escaped(one.detail)]
    return "\n\n".join(filter(None, lines))


def _gates(matrix: Matrix) -> str:
    lines = [f"- {escaped(gate.sentence)}" for gate in matrix.gates]
    return "## Gates\n\n" + "\n".join(lines) if lines else ""


def _scores(matrix: Matrix) -> str:
    head = ["Model", *(escaped(heading(dataset)) for dataset in matrix.datasets)]
    rows = [[escaped(model), *map(_cell, cells(matrix, model))] for model in matrix.models]
    first = f", against {escaped(matrix.models[0])}" if matrix.contrasts else ""
    return f"## Scores\n\nWith 95% intervals{first}.\n\n{table(head, rows)}"


def _cell(cell: Cell) -> str:
    if cell.score is None:
        return numbers.UNKNOWN
    found = f"{numbers.score_value(cell.score)} ({numbers.score_interval(cell.score)})"
    return found + (f", {cell.reading}" if cell.reading else "")


def _contrasts(matrix: Matrix) -> str:
    if not matrix.contrasts:
        return ""
    by_name = {dataset.name: dataset for dataset in matrix.datasets}
    found = [(by_name[contrast.dataset], contrast.comparison) for contrast in matrix.contrasts]
    sentences = "\n".join(f"- {escaped(sentence)}" for sentence in power_sentences(matrix))
    return (
        f"## Every later model minus {escaped(matrix.models[0])}, regressions first\n\n{_comparisons(found)}\n\n"
        f"### What these records could show\n\n{sentences}"
    )


def _worst(title: str, found: Sequence[tuple[MatrixDataset, Comparison]]) -> str:
    more = f"\n\nThe first {MOST_ROWS} of {numbers.count(len(found))}." if len(found) > MOST_ROWS else ""
    return f"## {title}, the worst first\n\n{_comparisons(found[:MOST_ROWS])}{more}" if found else ""


def _comparisons(pairs: Iterable[tuple[MatrixDataset, Comparison]]) -> str:
    rows = [
        [
            escaped(dataset.name if one.group is None else f"{dataset.name}, {one.group}"),
            escaped(one.candidate),
            escaped(metric_label(one.metric)),
            numbers.difference(one),
            numbers.difference_interval(one),
            numbers.p_value(one.p_value),
            numbers.p_value(one.p_holm),
            numbers.count(one.n),
            reading(one),
        ]
        for dataset, one in pairs
    ]
    return table(["Dataset", "Model", "Metric", "Difference", "95% interval", "p", "p (Holm)", "n", "Reading"], rows)


def _ranks(ranks: Ranks) -> str:
    rows = [
        [
            escaped(one.model),
            numbers.fixed(one.rank, 2),
            f"{numbers.fixed(one.low, 2)} to {numbers.fixed(one.high, 2)}",
            numbers.percent(one.best),
        ]
        for one in ranks.models
    ]
    left_out = f" Left out: {escaped(', '.join(ranks.left_out))}." if ranks.left_out else ""
    over = f"Over {escaped(', '.join(ranks.datasets))}.{left_out}"
    return f"## Ranks\n\n{over}\n\n{table(['Model', 'Mean rank', '95% interval', 'Best in'], rows)}"


def _method(matrix: Matrix) -> str:
    facts = [
        *(
            f"{dataset.name}: {numbers.records(dataset.n_records)}, decided by {metric_label(dataset.primary)}"
            + (f"; {conditions(dataset)}" if dataset.conditions else "")
            for dataset in matrix.datasets
        ),
        *matrix.notes,
        *(f"Signature: {signature}" for signature in signatures(matrix)),
        *(f"Method: {method}" for method in methods(matrix)),
        "p (Holm) is corrected over all models and datasets in the metrics that decide; over the other metrics, and "
        "over the categories, among themselves",
        f"Seed {matrix.seed}",
    ]
    return "## How this was measured\n\n" + "\n".join(f"- {escaped(fact)}" for fact in facts)
