"""What a forgetting report lets one say, in words: what was gained, what it cost, and what to do about the cost."""

from __future__ import annotations

from collections.abc import Iterator

from outcrop.domain.models import Customization, Lineage
from outcrop.domain.scores import Outcome
from outcrop.evaluation.forgetting import FEW, Change, Forgetting, TextSet
from outcrop.reports import numbers
from outcrop.reports.texts import quoted
from outcrop.reports.verdict import outcome, records_needed

#: A rise of the perplexity of general texts from which on advice is given.
HIGH_PRICE = 0.05

_UNKNOWN = (
    "What it cost is not known: no general texts were given. Name some with --general: texts of the kinds that the "
    "model should still know, which are not of the domain and which it was not trained on."
)


def verdicts(found: Forgetting) -> tuple[str, ...]:
    """What was gained and what it cost since the base, then since the model that was gone on from."""
    told = [_sentence(one, one.changes[0]) for one in found.text_sets]
    if len(found.text_sets) < 2:
        told.append(_UNKNOWN)
    told += [_sentence(one, change) for one in found.text_sets for change in one.changes[1:]]
    return tuple(told)


def advice(found: Forgetting, lineage: Lineage) -> tuple[str, ...]:
    """What to do where the domain did not get better, where the price is high, and where too little is known of it.

    Args:
        found: What was measured.
        lineage: How the custom model was made.
    """
    return tuple(_advice(found, lineage))


def _advice(found: Forgetting, lineage: Lineage) -> Iterator[str]:
    of = {one.kind: one.changes[0] for one in found.text_sets}
    if outcome(of["domain"].comparison) is not Outcome.BETTER:
        yield "The domain did not get better: train on more texts or for more epochs, or with a higher learning rate."
    price = of.get("general")
    if price is None or price.ratio is None:
        return
    if outcome(price.comparison) is Outcome.WORSE and price.ratio - 1 >= HIGH_PRICE:
        yield from _against_the_price(lineage)
    elif outcome(price.comparison) is not Outcome.WORSE and price.high is not None and price.high - 1 >= HIGH_PRICE:
        needed = records_needed(price.comparison)
        some = f": roughly {numbers.count(needed)} would tell" if needed is not None and needed < 1_000_000 else ""
        yield f"A price of {numbers.percent(price.high - 1)} is not ruled out: measure with more general texts{some}."


def _against_the_price(lineage: Lineage) -> Iterator[str]:
    values = lineage.hyperparameters
    if "learning_rate" in values:
        yield f"The price is high: a lower learning rate forgets less (it was {values['learning_rate']:g})."
    if values.get("epochs", 1) > 1:
        yield f"Fewer passes forget less: it went over the texts {values['epochs']} times."
    if lineage.method is Customization.FULL:
        yield "LoRA forgets less than full training, and learns less: --method lora."
    yield (
        "General texts among the training data keep what they show alive: mix some in, other ones than those that "
        "are measured with."
    )


def _sentence(measured: TextSet, change: Change) -> str:
    way = outcome(change.comparison)
    new, old = quoted(change.candidate), quoted(change.baseline)
    what = f"{_change(change)} over {numbers.count(change.comparison.n)} texts"
    if change.low is None or change.high is None:
        return f"How {new} compares with {old} on {measured.kind} texts can’t be told: {change.comparison.method}."
    rough = f" With fewer than {FEW} texts the interval is rough." if measured.n_distinct < FEW else ""
    if way is Outcome.UNDECIDED:
        pair = f"from {old} to {new}"
        return f"No change on {measured.kind} texts that can be told {pair}: perplexity {what}.{rough}"
    if measured.kind == "domain":
        deed = "knows the domain better" if way is Outcome.BETTER else "knows the domain worse"
        return f"{new} {deed} than {old}: perplexity {what}.{rough}"
    deed = "This cost nothing" if way is Outcome.BETTER else "The price"
    return f"{deed}: from {old} to {new} the perplexity of general texts {what}.{rough}"


def _change(change: Change) -> str:
    """``fell by 12% (11% to 13%)``; from twice as high on, ``rose to 2.4 times (2.1 to 2.7)``."""
    ratio, low, high = change.ratio, change.low, change.high
    if ratio is None or low is None or high is None:
        return ""
    if ratio >= 2:
        decimals = numbers.places(ratio, low, high)
        return f"rose to {numbers.fixed(ratio, decimals)} times ({numbers.interval(low, high, decimals)})"
    bounds = sorted((100 * (low - 1), 100 * (high - 1)))
    decimals = numbers.places(100 * (ratio - 1), *bounds)
    crosses = bounds[0] < 0 < bounds[1]
    fell = ratio < 1
    if fell and not crosses:
        bounds = [-bounds[1], -bounds[0]]
    between = " to ".join(f"{numbers.fixed(bound, decimals, signed=crosses)}%" for bound in bounds)
    return f"{'fell' if fell else 'rose'} by {numbers.fixed(abs(100 * (ratio - 1)), decimals)}% ({between})"
