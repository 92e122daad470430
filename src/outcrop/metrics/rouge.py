"""ROUGE: how many of the reference's n-grams, or of its words in their order, the response has.

Source: C.-Y. Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004, sections 2 and 3, with what the
script ROUGE-1.5.5 and Google's rouge-score add to the paper: tokens, stems, and no word counted twice in ROUGE-Lsum.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.record_mean import RecordMean
from outcrop.metrics.rows import f1_of_counts
from outcrop.metrics.tokens import tokeniser

_COLUMNS = ("hits", "n_response", "n_reference")

_Counts = tuple[int, int, int]
_Tokens = Callable[[str], list[str]]


def rouge_n(n: int, *, stem: bool = True) -> RecordMean:
    """ROUGE-N: n-grams in common, each as often as both texts have it.

    Args:
        n: Words in a row that make one n-gram; from 1.
        stem: Whether words of more than three letters are reduced to Porter stems.

    Returns:
        A metric named ``rouge<n>``: the mean F1, in 0..1. Its rows count n-grams. A reference without any token gives
        a row of NaN; one that is only shorter than ``n`` gives 0, as rouge-score does.

    Raises:
        InvalidInput: ``n`` is below 1.
    """
    if n < 1:
        raise InvalidInput([Fault("rouge_n", None, "n", str(n), "1 or more")])
    return _rouge(str(n), partial(_count_ngrams, n), stem)


def rouge1(*, stem: bool = True) -> RecordMean:
    """ROUGE-1, as ``rouge_n(1)``."""
    return rouge_n(1, stem=stem)


def rouge2(*, stem: bool = True) -> RecordMean:
    """ROUGE-2, as ``rouge_n(2)``."""
    return rouge_n(2, stem=stem)


def rouge_l(*, stem: bool = True) -> RecordMean:
    """ROUGE-L: the longest common subsequence of the two texts, newlines being white space.

    Args:
        stem: Whether words of more than three letters are reduced to Porter stems.

    Returns:
        A metric named ``rougeL``: the mean F1, in 0..1. Its rows count tokens. A reference without any token gives a
        row of NaN.
    """
    return _rouge("L", _count_lcs, stem)


def rouge_lsum(*, stem: bool = True) -> RecordMean:
    """ROUGE-Lsum: each reference sentence's union of longest common subsequences with all sentences of the response.

    Sentences end at newlines and nowhere else. A token is hit at most as often as each of the texts has it.

    Args:
        stem: Whether words of more than three letters are reduced to Porter stems.

    Returns:
        A metric named ``rougeLsum``: the mean F1, in 0..1. Its rows count tokens. A reference without any token gives
        a row of NaN.
    """
    return _rouge("Lsum", _count_union_lcs, stem)


def _rouge(variant: str, count: Callable[[_Tokens, str, str], _Counts | None], stem: bool) -> RecordMean:
    split = "|sent:newline" if variant == "Lsum" else ""
    return RecordMean(
        name=f"rouge{variant}",
        signature=f"rouge:{variant}|stem:{'yes' if stem else 'no'}|tok:az09{split}|stat:mean-f1|v1",
        columns=_COLUMNS,
        count=partial(count, tokeniser(stemmed=stem)),
        value=partial(f1_of_counts, both_empty=0.0),
    )


def _count_ngrams(n: int, tokens: _Tokens, response: str, reference: str) -> _Counts | None:
    in_reference = tokens(reference)
    if not in_reference:
        return None
    found, wanted = _ngrams(tokens(response), n), _ngrams(in_reference, n)
    return (found & wanted).total(), found.total(), wanted.total()


def _ngrams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[start:] for start in range(n)), strict=False))


def _count_lcs(tokens: _Tokens, response: str, reference: str) -> _Counts | None:
    found, wanted = tokens(response), tokens(reference)
    return (lcs_length(wanted, found), len(found), len(wanted)) if wanted else None


def _count_union_lcs(tokens: _Tokens, response: str, reference: str) -> _Counts | None:
    found = [tokens(line) for line in response.split("\n")]
    wanted = [tokens(line) for line in reference.split("\n")]
    n_found, n_wanted = sum(map(len, found)), sum(map(len, wanted))
    if not n_wanted:
        return None
    left = Counter(token for sentence in found for token in sentence)
    hits = 0
    for sentence in wanted:
        places = set().union(*(lcs_places(sentence, other) for other in found))
        # ROUGE-1.5.5 spends each token of the response once; the paper's formula would count it again.
        spent = Counter(sentence[place] for place in places) & left
        left -= spent
        hits += spent.total()
    return hits, n_found, n_wanted


def lcs_length(reference: Sequence[str], response: Sequence[str]) -> int:
    """The length of the longest common subsequence, in tokens."""
    last = deque(_lcs_bits(reference, response), maxlen=1).pop()
    return len(reference) - last.bit_count()


def lcs_places(reference: Sequence[str], response: Sequence[str]) -> list[int]:
    """Where in the reference one longest common subsequence lies.

    There may be several, and which one is taken changes ROUGE-Lsum. As in rouge-score: read from the ends of both
    texts, equal tokens belong to it; otherwise a reference token is passed over unless that loses length.

    Returns:
        Places in ``reference`` counted from 0, last first.
    """
    columns = list(_lcs_bits(reference, response))

    def length(i: int, j: int) -> int:
        return i - (columns[j] & ((1 << i) - 1)).bit_count()

    places = []
    i, j = len(reference), len(response)
    while i and j:
        if reference[i - 1] == response[j - 1]:
            i, j = i - 1, j - 1
            places.append(i)
        elif length(i, j - 1) > length(i - 1, j):
            j -= 1
        else:
            i -= 1
    return places


def _lcs_bits(reference: Sequence[str], response: Sequence[str]) -> Iterator[int]:
    """Columns of the table of LCS lengths, one for each beginning of the response, the empty one first.

    Bit ``i`` of column ``j`` is 0 where ``reference[:i + 1]`` has a longer common subsequence with ``response[:j]``
    than ``reference[:i]`` has, so a length is a count of zeros. Source: H. Hyyrö, "Bit-Parallel LCS-length Computation
    Revisited", 2004. One integer operation does the work of a row of cells.
    """
    full = (1 << len(reference)) - 1
    occurs: dict[str, int] = {}
    for place, token in enumerate(reference):
        occurs[token] = occurs.get(token, 0) | 1 << place
    bits = full
    yield bits
    for token in response:
        matched = bits & occurs.get(token, 0)
        bits = ((bits + matched) | (bits - matched)) & full
        yield bits
