"""Continuous batching: requests come at any time, and share each pass with those that are being answered.

The order of requests is kept (Yu et al. 2022, "Orca", section 3: scheduling by iteration). A prompt is read in parts
between the steps of the others, so that a long one holds nobody up for long (Agrawal et al. 2024, "Sarathi-Serve").
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from outcrop.engines.adapters import View, mix, view_of
from outcrop.engines.cache import new_cache, takes_rows
from outcrop.engines.decoding import LEAST_BEGINNING, Row, Running, shared_beginning
from outcrop.engines.lanes import Beginning, Lanes
from outcrop.engines.planning import Limits
from outcrop.engines.tally import Tally
from outcrop.models.chat import ChatTokenizer

#: Cells of the prompts that are read together: the first of them waits for the last.
_TOGETHER = 1024

#: Room is kept for so many tokens more than a row has. Most responses end long before the most that they may have;
#: where all together outgrow the room, the last ones wait again.
_AHEAD = 256

#: A beginning that many prompts share is read at once, where it has at most so many times as many tokens as a part.
_PATIENCE = 4

#: Tokens of prompts that are read between two steps of others, by kind of device: on two cores 128 of SmolLM2-135M's
#: take one and a half times as long as a step of 32 rows (0.4 s against 0.25 s of one thread).
_BESIDE = {"cpu": 128}
_BESIDE_ELSEWHERE = 2048


class _Reading:
    """Rows whose prompts are being read.

    Args:
        rows: One or more.
        lanes: Theirs, in which the beginning of their prompts was read.
        begun: How many tokens that has.
        columns: How many columns of the rest are read at a time.
    """

    def __init__(self, rows: list[Row], lanes: Lanes, begun: int, columns: int) -> None:
        self.rows = rows
        self.lanes = lanes
        self.cancelled: set[Row] = set()
        prompts = [_so_far(row)[begun:] for row in rows]
        view = view_of([row.view for row in rows])
        self._parts: Iterator[Tensor] = lanes.read_prompts(view, prompts, columns)
        self._left = -(-max(map(len, prompts)) // columns)

    def read(self) -> Tensor | None:
        """Read another part; the last hidden states of the prompts, once there is no more."""
        states = next(self._parts)
        self._left -= 1
        return states if self._left == 0 else None


class Continuous:
    """The rows of one network that are computed now, and those that wait; one thread uses it.

    Args:
        tokenizer: The network's.
        limits: How many rows run side by side, and how many tokens they may hold, padding included.
        tally: Where the work is counted.
    """

    def __init__(self, tokenizer: ChatTokenizer, limits: Limits, tally: Tally) -> None:
        self._limits = limits
        self._tally = tally
        self._running = Running(tokenizer, tally, watched=True)
        self._waiting: list[Row] = []
        self._reading: _Reading | None = None
        self._beginning: Beginning | None = None
        self._last: list[int] = []

    @property
    def rows(self) -> int:
        """How many rows have not ended."""
        reading = len(self._reading.rows) - len(self._reading.cancelled) if self._reading else 0
        return len(self._waiting) + reading + len(self._running.live)

    def add(self, row: Row) -> None:
        """Put a row behind those that wait."""
        self._waiting.append(row)

    def cancel(self, row: Row) -> None:
        """Let a row go; its place is free from the next step on. One that has ended is passed over."""
        if row in self._waiting:
            self._waiting.remove(row)
        elif self._reading and row in self._reading.rows:
            self._reading.cancelled.add(row)
            if len(self._reading.cancelled) == len(self._reading.rows):
                self._reading = None
        elif row in self._running.live:
            self._running.drop(row)

    @torch.no_grad()
    def step(self) -> list[Row]:
        """Make a pass: each row that runs gets a token, and some prompts are read; the rows that got one."""
        with self._tally.generating():
            self._put_back()
            stepped = list(self._running.live)
            if stepped:
                self._running.step()
            return stepped + self._read()

    def _put_back(self) -> None:
        """Let the rows that joined last wait again, where all together have outgrown their room.

        What they wrote is read again with their prompts, and they go on from there.
        """
        live = self._running.live
        while len(live) > 1 and len(live) * (max(map(_length, live)) + 1) > self._limits.tokens:
            last = max(live, key=lambda row: row.joined)
            self._running.drop(last)
            self._waiting.insert(0, last)
            live = self._running.live

    def _read(self) -> list[Row]:
        """Read a part of the prompts whose turn it is; the rows that got their first token by that."""
        if self._reading is None:
            chosen = self._chosen()
            if not chosen:
                return []
            self._reading = self._begin(chosen)
        reading = self._reading
        states = reading.read()
        if states is None:
            return []
        self._reading = None
        self._running.join(reading.rows, reading.lanes, states)
        for row in reading.cancelled.intersection(self._running.live):
            self._running.drop(row)
        return [row for row in reading.rows if row not in reading.cancelled]

    def _begin(self, rows: list[Row]) -> _Reading:
        self._waiting = self._waiting[len(rows) :]
        for row in rows:
            if not row.tokens:
                row.join()
        beside = _BESIDE.get(rows[0].view.device.type, _BESIDE_ELSEWHERE)
        cells = beside if self._running.live else max(beside, _TOGETHER)
        views = [row.view for row in rows]
        beginning = self._begun(rows, views, cells) or Beginning(views, [])
        begun = len(beginning.tokens)
        lengths = [_length(row) - begun for row in rows]
        self._tally.read(len(rows), max(lengths), sum(lengths))
        return _Reading(rows, beginning.lanes(views), begun, max(1, cells // len(rows)))

    def _begun(self, rows: list[Row], views: list[View], cells: int) -> Beginning | None:
        """What the rows' prompts begin with, and the last one's before them: as it is kept, or read now.

        None where that is too little to be worth it, or so much that others would wait for it.
        """
        if not takes_rows(new_cache(views[0].config)):
            return None
        prompts = [_so_far(row) for row in rows]
        common = shared_beginning([*prompts, self._last] if self._last else prompts)
        self._last = prompts[-1]
        kept = self._beginning
        if kept is not None and kept.begins(views, prompts) and common < len(kept.tokens) + LEAST_BEGINNING:
            return kept if all(len(prompt) > len(kept.tokens) for prompt in prompts) else None
        if common == 0 or common * len(set(views)) > _PATIENCE * cells:
            return None
        self._beginning = Beginning(views, prompts[0][:common])
        self._tally.read(1, self._beginning.cells, self._beginning.cells)
        return self._beginning

    def _chosen(self) -> list[Row]:
        """The first of the waiting rows that have room beside those that run."""
        if not self._waiting or (self._running.live and not takes_rows(new_cache(self._waiting[0].view.config))):
            return []
        rows, chosen = list(self._running.live), list[Row]()
        longest, widest = 0, max(map(_cost, rows), default=0)
        for row in self._waiting:
            longest, widest = max(longest, _length(row)), max(widest, _cost(row))
            rows.append(row)
            fits = len(rows) <= self._limits.rows and len(rows) * widest <= self._limits.tokens
            if len(rows) > 1 and not (fits and mix([each.view for each in rows])):
                break
            if chosen and (len(chosen) + 1) * longest > _TOGETHER:
                break
            chosen.append(row)
        return chosen


def _so_far(row: Row) -> list[int]:
    """What a row reads before it goes on: its prompt, and what it has written."""
    return row.prompt + row.tokens


def _length(row: Row) -> int:
    """How many tokens that is."""
    return len(row.prompt) + len(row.tokens)


def _cost(row: Row) -> int:
    """Tokens for which there must be room before a row joins."""
    return len(row.prompt) + min(row.limit, len(row.tokens) + _AHEAD)
