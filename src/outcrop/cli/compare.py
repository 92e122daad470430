"""``outcrop compare``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outcrop.cli.gates import FailIfOption, end_by_gates
from outcrop.cli.output import JsonOption, print_json, say, table

if TYPE_CHECKING:
    from outcrop.domain.scores import Comparison
    from outcrop.evaluation.matrix import Matrix, MatrixDataset
    from outcrop.reports.matrix import Cell


def compare(
    jobs: Annotated[list[str], typer.Argument(help="Evaluation jobs that are done, by id or name.")],
    baseline: Annotated[
        str | None, typer.Option(help="The model to compare the others with; the first job's first by default.")
    ] = None,
    metrics: Annotated[
        str,
        typer.Option(help="Metrics, separated by commas; those the jobs share where empty. The first decides."),
    ] = "",
    fail_if: FailIfOption = None,
    detect: Annotated[
        float | None, typer.Option(help="Say how many records a difference of this size takes to be detected.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the comparison as a page to this file.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write it as Markdown to this file.")] = None,
    seed: Annotated[int, typer.Option(help="Decides what is drawn in intervals, tests and ranks.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Compare the models of several evaluation jobs on all their datasets, regressions first."""
    from outcrop.app.compare import compare_jobs
    from outcrop.cli.opening import opened
    from outcrop.reports.document import plain

    wanted = [metric.strip() for metric in metrics.split(",") if metric.strip()]
    with opened() as outcrop:
        found = compare_jobs(
            outcrop.services, jobs, baseline=baseline, metrics=wanted, gates=fail_if or (), detect=detect, seed=seed
        )
    _write(found, html, markdown)
    if as_json:
        print_json(plain(found))
    else:
        _show(found)
    end_by_gates(found.gates)


def _write(found: Matrix, html: Path | None, markdown: Path | None) -> None:
    """Raise StorageFailure where a file can't be written."""
    from outcrop.domain.errors import StorageFailure
    from outcrop.reports.matrix_html import render_matrix_html
    from outcrop.reports.matrix_markdown import render_matrix_markdown

    for place, render in ((html, render_matrix_html), (markdown, render_matrix_markdown)):
        if place is None:
            continue
        try:
            place.write_text(render(found), encoding="utf-8")
        except OSError as error:
            raise StorageFailure(f"{place}: can’t be written: {error.strerror}; name a file that can be") from error
        say(f"comparison: {place}")


def _show(found: Matrix) -> None:
    from outcrop.reports.matrix import cells, grouped, heading, power_sentences
    from outcrop.reports.terminal import WORDS
    from outcrop.reports.verdict import outcome

    for verdict in found.verdicts:
        typer.echo(f"{WORDS[verdict.outcome]}  {verdict.headline}")
        if verdict.detail:
            typer.echo(verdict.detail)
    rows = [(model, *map(_cell, cells(found, model))) for model in found.models]
    table(("model", *map(heading, found.datasets)), rows)
    by_name = {dataset.name: dataset for dataset in found.datasets}
    if found.contrasts:
        typer.echo(f"minus {found.models[0]}, regressions first")
        _show_comparisons((by_name[contrast.dataset], contrast.comparison) for contrast in found.contrasts)
        for sentence in power_sentences(found):
            typer.echo(sentence)
    decided = [(dataset, one) for dataset, one in grouped(found) if outcome(one).value in ("worse", "better")]
    if decided:
        typer.echo("\nby category, where it is decided")
        _show_comparisons(decided)
    _show_ranks(found)
    for note in found.notes:
        say(note)


def _cell(cell: Cell) -> str:
    from outcrop.reports import numbers

    if cell.score is None:
        return numbers.UNKNOWN
    value = f"{numbers.score_value(cell.score)} ({numbers.score_interval(cell.score)})"
    return f"{value} {cell.reading}".rstrip()


def _show_comparisons(pairs: Iterable[tuple[MatrixDataset, Comparison]]) -> None:
    from outcrop.reports import numbers
    from outcrop.reports.texts import metric_label, one_line
    from outcrop.reports.verdict import reading

    rows = [
        (
            one_line(dataset.name if one.group is None else f"{dataset.name}, {one.group}"),
            one.candidate,
            metric_label(one.metric),
            numbers.difference(one),
            numbers.difference_interval(one),
            _bare(numbers.p_value(one.p_value)),
            _bare(numbers.p_value(one.p_holm)),
            reading(one),
        )
        for dataset, one in pairs
    ]
    table(("dataset", "model", "metric", "difference", "95% interval", "p", "p (Holm)", "reading"), rows)


def _show_ranks(found: Matrix) -> None:
    from outcrop.reports import numbers

    if found.ranks is None:
        return
    rows = [
        (
            one.model,
            numbers.fixed(one.rank, 2),
            f"{numbers.fixed(one.low, 2)} to {numbers.fixed(one.high, 2)}",
            numbers.percent(one.best),
        )
        for one in found.ranks.models
    ]
    typer.echo(f"\nranks over {', '.join(found.ranks.datasets)}")
    table(("model", "mean rank", "95% interval", "best in"), rows)


def _bare(p_value: str) -> str:
    """Under a heading that says p already."""
    return p_value.removeprefix("p = ").removeprefix("p ")
