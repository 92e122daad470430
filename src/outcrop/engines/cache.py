"""Keys and values of a batch that grows by a token a step and loses rows."""

from __future__ import annotations

from typing import Any

from torch import Tensor, arange
from transformers.cache_utils import DynamicCache, DynamicLayer

# Room for this many more tokens is taken at a time.
_GROWTH = 128


class RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """A layer's keys and values, with room at the end and in place.

    transformers' own layer copies everything at each step and at each row that leaves. Here a step writes one token and
    a row that leaves is overwritten by a later one (SmolLM2-135M, 64 rows of 130 tokens, two cores: 201 ms a step
    against 249 ms).
    """

    def __init__(self) -> None:
        super().__init__()
        self._room: tuple[Tensor, Tensor] | None = None
        self._rows = self._length = 0

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Append tokens, ``(rows, heads, tokens, size)``, and return all so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start, self._rows = self._length, key_states.shape[0]
        self._length += key_states.shape[2]
        room = self._make_room(key_states, value_states, start)
        for kept, new in zip(room, (key_states, value_states), strict=True):
            kept[: self._rows, :, start : self._length] = new
        return self._show()

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows, in this order; cheap where most stay in their place.

        Args:
            indices: Rows as they are now, ``(rows left,)``.
        """
        if self._room is None:
            return
        moved = (indices != arange(len(indices), device=indices.device)).nonzero()[:, 0]
        self._rows = len(indices)
        for room in self._room:
            room[moved, :, : self._length] = room[indices[moved], :, : self._length]
        self._show()

    def copied(self, rows: Tensor) -> RoomyLayer:
        """A layer with copies of these rows of this one, ``(copies,)``."""
        layer = RoomyLayer()
        layer.update(self.keys[rows], self.values[rows])
        return layer

    def append_rows(self, other: RoomyLayer) -> None:
        """Put another layer's rows below these; their tokens end where these end."""
        assert self._room is not None
        assert other._room is not None
        self._widen(self._rows + other._rows, other._length)
        first, start = self._rows, self._length - other._length
        self._rows += other._rows
        for room, new in zip(self._room, other._room, strict=True):
            # What lies before is masked, but a NaN that happens to lie there would come through.
            room[first : self._rows, :, :start] = 0
            room[first : self._rows, :, start : self._length] = new[: other._rows, :, : other._length]
        self._show()

    def forget(self, tokens: int) -> None:
        """Drop the first tokens of all rows."""
        assert self._room is not None
        for room in self._room:
            kept = room[: self._rows, :, tokens : self._length].clone()
            room[: self._rows, :, : self._length - tokens] = kept
        self._length -= tokens
        self._show()

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Not needed by the loop that fills this layer."""
        raise NotImplementedError

    def crop(self, tokens_to_remove: int) -> None:
        """Not needed by the loop that fills this layer."""
        raise NotImplementedError

    def _widen(self, rows: int, length: int) -> None:
        """Make room for so many rows, and let these end where texts of a length end that begin at the first place."""
        assert self._room is not None
        most, shift = self._room[0].shape[0], max(0, length - self._length)
        if rows <= most and not shift:
            return
        # Rows come one after the other; each time twice the room, or most of the work would be copying.
        space = most if rows <= most else max(rows, 2 * most)
        old, self._length = self._room, self._length + shift
        self._room = (_empty(old[0], space, self._length + _GROWTH), _empty(old[1], space, self._length + _GROWTH))
        for new, before in zip(self._room, old, strict=True):
            new[: self._rows, :, :shift] = 0
            new[: self._rows, :, shift : self._length] = before[: self._rows, :, : self._length - shift]

    def _make_room(self, keys: Tensor, values: Tensor, filled: int) -> tuple[Tensor, Tensor]:
        if self._room is None or self._length > self._room[0].shape[2]:
            old = self._room
            # Rows that left may be followed by others.
            rows = keys.shape[0] if old is None else max(keys.shape[0], old[0].shape[0])
            self._room = (_empty(keys, rows, self._length + _GROWTH), _empty(values, rows, self._length + _GROWTH))
            for new, before in zip(self._room, old or (), strict=False):
                new[: self._rows, :, :filled] = before[: self._rows, :, :filled]
        return self._room

    def _show(self) -> tuple[Tensor, Tensor]:
        assert self._room is not None
        self.keys, self.values = (room[: self._rows, :, : self._length] for room in self._room)
        return self.keys, self.values


def new_cache(config: Any) -> DynamicCache:
    """An empty cache for a model; layers with a sliding window or a state stay transformers' own."""
    cache = DynamicCache(config=config)
    cache.layers = [RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def takes_rows(cache: DynamicCache) -> bool:
    """Whether rows can come and go in every layer of a cache."""
    return all(type(layer) is RoomyLayer for layer in cache.layers)


def copied(cache: DynamicCache, rows: Tensor) -> DynamicCache:
    """A cache with copies of these rows of one that takes rows."""
    copies = DynamicCache()
    copies.layers = [layer.copied(rows) for layer in cache.layers]
    return copies


def append_rows(cache: DynamicCache, other: DynamicCache) -> None:
    """See ``RoomyLayer.append_rows``."""
    for layer, more in zip(cache.layers, other.layers, strict=True):
        layer.append_rows(more)


def forget(cache: DynamicCache, tokens: int) -> None:
    """Drop the first tokens of all rows of a cache that takes rows."""
    for layer in cache.layers:
        layer.forget(tokens)


def order_without(finished: set[int], rows: int) -> list[int]:
    """The rows that stay, each in its place but for those that fill the gaps.

    >>> order_without({1}, 4)
    [0, 3, 2]
    """
    left = rows - len(finished)
    movers = iter([row for row in range(left, rows) if row not in finished])
    return [next(movers) if row in finished else row for row in range(left)]


def _empty(like: Tensor, rows: int, tokens: int) -> Tensor:
    _, heads, _, size = like.shape
    return like.new_empty(rows, heads, tokens, size)
