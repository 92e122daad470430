"""A matrix of models and datasets as one HTML file that needs nothing else: no network, no script, no font."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from markupsafe import Markup

from outcrop.domain.scores import Comparison
from outcrop.evaluation.matrix import Matrix, MatrixDataset
from outcrop.evaluation.ranks import Rank, Ranks
from outcrop.reports import charts, numbers
from outcrop.reports.html import SHARE, TONES, environment
from outcrop.reports.matrix import (
    MOST_ROWS,
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
from outcrop.reports.verdict import outcome, reading


@dataclass(frozen=True)
class Row:
    """A comparison as a row, with what may be said of it and its bar."""

    dataset: MatrixDataset
    comparison: Comparison
    reading: str
    tone: charts.Tone
    bar: Markup


@dataclass(frozen=True)
class Block:
    """Rows that share a unit and so an axis."""

    unit: str
    axis: Markup
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class RankRow:
    """A model's rank with its bar."""

    rank: Rank
    bar: Markup


def render_matrix_html(matrix: Matrix) -> str:
    """The matrix as one HTML document."""
    by_name = {dataset.name: dataset for dataset in matrix.datasets}
    contrasts = [(by_name[contrast.dataset], contrast.comparison) for contrast in matrix.contrasts]
    within, beside, ranks = grouped(matrix), others(matrix), matrix.ranks
    page = environment().get_template("matrix.html.j2")
    return page.render(
        matrix=matrix,
        title=title(matrix),
        heads=[heading(dataset) for dataset in matrix.datasets],
        rows=[(model, cells(matrix, model)) for model in matrix.models],
        contrasts=list(_blocks(contrasts, "contrast")),
        power=power_sentences(matrix),
        groups=list(_blocks(within[:MOST_ROWS], "group")),
        n_groups=len(within),
        others=list(_blocks(beside[:MOST_ROWS], "other")),
        n_others=len(beside),
        most=MOST_ROWS,
        rank_axis=Markup("" if ranks is None else _rank_axis(ranks)),
        ranks=[] if ranks is None else [_rank(ranks, number, one) for number, one in enumerate(ranks.models)],
        conditions={dataset.name: conditions(dataset) for dataset in matrix.datasets},
        methods=methods(matrix),
        signatures=signatures(matrix),
    )


def _blocks(pairs: Iterable[tuple[MatrixDataset, Comparison]], ident: str) -> Iterator[Block]:
    """One block per unit, in the order in which the worst of each comes."""
    kinds: dict[tuple[str, bool], list[tuple[MatrixDataset, Comparison]]] = {}
    for dataset, one in pairs:
        unit = numbers.unit_of(dataset.scores, one.metric) or SHARE
        kinds.setdefault((unit, one.direction == "none"), []).append((dataset, one))
    for number, ((unit, _), found) in enumerate(kinds.items()):
        bounded = [one for _, one in found if _is_bounded(one)]
        scale = charts.axis(value for one in bounded for value in (one.low, one.high))
        drawn = charts.interval_axis(scale, f"Difference in {unit}", f"{ident}{number}-axis") if bounded else ""
        rows = [_row(dataset, one, scale, f"{ident}{number}-{place}") for place, (dataset, one) in enumerate(found)]
        yield Block(unit, Markup(drawn), tuple(rows))


def _row(dataset: MatrixDataset, one: Comparison, scale: charts.Axis, ident: str) -> Row:
    tone = TONES.get(outcome(one), "flat")
    label = f"{one.candidate} on {dataset.name}, {metric_label(one.metric)}"
    text = f"{numbers.difference(one)}, 95% interval {numbers.difference_interval(one)}"
    bar = charts.interval_bar(charts.Bar(label, one.difference, one.low, one.high, tone, text), scale, ident)
    return Row(dataset, one, reading(one), tone, Markup(bar if _is_bounded(one) else ""))


def _is_bounded(one: Comparison) -> bool:
    return all(numbers.known(value) is not None for value in (one.difference, one.low, one.high))


def _scale(ranks: Ranks) -> charts.Axis:
    """From the first place to the last, a tick for each as far as they are few."""
    last = len(ranks.models)
    step = -(-(last - 1) // 8)
    return charts.Axis(1.0, float(last), tuple(float(place) for place in range(1, last + 1, step)), 0)


def _rank_axis(ranks: Ranks) -> str:
    return charts.interval_axis(_scale(ranks), "Mean rank", "rank-axis", signed=False)


def _rank(ranks: Ranks, number: int, one: Rank) -> RankRow:
    interval = f"{numbers.fixed(one.low, 2)} to {numbers.fixed(one.high, 2)}"
    text = f"mean rank {numbers.fixed(one.rank, 2)}, 95% interval {interval}"
    bar = charts.Bar(one.model, one.rank, one.low, one.high, "flat", text)
    return RankRow(one, Markup(charts.interval_bar(bar, _scale(ranks), f"rank-{number}")))
