"""Whether two models differ in how many records they get right, from the records on which they disagree."""

from __future__ import annotations

from outcrop.domain.errors import Fault, InvalidInput


def exact_mcnemar(gained: int, lost: int) -> float:
    """The two-sided p-value of McNemar's exact test, which never rejects too often.

    If neither model is better, each disagreement is a fair coin: ``min(1, 2 · P(X ≤ min(gained, lost)))``, X binomial
    with ``gained + lost`` throws. Source: McNemar, "Note on the Sampling Error of the Difference between Correlated
    Proportions or Percentages", 1947, in its exact form.

    Args:
        gained: How many records the candidate alone gets right.
        lost: How many records the baseline alone gets right.

    Returns:
        In 0..1; 1 where the two never disagree.

    Raises:
        InvalidInput: One of the two is below 0.
    """
    from scipy.special import bdtr

    _check(gained, lost)
    return min(1.0, 2 * float(bdtr(float(min(gained, lost)), gained + lost, 0.5)))


def mid_p_mcnemar(gained: int, lost: int) -> float:
    """The two-sided mid-p of McNemar's test: the exact one less the chance of what was seen.

    The exact test, of whole numbers, rejects far less often than it may; this one rejects about as often as it may and
    hardly ever more. Source: Fagerland, Lydersen & Laake, "The McNemar Test for Binary Matched-Pairs Data: Mid-p and
    Asymptotic Are Better than Exact Conditional", 2013.

    Args:
        gained: How many records the candidate alone gets right.
        lost: How many records the baseline alone gets right.

    Returns:
        In 0..1; 1 where the two disagree as often either way, or never.

    Raises:
        InvalidInput: One of the two is below 0.
    """
    from scipy.special import bdtr

    _check(gained, lost)
    if gained == lost:
        return 1.0
    fewer, throws = min(gained, lost), gained + lost
    below = float(bdtr(float(fewer - 1), throws, 0.5)) if fewer else 0.0
    return below + float(bdtr(float(fewer), throws, 0.5))


def _check(gained: int, lost: int) -> None:
    if min(gained, lost) < 0:
        raise InvalidInput([Fault("records", None, "", f"{gained} gained and {lost} lost", "counts of 0 or more")])
