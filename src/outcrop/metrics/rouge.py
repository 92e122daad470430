"""ROUGE: how many of the reference's n-grams, or of its words in their order, the response has.

Source: C.-Y. Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004, sections 2 and 3, with what the
script ROUGE-1.5.5 and Google's rouge-score add to the paper: tokens, stems, and no word counted twice in ROUGE-Lsum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.ngrams import n_common, ngrams
from outcrop.metrics.record_mean import RecordMean, References
from outcrop.metrics.rows import f1_of_counts
from outcrop.metrics.sentences import sentences
from outcrop.metrics.tokens import tokeniser

_COLUMNS = ("hits", "n_response", "n_reference")

_Counts = tuple[int, int, int]
_Tokens = Callable[[str], Sequence[str]]
_Split = Callable[[str], list[str]]


def rouge_n(n: int, *, stem: bool = True, references: References = "best") -> RecordMean:
    """ROUGE-N: n-grams in common, each as often as both texts have it.

    Args:
        n: Words in a row that make one n-gram; from 1.
        stem: Whether words of more than three letters are reduced to Porter stems.
        references: Of several references, whether the best F1 counts or their average.

    Returns:
        A metric named ``rouge<n>``: the mean F1, in 0..1. Its rows count n-grams, or are the average F1. A reference
        without any token can't be scored; one that is only shorter than ``n`` gives 0, as rouge-score does.

    Raises:
        InvalidInput: ``n`` is below 1.
    """
    if n < 1:
        raise InvalidInput([Fault("rouge_n", None, "n", str(n), "1 or more")])
    return _rouge(str(n), partial(_count_ngrams, n, tokeniser(stemmed=stem)), stem, references)


def rouge1(*, stem: bool = True, references: References = "best") -> RecordMean:
    """ROUGE-1, as ``rouge_n(1)``."""
    return rouge_n(1, stem=stem, references=references)


def rouge2(*, stem: bool = True, references: References = "best") -> RecordMean:
    """ROUGE-2, as ``rouge_n(2)``."""
    return rouge_n(2, stem=stem, references=references)


def rouge_l(*, stem: bool = True, references: References = "best") -> RecordMean:
    """ROUGE-L: the longest common subsequence of the two texts, newlines being white space.

    Args:
        stem: Whether words of more than three letters are reduced to Porter stems.
        references: Of several references, whether the best F1 counts or their average.

    Returns:
        A metric named ``rougeL``: the mean F1, in 0..1. Its rows count tokens, or are the average F1. A reference
        without any token can't be scored.
    """
    return _rouge("L", partial(_count_lcs, tokeniser(stemmed=stem)), stem, references)


def rouge_lsum(
    *, stem: bool = True, split: Literal["newline", "sentences"] = "newline", references: References = "best"
) -> RecordMean:
    """ROUGE-Lsum: each reference sentence's union of longest common subsequences with all sentences of the response.

    A token is hit at most as often as each of the texts has it.

    Args:
        stem: Whether words of more than three letters are reduced to Porter stems.
        split: Where sentences end: at newlines and nowhere else, or where ``outcrop.metrics.sentences`` says.
        references: Of several references, whether the best F1 counts or their average.

    Returns:
        A metric named ``rougeLsum``: the mean F1, in 0..1. Its rows count tokens, or are the average F1. A reference
        without any token can't be scored.
    """
    cut: _Split = _lines if split == "newline" else sentences
    count = partial(_count_union_lcs, tokeniser(stemmed=stem), cut)
    return _rouge("Lsum", count, stem, references, f"|sent:{split}")


def _rouge(
    variant: str, count: Callable[[str, str], _Counts | None], stem: bool, references: References, split: str = ""
) -> RecordMean:
    return RecordMean(
        name=f"rouge{variant}",
        signature=f"rouge:{variant}|stem:{'yes' if stem else 'no'}|tok:az09{split}|refs:{references}|stat:mean-f1|v1",
        columns=_COLUMNS if references == "best" else ("f1",),
        count=count,
        value=partial(f1_of_counts, both_empty=0.0),
        references=references,
    )


def _lines(text: str) -> list[str]:
    return text.split("\n")


def _count_ngrams(n: int, tokens: _Tokens, response: str, reference: str) -> _Counts | None:
    found, wanted = tokens(response), tokens(reference)
    if not wanted:
        return None
    return n_common(ngrams(found, n), ngrams(wanted, n)), max(0, len(found) - n + 1), max(0, len(wanted) - n + 1)


def _count_lcs(tokens: _Tokens, response: str, reference: str) -> _Counts | None:
    found, wanted = tokens(response), tokens(reference)
    return (lcs_length(wanted, found), len(found), len(wanted)) if wanted else None


def _count_union_lcs(tokens: _Tokens, split: _Split, response: str, reference: str) -> _Counts | None:
    found = [tokens(sentence) for sentence in split(response)]
    wanted = [tokens(sentence) for sentence in split(reference)]
    n_found, n_wanted = sum(map(len, found)), sum(map(len, wanted))
    if not n_wanted:
        return None
    return _union_lcs(found, wanted), n_found, n_wanted


def _union_lcs(found: Sequence[Sequence[str]], wanted: Sequence[Sequence[str]]) -> int:
    if len(found) == len(wanted) == 1:
        return lcs_length(wanted[0], found[0])
    left = Counter(token for sentence in found for token in sentence)
    hits = 0
    for sentence in wanted:
        places = set().union(*(lcs_places(sentence, other) for other in found))
        # ROUGE-1.5.5 spends each token of the response once; the paper's formula would count it again.
        spent = Counter(sentence[place] for place in places) & left
        left -= spent
        hits += spent.total()
    return hits


def lcs_length(reference: Sequence[str], response: Sequence[str]) -> int:
    """The length of the longest common subsequence, in tokens."""
    bits = _lcs_columns(reference, response)[-1] & ((1 << len(reference)) - 1)
    return len(reference) - bits.bit_count()


def lcs_places(reference: Sequence[str], response: Sequence[str]) -> list[int]:
    """Where in the reference one longest common subsequence lies.

    There may be several, and which one is taken changes ROUGE-Lsum. As in rouge-score: read from the ends of both
    texts, equal tokens belong to it; otherwise a reference token is passed over unless that loses length.

    Returns:
        Places in ``reference`` counted from 0, last first.
    """
    columns = _lcs_columns(reference, response)
    places = []
    i, j = len(reference), len(response)
    while i and j:
        if reference[i - 1] == response[j - 1]:
            i, j = i - 1, j - 1
            places.append(i)
        elif columns[j] >> (i - 1) & 1:
            # Without this reference token the beginnings' subsequence is as long.
            i -= 1
        else:
            j -= 1
    return places


def _lcs_columns(reference: Sequence[str], response: Sequence[str]) -> list[int]:
    """Columns of the table of LCS lengths, one for each beginning of the response, the empty one first.

    Bit ``i`` of column ``j`` is 0 where ``reference[:i + 1]`` has a longer common subsequence with ``response[:j]``
    than ``reference[:i]`` has, so a length is a count of zeros; the bits above the reference mean nothing. Source: H.
    Hyyrö, "Bit-Parallel LCS-length Computation Revisited", 2004. One integer operation does the work of a row of cells.
    """
    occurs: dict[str, int] = {}
    bit = 1
    for token in reference:
        occurs[token] = occurs.get(token, 0) | bit
        bit <<= 1
    bits = bit - 1
    columns = [bits]
    for token in response:
        if token in occurs:
            matched = bits & occurs[token]
            bits = (bits + matched) | (bits - matched)
        columns.append(bits)
    return columns
