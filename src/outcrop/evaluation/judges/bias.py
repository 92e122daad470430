"""Whether what should not count moved a judge's rulings: the place of a response, and its length."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from outcrop.domain.scores import BiasCheck
from outcrop.evaluation.judges.preferences import Preferred, place_of
from outcrop.evaluation.judges.questions import FIRST, SECOND, TIE
from outcrop.metrics.statistics.holm import holm
from outcrop.metrics.statistics.mcnemar import mid_p_mcnemar
from outcrop.metrics.statistics.rank_correlation import rank_correlation
from outcrop.metrics.statistics.share_means import share_mean_interval

#: A bias is named from here on, after Holm: one false alarm in a hundred judges.
LEVEL = 0.01

POSITION = (
    "the share of rulings that go to the response that stands first, a tie counting one half; each pair was asked in "
    "both orders, so 0.5 is no bias however good the responses are"
)
LENGTH = "the rank correlation between how much longer the response is, in the logarithm of words, and {what}"
GIVEN = ", with the rank of {quality} taken out"
NOT_GIVEN = "; longer responses may be better ones, as no other measure of their quality is there"

_WORTH = {FIRST: 1.0, TIE: 0.5, SECOND: 0.0}


def position_bias(pairs: Sequence[tuple[Preferred, Hashable]]) -> BiasCheck:
    """How often the first place wins, over records whose both orders were read.

    The p-value is the mid-p of a sign test: clusters in which the first place wins more often against those in which
    the second does, which without bias are as many however much better one of the models is.

    Args:
        pairs: What was said of each pair, and the record or cluster it belongs to.
    """
    by_cluster: dict[Hashable, list[float]] = {}
    for pair, cluster in pairs:
        both = [pair for pair in zip(*pair.orders, strict=True) if None not in pair]
        places = [
            _WORTH[place_of(won, swapped=swapped)]
            for repeat in both
            for won, swapped in zip(repeat, (False, True), strict=True)
            if won is not None
        ]
        by_cluster.setdefault(cluster, []).extend(places)
    shares = np.array([sum(places) / len(places) for places in by_cluster.values() if places])
    check = BiasCheck("position", "all rulings", None, None, None, 0.5, None, None, False, len(shares), POSITION, "")
    if len(shares) < 2:
        return replace(check, method="no test: fewer than two records")
    found = share_mean_interval(shares)
    p_value = mid_p_mcnemar(int((shares > 0.5).sum()), int((shares < 0.5).sum()))
    method = f"{found.method}, p by the sign test's mid-p"
    return replace(check, value=found.value, low=found.low, high=found.high, p_value=p_value, method=method)


@dataclass(frozen=True)
class Judged:
    """What a length check looks at: one response, or one pair.

    Attributes:
        length: Words of the response; of a pair, ``length_of`` the candidate's less that of the baseline's.
        ruling: The mean rating, or how far the candidate is preferred.
        quality: What another measure says; NaN where there is none.
        cluster: The record or cluster it belongs to.
    """

    length: float
    ruling: float
    quality: float
    cluster: Hashable


def length_of(text: str) -> float:
    """The logarithm of how many words a text has, and one, so that an empty text has a length too."""
    return math.log(len(text.split()) + 1)


def length_bias(judged: Sequence[Judged], *, subject: str, what: str, quality: str) -> BiasCheck:
    """Whether longer responses do better than their quality says, by rank correlation; clusters are averaged first.

    Args:
        judged: What was judged.
        subject: The model that it is about.
        what: What the ruling is, in words.
        quality: What the other measure of quality is, in words; "" for none.
    """
    by_cluster: dict[Hashable, list[tuple[float, float, float]]] = {}
    for one in judged:
        by_cluster.setdefault(one.cluster, []).append((one.length, one.ruling, one.quality))
    means = np.array([np.mean(rows, axis=0) for rows in by_cluster.values()]).reshape(-1, 3)
    if np.isnan(means[:, 2]).all():
        quality = ""
    found = rank_correlation(means[:, 0], means[:, 1], means[:, 2] if quality else None)
    definition = LENGTH.format(what=what) + (GIVEN.format(quality=quality) if quality else NOT_GIVEN)
    return BiasCheck(
        "length",
        subject,
        found.value,
        found.low,
        found.high,
        0.0,
        found.p_value,
        None,
        False,
        found.n,
        definition,
        found.method,
        bool(quality),
    )


def decided(checks: Sequence[BiasCheck]) -> tuple[BiasCheck, ...]:
    """The checks of one judge, corrected for their number; ``found`` where a bias is shown."""
    corrected = holm([check.p_value for check in checks])
    return tuple(
        replace(check, p_holm=p, found=p is not None and p < LEVEL) for check, p in zip(checks, corrected, strict=True)
    )
