"""The label that fmeval reads out of a response, to compare with its accuracies.

Source: ``convert_model_output_to_label`` of fmeval 1.2.3.
"""

from __future__ import annotations

from collections.abc import Sequence

#: What it reads out of a response without a label.
UNKNOWN = "unknown"


def fmeval_label(response: str, labels: Sequence[str]) -> str:
    """The first word of a response that is a label, both in lower case; ``unknown`` where none is.

    Two things are as fmeval has them, and not as its documentation says. Marks stay on their words: "The answer is 2."
    has no label 2. And what comes back is in lower case, while fmeval compares it with the right label as that is
    written, so that a dataset with the label "Positive" has an accuracy of 0.

    Args:
        response: What a model wrote; words are what single spaces separate.
        labels: The labels that there are. One with a space in it is never found.
    """
    known = {label.lower().strip() for label in labels}
    words = (word.lower().strip() for word in response.split(" "))
    return next((word for word in words if word in known), UNKNOWN)
