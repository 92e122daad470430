"""``outcrop score``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outcrop.cli.output import JsonOption, print_json, table

if TYPE_CHECKING:
    from outcrop.domain.scores import Comparison, Score
    from outcrop.evaluation.tables import TableReport


def score(
    file: Annotated[Path, typer.Argument(help="A table: .jsonl, .csv, .tsv, .parquet; or .txt, a response a line.")],
    metrics: Annotated[
        str, typer.Option(help="Metrics, separated by commas; the task's own where empty. The first decides.")
    ] = "",
    task: Annotated[
        str, typer.Option(help="What the rows are: text, classification, regression, forecast or extraction.")
    ] = "text",
    against: Annotated[Path | None, typer.Option(help="A table of the same records, to compare with.")] = None,
    references: Annotated[Path | None, typer.Option(help="For plain text: the file with a reference a line.")] = None,
    prediction: Annotated[str, typer.Option(help="The column of what a model said.")] = "prediction",
    reference: Annotated[str, typer.Option(help="The column of what is right: a text, a list of texts, a number.")] = (
        "reference"
    ),
    label: Annotated[str, typer.Option(help="The column of right labels, if it is not the reference's.")] = "label",
    score_column: Annotated[str, typer.Option("--score", help="The column of scores.")] = "score",
    positive: Annotated[str | None, typer.Option(help="The label that a single score is for.")] = None,
    record_id: Annotated[str | None, typer.Option("--id", help="Match two tables' records by this column.")] = None,
    group_by: Annotated[str | None, typer.Option(help="Report each value of this column by itself, too.")] = None,
    cluster_by: Annotated[
        str | None, typer.Option(help="Records with the same value in this column are not independent.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides what is drawn in intervals and tests.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Score responses or predictions that somebody else produced, and compare two tables of them."""
    from outcrop.app.scoring import ScoringRequest, score_table, table_task
    from outcrop.cli.opening import opened
    from outcrop.cli.progress import bytes_progress
    from outcrop.evaluation.columns import Columns
    from outcrop.reports.document import document

    request = ScoringRequest(
        file,
        table_task(task),
        tuple(name.strip() for name in metrics.split(",") if name.strip()),
        against,
        references,
        Columns(prediction, reference, label, score_column, id=record_id, group=group_by, cluster=cluster_by),
        positive,
        seed,
    )
    with opened() as outcrop, bytes_progress(f"scoring {file.name}") as progress:
        engines = outcrop.services.engines()
        found = score_table(request, engines.encoder, progress, classifiers=engines.classifier)
    if as_json:
        print_json(document(found))
    else:
        _show(found)


def _show(found: TableReport) -> None:
    from outcrop.reports import numbers
    from outcrop.reports.verdict import verdict

    if found.comparisons:
        primary = found.comparisons[0]
        baseline, candidate = (
            next(one for one in found.scores if (one.model, one.metric) == (name, primary.metric))
            for name in (primary.baseline, primary.candidate)
        )
        said = verdict(baseline, candidate, primary, found.comparisons[1:])
        typer.echo(f"{said.headline}\n{said.detail}\n")
    _show_scores(found.scores)
    if found.comparisons:
        _show_comparisons(found.comparisons)
    if found.n_unmatched:
        verb = "is" if found.n_unmatched == 1 else "are"
        typer.echo(f"{numbers.records(found.n_unmatched)} {verb} in one table only, and not compared")
    if found.n_ungrouped:
        verb = "has" if found.n_ungrouped == 1 else "have"
        typer.echo(f"{numbers.records(found.n_ungrouped)} {verb} no group")
    for group in found.groups:
        typer.echo(f"\n{group.name}: {numbers.records(group.n)}")
        _show_scores(group.scores)
        if group.comparisons:
            _show_comparisons(group.comparisons)


def _show_scores(scores: Sequence[Score]) -> None:
    from outcrop.reports import numbers
    from outcrop.reports.texts import metric_label

    rows = [
        (
            score.model,
            metric_label(score.metric),
            numbers.score_value(score),
            numbers.score_interval(score),
            f"{score.n_scored:,}/{score.n_given:,}",
            score.method,
        )
        for score in scores
    ]
    table(("table", "metric", "value", "95% interval", "scored", "by"), rows)


def _show_comparisons(comparisons: Sequence[Comparison]) -> None:
    from outcrop.reports import numbers
    from outcrop.reports.texts import metric_label
    from outcrop.reports.verdict import reading

    rows = [
        (
            metric_label(one.metric),
            numbers.difference(one),
            numbers.difference_interval(one),
            _bare(numbers.p_value(one.p_value)),
            _bare(numbers.p_value(one.p_holm)),
            reading(one),
            one.method,
        )
        for one in comparisons
    ]
    table(("metric", "difference", "95% interval", "p", "p (Holm)", "reading", "by"), rows)


def _bare(p_value: str) -> str:
    """Under a heading that says p already."""
    return p_value.removeprefix("p = ").removeprefix("p ")
