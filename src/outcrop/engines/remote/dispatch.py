"""Many requests to one server: some at once, those that failed again, each answered once, none over the budget."""

from __future__ import annotations

import heapq
import queue
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from outcrop.domain.errors import OverBudget, RemoteFailure
from outcrop.domain.generation import Spending
from outcrop.engines.remote.account import Account
from outcrop.engines.remote.concurrency import Concurrency
from outcrop.engines.remote.failures import PassingFailure
from outcrop.engines.remote.protocol import Usage
from outcrop.engines.remote.retries import Patience

#: Seconds between two looks at whether the work is to end.
_TICK = 0.5

T = TypeVar("T")


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request: ``ask`` makes it once and says what it used; ``most`` is the most that it can use."""

    ask: Callable[[], tuple[T, Usage]]
    most: Usage


@dataclass(order=True)
class _Waiting:
    """A request that is to be made, no earlier than ``ready``; ``began`` is when it was first made."""

    ready: float
    place: int
    failures: int = 0
    began: float = 0.0


@dataclass(frozen=True)
class _Outcome(Generic[T]):
    waiting: _Waiting
    decreases: int
    seconds: float
    found: tuple[T, Usage] | Exception


class Dispatch:
    """Makes requests to one server; how many at once is learnt over all its runs."""

    def __init__(self, name: str, most: int, patience: Patience, account: Account, jitter: random.Random) -> None:
        """Make no request yet.

        Args:
            name: The model's, for messages.
            most: The most requests at once.
            patience: When a request that failed is made again, and until when.
            account: What is spent, and how often what happened.
            jitter: For the pauses between repetitions.
        """
        self.name = name
        self.patience = patience
        self.account = account
        self.jitter = jitter
        self.concurrency = Concurrency(most)
        self.reached = False

    def run(
        self,
        calls: Sequence[Call[T]],
        keep: Callable[[Sequence[tuple[int, T]]], None],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Make every request until it is answered, and hand over each answer once, with the place of its request.

        Whatever ends the work early, no new request begins then, and those under way are waited for and kept.

        Args:
            calls: The requests.
            keep: Called with the answers that have come, in this thread.
            check: Called about twice a second, in this thread; what it raises ends the work.

        Raises:
            OverBudget: A further request could cost more than the budget leaves.
            RemoteFailure: A request failed for longer than patience goes.
            RemoteRefusal, NotSupported: As ``Client``.
        """
        run = _Run(self, calls, keep)
        try:
            while run.unfinished:
                run.gather(run.launch())
                check()
        except Exception:
            run.drain()
            raise
        finally:
            run.close()

    def pause(self, failures: int, elapsed: float, failure: PassingFailure) -> float:
        """Seconds until a request that failed is made again.

        Raises:
            RemoteFailure: That would be longer than patience goes.
        """
        pause = self.patience.pause(failures, failure, self.jitter)
        if elapsed + pause > self.patience.limit(failure, reached=self.reached):
            asked = f"asked {failures} times in {elapsed:.0f} s"
            if failure.retry_after:
                asked += f", it wants to be left alone for {failure.retry_after:.0f} s"
            raise RemoteFailure(f"{self.name}: the server fails: {failure} ({asked}); try again later") from failure
        return pause


class _Run(Generic[T]):
    """One run: threads make the requests, and the caller's thread decides everything."""

    def __init__(
        self, dispatch: Dispatch, calls: Sequence[Call[T]], keep: Callable[[Sequence[tuple[int, T]]], None]
    ) -> None:
        self._dispatch = dispatch
        self._account = dispatch.account
        self._calls = calls
        self._keep = keep
        self._new = deque(_Waiting(0.0, place) for place in range(len(calls)))
        self._again: list[_Waiting] = []
        self._under_way = 0
        self._threads = 0
        self._tasks: queue.SimpleQueue[tuple[_Waiting, int] | None] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[_Outcome[T]] = queue.SimpleQueue()

    @property
    def unfinished(self) -> bool:
        """Whether a request is under way or to be made."""
        return bool(self._new or self._again or self._under_way)

    def launch(self) -> float:
        """Begin what may begin now; the seconds until more may.

        Raises:
            OverBudget: Nothing is under way, and the budget does not allow the next request.
        """
        while self._under_way < self._dispatch.concurrency.limit:
            now = time.monotonic()
            due = bool(self._again) and self._again[0].ready <= now
            if not due and not self._new:
                return min(_TICK, self._again[0].ready - now) if self._again else _TICK
            # What was made before goes first, lest its patience ends while it waits for its turn.
            most = self._most(self._again[0] if due else self._new[0])
            if not self._account.set_aside(most):
                if self._under_way:
                    # What comes back may have cost less than was set aside for it.
                    return _TICK
                raise OverBudget(f"{self._dispatch.name}: {self._account.ledger.refusal(most)}")
            self._begin(heapq.heappop(self._again) if due else self._new.popleft(), now)
        return _TICK

    def gather(self, patience: float) -> None:
        """Wait for an outcome for so many seconds; see to all that are there.

        Raises:
            RemoteFailure, RemoteRefusal, NotSupported: As ``Dispatch.run``; the answers beside it were kept before.
        """
        outcomes = self._come(patience)
        errors = [error for outcome in outcomes if (error := self._settle(outcome)) is not None]
        self._hand_over(outcomes)
        if errors:
            raise errors[0]

    def drain(self) -> None:
        """Wait for what is under way, and keep what comes; what fails is not made again."""
        until = time.monotonic() + 2 * self._dispatch.patience.timeout
        while self._under_way and time.monotonic() < until:
            outcomes = self._come(_TICK)
            for outcome in outcomes:
                self._settle(outcome, again=False)
            self._hand_over(outcomes)

    def close(self) -> None:
        """Let the threads end."""
        for _ in range(self._threads):
            self._tasks.put(None)

    def _begin(self, waiting: _Waiting, now: float) -> None:
        waiting.began = waiting.began or now
        self._under_way += 1
        if self._threads < self._under_way:
            self._threads += 1
            threading.Thread(target=self._work, name=f"requests to {self._dispatch.name}", daemon=True).start()
        self._tasks.put((waiting, self._dispatch.concurrency.decreases))

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            waiting, decreases = task
            began = time.monotonic()
            found: tuple[T, Usage] | Exception
            try:
                found = self._calls[waiting.place].ask()
            except Exception as error:  # noqa: BLE001 - it is raised again in the caller's thread
                found = error
            self._outcomes.put(_Outcome(waiting, decreases, time.monotonic() - began, found))

    def _come(self, patience: float) -> list[_Outcome[T]]:
        """All outcomes that are there, after waiting for a first one."""
        found: list[_Outcome[T]] = []
        try:
            found.append(self._outcomes.get(timeout=patience))
            while True:
                found.append(self._outcomes.get_nowait())
        except queue.Empty:
            return found

    def _hand_over(self, outcomes: Sequence[_Outcome[T]]) -> None:
        answers = [
            (outcome.waiting.place, outcome.found[0])
            for outcome in outcomes
            if not isinstance(outcome.found, Exception)
        ]
        if answers:
            self._keep(answers)

    def _settle(self, outcome: _Outcome[T], *, again: bool = True) -> Exception | None:
        """Count an outcome, and let a request that failed wait for another turn; the error that ends the work."""
        self._under_way -= 1
        waiting, found, concurrency = outcome.waiting, outcome.found, self._dispatch.concurrency
        most = self._most(waiting)
        if isinstance(found, PassingFailure):
            self._account.failed(most, found)
            if found.throttled:
                concurrency.throttled(outcome.decreases)
            else:
                concurrency.failed()
            return self._repeat(waiting, found) if again else None
        if isinstance(found, Exception):
            self._account.release(most)
            return found
        self._dispatch.reached = True
        self._account.answered(most, found[1], outcome.seconds)
        concurrency.answered()
        return None

    def _repeat(self, waiting: _Waiting, failure: PassingFailure) -> Exception | None:
        waiting.failures += 1
        # A server that can say that it is too much has been reached.
        self._dispatch.reached = self._dispatch.reached or not failure.unreachable
        now = time.monotonic()
        try:
            waiting.ready = now + self._dispatch.pause(waiting.failures, now - waiting.began, failure)
        except RemoteFailure as error:
            return error
        heapq.heappush(self._again, waiting)
        return None

    def _most(self, waiting: _Waiting) -> Spending:
        return self._account.price(self._calls[waiting.place].most)
