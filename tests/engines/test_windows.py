from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.domain.errors import InvalidInput
from outcrop.engines.windows import Window, covering_windows, require_windows, rolling_windows


def test_rolling_windows_by_hand() -> None:
    want = [Window(0, 6, 1, 6), Window(4, 10, 6, 10), Window(8, 11, 10, 11)]
    assert rolling_windows(11, 6, 4) == want
    assert rolling_windows(6, 6, 4) == want[:1]
    assert rolling_windows(1, 6, 4) == rolling_windows(0, 6, 4) == []


@given(tokens=st.integers(0, 60), size=st.integers(2, 20), data=st.data())
def test_rolling_windows_score_each_token_once_with_what_the_stride_leaves(
    tokens: int, size: int, data: st.DataObject
) -> None:
    stride = data.draw(st.integers(1, size - 1))
    windows = rolling_windows(tokens, size, stride)
    assert [place for one in windows for place in range(one.first, one.last)] == list(range(1, tokens))
    for one in windows:
        assert 0 <= one.start < one.first < one.last == one.end <= tokens
        assert one.end - one.start <= size
    assert all(one.first - one.start >= size - stride for one in windows[1:])


def test_a_stride_of_one_gives_every_token_all_that_fits() -> None:
    for one in rolling_windows(30, 8, 1):
        assert all(one.start == max(0, place + 1 - 8) or one.start == 0 for place in range(one.first, one.last))


def test_a_full_last_window_reaches_back() -> None:
    want = [Window(0, 6, 1, 6), Window(5, 11, 6, 11), Window(7, 13, 11, 13)]
    assert rolling_windows(13, 6, 5, full_last=True) == want
    assert rolling_windows(11, 6, 5, full_last=True) == want[:2]
    assert rolling_windows(4, 6, 5, full_last=True) == [Window(0, 4, 1, 4)]


def test_covering_windows_by_hand() -> None:
    assert covering_windows(0, 4) == [Window(0, 0, 0, 0)]
    assert covering_windows(4, 4) == [Window(0, 4, 0, 4)]
    assert covering_windows(9, 4) == [
        Window(0, 4, 0, 3),
        Window(2, 6, 3, 5),
        Window(4, 8, 5, 6),
        Window(5, 9, 6, 9),
    ]


@given(tokens=st.integers(0, 200), size=st.integers(2, 40))
def test_covering_windows_have_each_token_once_and_where_it_is_farthest_from_an_edge(tokens: int, size: int) -> None:
    windows = covering_windows(tokens, size)
    assert [place for one in windows for place in range(one.first, one.last)] == list(range(tokens))
    for one in windows:
        assert 0 <= one.start <= one.first <= one.last <= one.end <= tokens
        for place in range(one.first, one.last):
            assert _from_edges(one, place, tokens) >= max(_from_edges(two, place, tokens) for two in windows) - 1


def _from_edges(window: Window, place: int, tokens: int) -> int:
    """Tokens between a place and the nearer edge of a window; the ends of the text are no edges, outside is -1."""
    before = tokens if window.start == 0 else place - window.start
    after = tokens if window.end == tokens else window.end - 1 - place
    return max(-1, min(before, after))


def test_faults_of_windows() -> None:
    require_windows(2, 1, 2)
    with pytest.raises(InvalidInput) as caught:
        require_windows(65, 65, 64)
    assert [str(fault) for fault in caught.value.faults] == [
        "rolling_loglikelihood: window: found 65; expected 2 to 64",
        "rolling_loglikelihood: stride: found 65; expected 1 to 64",
    ]
