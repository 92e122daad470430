"""Responses that were paid for: each is stored when it comes, so that none is ever paid for twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from outcrop.domain.errors import RemoteRefusal
from outcrop.domain.generation import GenerationParameters, Prompt, Response
from outcrop.engines.protocol import PaidEngine
from outcrop.jobs.lease import Lease
from outcrop.jobs.stored_responses import StoredResponses, decode
from outcrop.stores.protocol import Store

#: Why a response ended that is none.
REFUSED = "refused"

#: Statuses of servers that refuse a prompt, and may take the next one: bad request, too large, can't be processed.
_OF_A_PROMPT = {400, 413, 422}


class PaidBatch:
    """The responses of one batch: what comes together is one file of a folder, until the batch is whole.

    With ``refusals``, a prompt that the server refuses gets a response that says so: its reason is ``REFUSED``, its
    text is what the server said. Without, a refusal ends the work.
    """

    def __init__(self, store: Store, lease: Lease, folder: str, *, refusals: bool = False) -> None:
        self._store = store
        self._lease = lease
        self._folder = folder
        self._refusals = refusals
        self._files = 0

    def fill(
        self,
        engine: PaidEngine,
        prompts: Sequence[Prompt],
        parameters: GenerationParameters,
        tell: Callable[[int, int, float], None],
    ) -> StoredResponses:
        """The responses in the order of the prompts; only those that are not stored yet are asked for.

        Args:
            engine: Who is asked; what was spent before counts against its budget.
            prompts: Those of the batch.
            parameters: Of the responses.
            tell: Called with responses in all, and tokens and seconds of those that came last.

        Raises:
            LeaseLost, StopAsked: See ``Lease.check``. What came is stored.
            OverBudget, RemoteRefusal, RemoteFailure: See ``PaidEngine.generate_keeping``. What came is stored.
        """
        found = self._stored()
        engine.charge(found.spending)
        tell(len(found.responses), 0, 0.0)
        spent, told = engine.spending, time.perf_counter()

        def keep(responses: Sequence[Response]) -> None:
            nonlocal found, spent, told
            now = time.perf_counter()
            part = StoredResponses(tuple(responses), now - told, engine.spending - spent)
            self._write(part)
            found += part
            spent, told = spent + part.spending, now
            tell(len(found.responses), part.tokens, part.seconds)

        there = {response.number for response in found.responses}
        missing = [prompt for prompt in prompts if prompt.number not in there]
        try:
            self._ask(engine, missing, parameters, keep)
        finally:
            if engine.spending.tokens != spent.tokens:
                keep([])
        by_number = {response.number: response for response in found.responses}
        return StoredResponses(tuple(by_number[prompt.number] for prompt in prompts), found.seconds, found.spending)

    def _ask(
        self,
        engine: PaidEngine,
        prompts: Sequence[Prompt],
        parameters: GenerationParameters,
        keep: Callable[[Sequence[Response]], None],
    ) -> None:
        left = {prompt.number: prompt for prompt in prompts}

        def kept(responses: Sequence[Response]) -> None:
            keep(responses)
            for response in responses:
                del left[response.number]

        while left:
            try:
                engine.generate_keeping(list(left.values()), parameters, kept, self._lease.check)
            except RemoteRefusal as refusal:
                number = refusal.prompt
                if not self._refusals or number is None or refusal.status not in _OF_A_PROMPT:
                    raise
                kept([Response(number, str(refusal), REFUSED, 0)])

    def remove(self) -> None:
        """Delete the files: the batch is stored whole."""
        self._store.delete(self._folder)

    def _stored(self) -> StoredResponses:
        """What the files of earlier workers hold."""
        found = StoredResponses()
        for entry in list(self._store.entries(f"{self._folder}/")):
            found += decode(self._store.read(entry.key), entry.key)
            self._files += 1
        return found

    def _write(self, part: StoredResponses) -> None:
        self._lease.hold()
        self._store.write(f"{self._folder}/{self._files:06d}.json", part.encode())
        self._files += 1


def describe(figures: Mapping[str, float]) -> str:
    """What asking a remote model came to, for a job's log; ``figures`` are those of its engine."""
    requests, failed, throttled = (f"{figures[name]:,.0f}" for name in ("requests", "retries", "throttled"))
    parts = [f"{requests} requests answered, {failed} failed, {throttled} of these throttled"]
    if "latency_p50" in figures:
        quantiles = ", ".join(f"p{each} {figures[f'latency_p{each}']:.2f} s" for each in (50, 90, 99))
        parts.append(f"one took {quantiles}")
    if figures["cost"]:
        parts.append(f"cost {figures['cost']:.4f}")
    if figures["lost_tokens"]:
        lost = f"{figures['lost_tokens']:,.0f} tokens, cost {figures['lost_cost']:.4f}"
        parts.append(f"in this at most {lost} of requests that broke off")
    return "; ".join(parts)
