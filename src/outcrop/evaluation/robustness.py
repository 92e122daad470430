"""Robustness: which prompts are asked instead of a record's own, and which metric reports what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.evaluation.perturbations import SEED, VARIANTS, Perturbed, perturb
from outcrop.metrics.lines import LineMean, LineSums
from outcrop.metrics.protocol import TextMetric
from outcrop.metrics.robustness.relative_delta import relative_delta
from outcrop.metrics.robustness.response_error_rate import response_error_rate
from outcrop.metrics.robustness.responses import Responses

#: How many more responses to each unperturbed prompt a model that samples gives, so that chance can be taken off;
#: fmeval's four samples less the response itself.
REPEATS = 3


def variants(
    prompts: Sequence[str], kinds: Sequence[str], *, seed: int = SEED, n: int = VARIANTS
) -> list[tuple[Perturbed, ...]]:
    """The variants of each record's prompt, kind by kind; they are asked in this order, record by record.

    Args:
        prompts: One for each record, before a template is put around it.
        kinds: Which perturbations.
        seed: 0 or more.
        n: How many variants of each kind that has chance in it.

    Raises:
        NotFound: A kind is not there.
        InvalidInput: ``seed`` is below 0, or ``n`` below 1: all faults.
    """
    return [tuple(one for kind in kinds for one in perturb(prompt, kind, seed=seed, n=n)) for prompt in prompts]


def responses(
    originals: Sequence[str | None],
    perturbed: Sequence[tuple[Perturbed, ...]],
    written: Sequence[str | None],
    references: Sequence[tuple[str, ...]],
    *,
    kinds: Sequence[str],
    repeats: Sequence[tuple[str, ...]] = (),
) -> list[Responses]:
    """What the metrics of robustness score, one for each record.

    Args:
        originals: The response to each record's own prompt.
        perturbed: What ``variants`` gave.
        written: The responses to all variants, in the order of ``perturbed``, record by record.
        references: The right responses to each record.
        kinds: The kinds of perturbation whose responses count; the others' are passed over.
        repeats: More responses to each record's own prompt, of a model that samples; none for one that does not.

    Raises:
        InvalidInput: There is not a response for each variant.
    """
    asked = sum(len(own) for own in perturbed)
    if len(written) != asked:
        found = f"{len(written)} responses to {asked} perturbed prompts"
        raise InvalidInput([Fault("robustness", None, "written", found, "one for each, in the same order")])
    each = iter(written)
    more = repeats or [()] * len(originals)
    return [
        Responses(original, tuple(_of_kinds(own, each, kinds)), right, repeated)
        for original, own, right, repeated in zip(originals, perturbed, references, more, strict=True)
    ]


def _of_kinds(own: Sequence[Perturbed], written: Iterator[str | None], kinds: Sequence[str]) -> Iterator[str | None]:
    for one in own:
        text = next(written)
        if one.kind in kinds:
            yield text


def builtin_robustness(metric: TextMetric | None, perturbation: str) -> LineMean[Responses] | LineSums[Responses]:
    """Bedrock's ``Builtin.Robustness``.

    Args:
        metric: What Bedrock takes the delta of: F1 for question answering, BERTScore for summarisation, accuracy for
            classification; None for open-ended generation, which goes by the words that change.
        perturbation: What ``perturbations.signed`` says of the variants.

    Raises:
        NotSupported: The metric has no value for each record.
    """
    return response_error_rate(perturbation) if metric is None else relative_delta(metric, perturbation)
