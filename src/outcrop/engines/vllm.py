"""The engine on vLLM: many prompts side by side on a GPU, with keys and values in pages.

Tokens go in and tokens come out: what makes tokens of prompts, and texts of responses, is the same for every engine. So
vLLM is asked with the same tokens as the network of ``transformers.py`` is.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import count
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import NotSupported
from outcrop.domain.generation import Context, GenerationParameters, LogLikelihood, Prompt, Response
from outcrop.engines.draft import Draft
from outcrop.engines.encoding import Continuation, encode_prompts, encode_requests, encode_windows
from outcrop.engines.protocol import Batch
from outcrop.engines.scoring import joined
from outcrop.engines.stopping import settled
from outcrop.engines.tally import Tally
from outcrop.engines.trie import Trie
from outcrop.engines.vllm_loading import Adapting, first_line, load_vllm
from outcrop.engines.vllm_requests import Request, Scoring, Writing, require_vllm
from outcrop.models.chat import ChatTokenizer

# A batch is what an interrupted job does again; how many of it run side by side, vLLM decides.
_BATCH = 256


class VllmBase:
    """A model's weights in vLLM, for all engines that need them; they are read when one first computes.

    vLLM takes most of a GPU's memory for itself, so one base is in memory at a time: where another computes, the one
    before it leaves, and is read again when it is needed. So does a base for which an adapter comes that is of a higher
    rank than those before, or changes other layers.

    Args:
        folder: A base model, or a custom model with whole weights.
        device: ``cpu`` or ``cuda``; it must be what the installed vLLM computes on.

    Raises:
        MissingExtra: vLLM is not installed.
        NotSupported: The folder's tokenizer can't be loaded, or the device is one GPU of several.
    """

    _present: ClassVar[VllmBase | None] = None
    _lock: ClassVar[RLock] = RLock()

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        require_vllm()
        if device not in ("cpu", "cuda"):
            raise NotSupported(
                f"vLLM takes the first GPU that it sees, not {device}: set OUTCROP_DEVICE=cuda, and "
                "CUDA_VISIBLE_DEVICES to the number of the one that it is to see"
            )
        self.tokenizer = ChatTokenizer.load(folder)
        self._folder = folder
        self._device = device
        self._adapting = Adapting()
        self._engine: Any = None
        self._adapters: dict[Path, Any] = {}
        self._names = map(str, count(1))
        self._open: dict[str, Request] = {}

    @property
    def context(self) -> int:
        """The most tokens of a text: what the model takes, or fewer where the memory holds no more.

        Raises:
            NotSupported: vLLM can't load the model.
        """
        with self._lock:
            return min(self.tokenizer.context, int(self._running().model_config.max_model_len))

    def engine(self, adapter_folder: Path | None = None) -> VllmEngine:
        """The base as it is, or with a LoRA adapter; engines may be used in turn, in any order.

        Raises:
            NotFound: The folder holds no adapter.
            NotSupported: The adapter is of another kind than LoRA, changes the base's biases or its head, or has too
                high a rank.
        """
        if adapter_folder is None:
            return VllmEngine(self, None)
        with self._lock:
            adapting = self._adapting.and_for(adapter_folder)
            if adapting != self._adapting:
                self.close()
                self._adapting = adapting
        return VllmEngine(self, adapter_folder.resolve())

    def close(self) -> None:
        """Take the weights out of memory, once what is open has ended; they are read again when an engine computes."""
        with self._lock:
            if self._engine is None:
                return
            self._end_open()
            from vllm.distributed.parallel_state import cleanup_dist_env_and_memory

            self._engine.engine_core.shutdown()
            self._engine, VllmBase._present = None, None
            self._adapters.clear()
            cleanup_dist_env_and_memory()

    def run(self, requests: Sequence[Request], adapter: Path | None) -> None:
        """Do requests to their ends, side by side.

        Raises:
            NotSupported: See ``begin``.
        """
        with self._lock:
            # Beside a request for chosen tokens, vLLM does not tell others' best ones.
            self._end_open()
            # What earlier batches left would be read instead of computed, and a batch would depend on them.
            self._running().reset_prefix_cache()
            try:
                for request in requests:
                    self.begin(request, adapter)
                self._end_open()
            finally:
                for request in requests:
                    self.leave(request)

    def begin(self, request: Request, adapter: Path | None) -> None:
        """Let a request take part in the steps.

        Raises:
            NotSupported: vLLM can't load the model or the adapter.
        """
        with self._lock:
            engine, name = self._running(), next(self._names)
            from vllm import SamplingParams
            from vllm.sampling_params import RequestOutputKind

            sampling = SamplingParams(
                **request.sampling, detokenize=False, ignore_eos=True, output_kind=RequestOutputKind.DELTA
            )
            lora = None if adapter is None else self._lora(adapter)
            engine.add_request(name, {"prompt_token_ids": request.prompt}, sampling, lora_request=lora)
            self._open[name] = request

    def advance(self) -> None:
        """Do a step of all open requests, if there are any."""
        with self._lock:
            for output in self._engine.step() if self._open else ():
                request = self._open.get(output.request_id)
                if request is not None:
                    request.read(output)
                    if request.done:
                        self._drop(output.request_id, running=not output.finished)

    def leave(self, request: Request) -> None:
        """Do no more of a request."""
        with self._lock:
            for name in [name for name, other in self._open.items() if other is request]:
                self._drop(name, running=True)

    def _end_open(self) -> None:
        while self._open:
            self.advance()

    def _drop(self, name: str, *, running: bool) -> None:
        del self._open[name]
        if running:
            self._engine.abort_request([name])

    def _running(self) -> Any:
        if self._engine is None:
            if VllmBase._present is not None:
                VllmBase._present.close()
            self._engine = load_vllm(self._folder, self._device, self._adapting)
            VllmBase._present = self
        return self._engine

    def _lora(self, folder: Path) -> Any:
        from vllm.lora.request import LoRARequest

        if folder not in self._adapters:
            adapter = LoRARequest(str(folder), len(self._adapters) + 1, str(folder))
            try:
                self._engine.add_lora(adapter)
            except (ValueError, RuntimeError) as error:
                raise NotSupported(f"{folder}: vLLM can't load the adapter ({first_line(error)})") from error
            self._adapters[folder] = adapter
        return self._adapters[folder]


class VllmEngine:
    """One model on vLLM; implements ``Engine``, but for embeddings."""

    def __init__(self, base: VllmBase, adapter: Path | None) -> None:
        self._base = base
        self._adapter = adapter
        self._tokenizer = base.tokenizer
        self._tally = Tally()

    def plan(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Batch]:
        """Cut the prompts into batches, in their order.

        Raises:
            InvalidInput: A parameter is out of range, the chat template refuses a prompt, or a prompt leaves no room in
                the model's context; all of them.
            NotSupported: vLLM can't load the model.
        """
        self._writings(prompts, parameters)
        numbers = [prompt.number for prompt in prompts]
        return [tuple(numbers[first : first + _BATCH]) for first in range(0, len(numbers), _BATCH)]

    def generate(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Response]:
        """Answer the prompts as one batch; responses in the order of the prompts.

        Raises:
            InvalidInput: As ``plan``.
            NotSupported: vLLM can't load the model or the adapter.
        """
        requests = self._writings(prompts, parameters)
        for request in requests:
            request.draft.join()
        with self._tally.generating():
            self._base.run(requests, self._adapter)
        for request in requests:
            self._count(request.draft)
        return [request.draft.response() for request in requests]

    def stream(self, prompt: Prompt, parameters: GenerationParameters) -> Generator[str, None, Response]:
        """Answer one prompt, piece by piece; no piece is empty, ends within a character or could become a stop.

        Raises:
            InvalidInput: As ``plan``, at the first piece.
            NotSupported: As ``generate``, at the first piece.
        """
        (request,) = self._writings([prompt], parameters, watched=True)
        draft, sent = request.draft, 0
        draft.join()
        self._base.begin(request, self._adapter)
        try:
            while not request.done:
                with self._tally.generating():
                    self._base.advance()
                certain = settled(draft.text, parameters.stop)
                if certain > sent:
                    yield draft.text[sent:certain]
                    sent = certain
            if len(draft.text) > sent:
                yield draft.text[sent:]
            return draft.response()
        finally:
            self._base.leave(request)
            self._count(draft)

    def count(self, prompt: Prompt) -> int:
        """How many tokens the model reads of a prompt; see ``Engine.count``."""
        return len(encode_prompts(self._tokenizer, [prompt], GenerationParameters(), self._base.context)[0])

    def loglikelihood(self, requests: Sequence[tuple[Context, str]]) -> list[LogLikelihood]:
        """Log-probability of each continuation given its context; see ``TransformersEngine.loglikelihood``.

        Raises:
            InvalidInput: Requests that are longer than the model's context; all of them.
            NotSupported: As ``generate``.
        """
        return self._scored(encode_requests(self._tokenizer, requests, self._base.context))

    def rolling_loglikelihood(self, texts: Sequence[str], *, window: int, stride: int) -> list[LogLikelihood]:
        """Log-probability of whole texts of any length; see ``Engine.rolling_loglikelihood``.

        Raises:
            InvalidInput: The window or the stride is out of range: all faults.
            NotSupported: As ``generate``.
        """
        windows = encode_windows(self._tokenizer, texts, self._base.context, window=window, stride=stride)
        parts = iter(self._scored([one for own in windows for one in own]))
        return [joined([next(parts) for _ in own]) for own in windows]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Refuse: what vLLM has loaded to write text shows no vectors.

        Raises:
            NotSupported: Always.
        """
        raise NotSupported(
            "vLLM shows no vectors of a model that writes text; set OUTCROP_ENGINE=transformers, or use an encoder"
        )

    def figures(self) -> dict[str, float]:
        """What the work so far cost; ``Tally.figures`` names the numbers."""
        return self._tally.figures()

    def _writings(
        self, prompts: Sequence[Prompt], parameters: GenerationParameters, *, watched: bool = False
    ) -> list[Writing]:
        context = self._base.context
        encoded = encode_prompts(self._tokenizer, prompts, parameters, context)
        drafts = [
            Draft(prompt.number, tokens, min(parameters.max_tokens, context - len(tokens)))
            for prompt, tokens in zip(prompts, encoded, strict=True)
        ]
        return [Writing(draft, parameters, self._tokenizer, watched=watched) for draft in drafts]

    def _count(self, draft: Draft) -> None:
        self._tally.tokens += len(draft.tokens)
        self._tally.prompt_tokens += len(draft.prompt)
        self._tally.near_ties += draft.near_ties
        # Nothing is padded.
        self._tally.read(1, len(draft.prompt), len(draft.prompt))

    def _scored(self, items: Sequence[Continuation]) -> list[LogLikelihood]:
        """The log-probabilities of continuations that fit the model's context."""
        requests: list[Scoring] = []
        latest: dict[tuple[int, ...], Scoring] = {}
        asked = []
        for item in items:
            before = tuple(item.tokens[:-1])
            if len(before) >= item.start and (before not in latest or latest[before].full):
                latest[before] = Scoring(before)
                requests.append(latest[before])
            asked.append(latest[before] if len(before) >= item.start else None)
            if asked[-1] is not None:
                asked[-1].add(item)
        with self._tally.scoring():
            self._base.run(requests, self._adapter)
        self._tally.scored_tokens += sum(len(item.tokens) for item in items)
        self._tally.trie_nodes += len(Trie(request.prompt for request in requests))
        self._tally.trie_cells += sum(request.cells for request in requests)
        return [
            LogLikelihood(0.0, 0, True) if request is None else request.result(item)
            for request, item in zip(asked, items, strict=True)
        ]
