"""How often intervals hold the true value and tests reject a true zero: results/coverage.json, and the docs' tables.

python bench/coverage.py            ten minutes on one core
python bench/coverage.py --tables   writes the docs' tables from the results that are there
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from coverage_tables import RESULTS, write_page
from numpy.typing import NDArray
from scipy import stats

from outcrop.metrics.protocol import Rows
from outcrop.metrics.record_mean import RecordMean
from outcrop.metrics.statistics.bounds import bca_bounds, expanded_tail, percentile_bounds
from outcrop.metrics.statistics.compare import interval
from outcrop.metrics.statistics.delong import areas, auc_difference, auc_interval
from outcrop.metrics.statistics.intervals import mean_interval
from outcrop.metrics.statistics.mcnemar import exact_mcnemar, mid_p_mcnemar
from outcrop.metrics.statistics.paired import PairedDifference, paired_difference
from outcrop.metrics.statistics.paired_shares import tango_bounds
from outcrop.metrics.statistics.pairing import Pairing
from outcrop.metrics.statistics.randomisation import randomised_p_values
from outcrop.metrics.statistics.resampling import resampled_scores
from outcrop.metrics.statistics.share_means import share_mean_difference, share_mean_interval
from outcrop.metrics.statistics.shares import clopper_pearson_interval, wilson_interval
from outcrop.metrics.statistics.studentised import studentised_interval
from outcrop.metrics.sums import SumMetric

ROOT = Path(__file__).parents[1]
WMT17 = ROOT / "tests" / "fixtures" / "statistics" / "wmt17_counts.npz"

SIZES = (30, 100, 200, 1000)
RESAMPLES = 599

Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Values]
Found = dict[str, tuple[float, float]]

SHARE = RecordMean("share", "share|v1", ("value",), lambda response, reference: None, lambda rows: rows[:, 0])
UNBOUNDED = RecordMean(
    "letters", "letters|v1", ("value",), lambda response, reference: None, lambda rows: rows[:, 0], unit="letters"
)


# what is drawn


def mixed(zeros: float, ones: float) -> Draw:
    """So many values are 0, so many 1, and the others anywhere between."""

    def draw(generator: np.random.Generator, n: int) -> Values:
        which, between = generator.random(n), generator.random(n)
        return np.where(which < zeros, 0.0, np.where(which < zeros + ones, 1.0, between))

    return draw


MEANS: dict[str, tuple[Draw, float]] = {
    "like ROUGE-L: beta(2, 6)": (lambda g, n: g.beta(2, 6, n), 0.25),
    "all or nothing: beta(½, ½)": (lambda g, n: g.beta(0.5, 0.5, n), 0.5),
    "80 % are 1": (mixed(0, 0.8), 0.9),
    "90 % are 0": (mixed(0.9, 0), 0.05),
    "97 % are 1": (mixed(0, 0.97), 0.985),
}
BEYOND: dict[str, tuple[Draw, float]] = {
    "normal": (lambda g, n: g.normal(1, 1, n), 1.0),
    "exponential": (lambda g, n: g.exponential(1, n), 1.0),
    "lognormal": (lambda g, n: g.lognormal(0, 1, n), math.exp(0.5)),
}
DIFFERENCES: dict[str, tuple[Draw, float]] = {
    "all differ, none better": (lambda g, n: g.beta(2, 6, n) - g.beta(2, 6, n), 0.0),
    "all differ, one better": (lambda g, n: g.beta(3, 6, n) - g.beta(2, 6, n), 1 / 3 - 0.25),
    "10 % differ, none better": (lambda g, n: mixed(0.9, 0)(g, n) * g.choice([-1, 1], n), 0.0),
    "10 % gain": (lambda g, n: mixed(0.9, 0)(g, n), 0.05),
    "5 % lose": (lambda g, n: -mixed(0.95, 0)(g, n), -0.025),
}


def ratio_rows(generator: np.random.Generator, n: int, spread: float) -> Rows:
    """Lengths of responses and references."""
    reference = np.exp(generator.normal(2.3, 0.7, n)).astype(int) + 1
    return np.column_stack([generator.poisson(reference * generator.lognormal(0, spread, n)), reference]).astype(float)


def _ratio(sums: Values) -> Values:
    return sums[:, 0] / sums[:, 1]


def _f1(sums: Values) -> Values:
    with np.errstate(invalid="ignore"):
        return 2 * sums[:, 0] / (sums[:, 1] + sums[:, 2])


def _root_mean_square(sums: Values) -> Values:
    return np.sqrt(sums[:, 0] / sums[:, 1])


def _bleu(sums: Values) -> Values:
    """Corpus BLEU; an order without a hit counts one half, so that small samples have a value."""
    hits = np.maximum(sums[:, 2:6], 0.5)
    return 100 * np.exp(np.log(hits / sums[:, 6:10]).mean(axis=1) + np.minimum(0, 1 - sums[:, 1] / sums[:, 0]))


def f1_rows(generator: np.random.Generator, n: int) -> tuple[Rows, Rows]:
    """Hits, found and wanted of two classifiers of a class that one record in five belongs to."""
    wanted = generator.random(n) < 0.2
    both = []
    for right in (0.7, 0.8):
        found = generator.random(n) < np.where(wanted, right, 0.05)
        both.append(np.column_stack([found & wanted, found, wanted]).astype(float))
    return both[0], both[1]


def populations() -> dict[str, tuple[SumMetric, Rows, Rows]]:
    """Corpus metrics with the rows of two models, so many that they are taken for all there are."""
    generator, n = np.random.default_rng(1), 200_000
    stored = np.load(WMT17)
    lengths, hits = stored["lengths"].astype(float), stored["hits"].astype(float)
    bleu = [
        np.column_stack([lengths[each], stored["reference_lengths"], hits[each],
                         np.maximum(lengths[each][:, None] - np.arange(4), 0)])
        for each in (0, 1)
    ]  # fmt: skip
    errors = [np.column_stack([scale * generator.standard_t(5, n) ** 2, np.ones(n)]) for scale in (1.0, 1.2)]
    return {
        "BLEU, two systems of WMT17": (_sums("bleu", _bleu), *bleu),
        "length ratio": (_sums("ratio", _ratio), ratio_rows(generator, n, 0.1), ratio_rows(generator, n, 0.6)),
        "F1 of a class of 20 %": (_sums("f1", _f1), *f1_rows(generator, n)),
        "RMSE, heavy tails": (_sums("rmse", _root_mean_square), *errors),
    }


def _sums(name: str, value: Callable[[Values], Values]) -> SumMetric:
    return SumMetric(name, name, (), lambda response, references: None, value)


# what is measured


class Tally:
    """Counts of what held and what was rejected, by case and method."""

    def __init__(self, what: str, data: str, n: int, true: float) -> None:
        """For one kind of case, drawn over and over."""
        self.case = {"what": what, "data": data, "n": n}
        self.true = true
        self.held: dict[str, list[tuple[bool, bool, float]]] = defaultdict(list)
        self.rejected: dict[str, list[bool]] = defaultdict(list)

    def bounds(self, method: str, low: float | None, high: float | None) -> None:
        """An interval; without bounds it holds nothing."""
        if low is None or high is None:
            self.held[method].append((True, True, 0.0))
        else:
            self.held[method].append((low > self.true + 1e-12, high < self.true - 1e-12, high - low))

    def p_value(self, method: str, p_value: float | None) -> None:
        """A p-value of a true zero."""
        self.rejected[method].append(p_value is not None and p_value < 0.05)

    def lines(self) -> Iterator[dict[str, Any]]:
        """What was found, one line per method."""
        for method, each in self.held.items():
            above, below, widths = np.array(each, dtype=float).T
            missed = np.maximum(above, below)
            yield self.case | {
                "method": method,
                "coverage": round(1 - float(missed.mean()), 4),
                "misses": [round(float(above.mean()), 4), round(float(below.mean()), 4)],
                "width": float(f"{widths.mean():.4g}"),
                "samples": len(each),
            }
        for method, rejections in self.rejected.items():
            rejected = round(float(np.mean(rejections)), 4)
            yield self.case | {"method": method, "rejected": rejected, "samples": len(rejections)}


def one_share() -> Iterator[dict[str, Any]]:
    """Exactly: over all outcomes, for 199 shares."""
    shares = np.arange(1, 200) / 200
    for n in SIZES:
        chances = stats.binom.pmf(np.arange(n + 1), n, shares[:, None])
        methods = {
            "Student t": [mean_interval([1.0] * k + [0.0] * (n - k)) for k in range(n + 1)],
            "Wilson": [wilson_interval(k, n) for k in range(n + 1)],
            "Clopper-Pearson": [clopper_pearson_interval(k, n) for k in range(n + 1)],
        }
        for method, found in methods.items():
            lows, highs = np.array([(each.low, each.high) for each in found]).T
            holds = (lows <= shares[:, None] + 1e-12) & (shares[:, None] <= highs + 1e-12)
            covered = (chances * holds).sum(axis=1)
            yield {"what": "share", "data": "average share", "n": n, "method": method,
                   "coverage": round(float(covered.mean()), 4), "samples": "all"}  # fmt: skip
            yield {"what": "share", "data": "worst share", "n": n, "method": method,
                   "coverage": round(float(covered.min()), 4), "samples": "all"}  # fmt: skip


def paired_shares() -> Iterator[dict[str, Any]]:
    """Exactly: over all tables of n records, for shares that disagree and shares of these that are gained."""
    for n in (30, 100, 200):
        tables = [(gained, lost) for gained in range(n + 1) for lost in range(n + 1 - gained)]
        throws, gains = np.array([sum(table) for table in tables]), np.array([table[0] for table in tables])
        bounds = {
            "Student t": [_bounds(paired_difference(*_table(*table, n))) for table in tables],
            "Tango": [tango_bounds(*table, n) for table in tables],
            "gains and losses": [_bounds(share_mean_difference(*_table(*table, n))) for table in tables],
        }
        tests = {
            "exact McNemar": [exact_mcnemar(*table) for table in tables],
            "mid-p McNemar": [mid_p_mcnemar(*table) for table in tables],
            "χ² McNemar": [_chi_square(*table, 0) for table in tables],
            "χ² corrected": [_chi_square(*table, 1) for table in tables],
        }
        covered: dict[str, list[float]] = defaultdict(list)
        rejected: dict[str, list[float]] = defaultdict(list)
        for discordance in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7):
            of_throws = stats.binom.pmf(throws, n, discordance)
            for share_gained in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
                chances = of_throws * stats.binom.pmf(gains, throws, share_gained)
                true = discordance * (2 * share_gained - 1)
                for method, each in bounds.items():
                    lows, highs = np.array(each).T
                    held = (lows <= true + 1e-12) & (true <= highs + 1e-12)
                    covered[method].append(float(chances[held].sum()))
                for method, p_values in tests.items():
                    if share_gained == 0.5:
                        rejected[method].append(float(chances[np.array(p_values) < 0.05].sum()))
        for method, found in covered.items():
            for data, least in (("average", float(np.mean(found))), ("worst", min(found))):
                yield {"what": "paired share", "data": data, "n": n, "method": method, "coverage": round(least, 4),
                       "samples": "all"}  # fmt: skip
        for method, found in rejected.items():
            yield {"what": "paired share", "data": "most rejected", "n": n, "method": method,
                   "rejected": round(max(found), 4), "samples": "all"}  # fmt: skip


def _table(gained: int, lost: int, n: int) -> tuple[list[float], list[float]]:
    rest = n - gained - lost
    return [0.0] * gained + [1.0] * lost + [0.0] * rest, [1.0] * gained + [0.0] * lost + [0.0] * rest


def _bounds(found: PairedDifference) -> tuple[float, float]:
    """Those of a difference; without any, such as hold nothing."""
    return (found.low, found.high) if found.low is not None and found.high is not None else (9.0, -9.0)


def _chi_square(gained: int, lost: int, correction: int) -> float:
    """McNemar's p-value from χ², with or without the correction for continuity; for comparison only."""
    if gained == lost:
        return 1.0
    return float(stats.chi2.sf((abs(gained - lost) - correction) ** 2 / (gained + lost), 1))


def means(kinds: dict[str, tuple[Draw, float]], what: str, metric: RecordMean) -> Iterator[dict[str, Any]]:
    """Means of values, in 0..1 or beyond."""
    for data, (draw, true) in kinds.items():
        for n in SIZES:
            generator = np.random.default_rng(n)
            tally = Tally(what, data, n, true)
            for seed in range(2000 if n < 1000 else 600):
                values = draw(generator, n)
                _one_mean(tally, values, metric, seed)
            yield from tally.lines()


def _one_mean(tally: Tally, values: Values, metric: RecordMean, seed: int) -> None:
    rows = values[:, None]
    for method, found in {"Student t": mean_interval(values), "chosen": interval(metric, rows, seed=seed)}.items():
        tally.bounds(method, found.low, found.high)
    if metric is SHARE:
        found = share_mean_interval(values)
        tally.bounds("Wilson effective", found.low, found.high)
    if np.ptp(values) == 0:
        for method in ("percentile", "BCa", "bootstrap t"):
            tally.bounds(method, values[0], values[0])
        return
    n, mean = len(values), float(values.mean())
    drawn = np.sort(resampled_scores([(metric, rows)], seed=seed, resamples=RESAMPLES)[0])
    tally.bounds("percentile", *percentile_bounds(drawn, 0.025))
    tally.bounds("BCa", *bca_bounds(drawn, mean, (n * mean - values) / (n - 1), 0.025))
    found = studentised_interval(values, seed=seed, resamples=RESAMPLES)
    tally.bounds("bootstrap t", found.low, found.high)


def differences() -> Iterator[dict[str, Any]]:
    """Differences of values in 0..1."""
    for data, (draw, true) in DIFFERENCES.items():
        for n in SIZES:
            generator = np.random.default_rng(n)
            tally = Tally("paired mean", data, n, true)
            for seed in range(2000 if n < 1000 else 600):
                moves = draw(generator, n)
                _one_difference(tally, np.maximum(-moves, 0), np.maximum(moves, 0), seed)
            yield from tally.lines()


def _one_difference(tally: Tally, before: Values, after: Values, seed: int) -> None:
    student, chosen = paired_difference(before, after), share_mean_difference(before, after)
    tally.bounds("Student t", student.low, student.high)
    tally.bounds("gains and losses", chosen.low, chosen.high)
    drawn = resampled_scores([(SHARE, (after - before)[:, None])], seed=seed, resamples=RESAMPLES)[0]
    low, high = percentile_bounds(np.sort(drawn), 0.025)
    tally.bounds("percentile", low, high)
    if tally.true == 0:
        tally.p_value("Student t", student.p_value)
        tally.p_value("percentile", 0.0 if low > 0 or high < 0 else 1.0)
        clear = chosen.low is not None and chosen.high is not None and (chosen.low > 0 or chosen.high < 0)
        tally.p_value("verdict", chosen.p_value if clear else 1.0)


def corpus() -> Iterator[dict[str, Any]]:
    """Functions of sums: one model, the difference of two, and the test where models are swapped at random."""
    for data, (metric, first, second) in populations().items():
        alone = metric.score(second)
        apart = alone - metric.score(first)
        for n in SIZES:
            generator = np.random.default_rng(n)
            one, two = Tally("corpus score", data, n, alone), Tally("corpus difference", data, n, apart)
            for seed in range(1000 if n < 1000 else 400):
                places = generator.integers(len(first), size=n)
                swapped = generator.random(n) < 0.5
                _one_corpus(one, two, metric, (first[places], second[places]), swapped, seed)
            yield from one.lines()
            yield from two.lines()


def _one_corpus(
    one: Tally, two: Tally, metric: SumMetric, pair: tuple[Rows, Rows], swapped: NDArray[np.bool_], seed: int
) -> None:
    before, after = pair
    null = np.where(swapped[:, None], after, before), np.where(swapped[:, None], before, after)
    samples = [(metric, rows) for rows in (before, after, *null)]
    drawn = resampled_scores(samples, seed=seed, resamples=RESAMPLES)
    without = [metric.of_sums(rows.sum(axis=0) - rows) for _, rows in samples]
    scores = [metric.score(rows) for _, rows in samples]
    if not (np.isfinite(drawn).all() and all(np.isfinite(each).all() for each in without)):
        return
    for method, bounds in _four(drawn[1], scores[1], without[1]).items():
        one.bounds(method, *bounds)
    for method, bounds in _four(drawn[1] - drawn[0], scores[1] - scores[0], without[1] - without[0]).items():
        two.bounds(method, *bounds)
    changes = drawn[3] - drawn[2]
    for method, (low, high) in _four(changes, scores[3] - scores[2], without[3] - without[2]).items():
        two.p_value(method, 0.0 if low > 0 or high < 0 else 1.0)
    (p_value,) = randomised_p_values([Pairing(metric, *null)], seed=seed, permutations=999)
    two.p_value("randomisation", p_value)
    shifted = np.abs(changes) - np.abs(changes).mean()
    two.p_value("Moses bootstrap", (1 + (shifted > abs(scores[3] - scores[2])).sum()) / (1 + RESAMPLES))


def _four(drawn: Values, value: float, without_one: Values) -> Found:
    ordered, wider = np.sort(drawn), expanded_tail(0.95, len(without_one))
    return {
        "percentile": percentile_bounds(ordered, 0.025),
        "expanded percentile": percentile_bounds(ordered, wider),
        "BCa": bca_bounds(ordered, value, without_one, 0.025),
        "expanded BCa": bca_bounds(ordered, value, without_one, wider),
    }


def clusters() -> Iterator[dict[str, Any]]:
    """Yes-or-no records, and differences, of clusters of one size or of many."""
    for data, sizes in (("5 records each", None), ("1 to 20 records, mean 5", 0.2)):
        for n_clusters in (10, 30, 100):
            generator = np.random.default_rng(n_clusters)
            shares = {share: Tally("clusters", f"share {share}, {data}", n_clusters, share) for share in (0.5, 0.9)}
            null = Tally("clusters", f"difference, {data}", n_clusters, 0.0)
            for _ in range(2000):
                counts = (
                    np.full(n_clusters, 5) if sizes is None else np.minimum(generator.geometric(sizes, n_clusters), 20)
                )
                codes = np.repeat(np.arange(n_clusters), counts)
                for share, tally in shares.items():
                    level = generator.beta(share * 7 / 3, (1 - share) * 7 / 3, n_clusters)[codes]
                    _one_clustered(tally, (generator.random(len(codes)) < level).astype(float), codes)
                moves = generator.normal(0, 0.2, n_clusters)[codes] + generator.normal(0, 0.3, len(codes))
                found = paired_difference(np.zeros(len(codes)), moves, clusters=codes)
                null.bounds("clustered t", found.low, found.high)
                null.p_value("clustered t", found.p_value)
                null.p_value("records as if independent", paired_difference(np.zeros(len(codes)), moves).p_value)
            for tally in (*shares.values(), null):
                yield from tally.lines()


def _one_clustered(tally: Tally, values: Values, codes: NDArray[np.int64]) -> None:
    found = {
        "records as if independent": wilson_interval(int(values.sum()), len(values)),
        "clustered t": mean_interval(values, clusters=codes),
        "Wilson effective": share_mean_interval(values, clusters=codes),
    }
    for method, each in found.items():
        tally.bounds(method, each.low, each.high)


def auc() -> Iterator[dict[str, Any]]:
    """Areas of normal scores, and the difference of two as good ones."""
    for positives, negatives in ((15, 15), (20, 180), (100, 100)):
        positive = np.arange(positives + negatives) < positives
        for true in (0.7, 0.9, 0.98):
            generator = np.random.default_rng(positives)
            tally = Tally("AUC", f"{positives} of {len(positive)} positive, area {true}", len(positive), true)
            for _ in range(2000):
                latent = generator.normal(math.sqrt(2) * stats.norm.ppf(true) * positive, 1)
                found = areas(latent[None], positive)
                half = 1.959964 * math.sqrt(found.covariance[0, 0])
                tally.bounds("DeLong's own", found.areas[0] - half, found.areas[0] + half)
                ours = auc_interval(latent, positive)
                tally.bounds("Wilson with DeLong's variance", ours.low, ours.high)
                before, after = (latent + generator.normal(0, 0.5, len(positive)) for _ in "ab")
                tally.p_value("DeLong", auc_difference(before, after, positive).p_value)
            yield from tally.lines()


def main() -> None:
    """Measure, and write the results and the tables."""
    kinds = [
        one_share(),
        paired_shares(),
        means(MEANS, "mean of values in 0..1", SHARE),
        means(BEYOND, "mean of other values", UNBOUNDED),
        differences(),
        corpus(),
        clusters(),
        auc(),
    ]
    lines: list[dict[str, Any]] = []
    for kind in kinds:
        for line in kind:
            print(json.dumps(line, ensure_ascii=False), flush=True)
            lines.append(line)
    made_with = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy"))
    text = ",\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    RESULTS.write_text(f'{{"made_with": "{made_with}", "lines": [\n{text}\n]}}\n', encoding="utf-8")
    write_page()


if __name__ == "__main__":
    main()
