"""A causal language model in memory: hidden states, and logits only where they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from outcrop.domain.errors import NotSupported
from outcrop.models.quiet import quiet_transformers

#: Largest difference, relative to the largest logit, at which head(hidden) still counts as the model's own logits.
_HEAD_TOLERANCE = 1e-4


class Network:
    """Weights ready to compute, split into a body and a head.

    The body is most of the work; the head is a matrix product with the whole vocabulary, so callers pick the positions
    they need between the two. A model that does more than a product there (scaling, capping) is noticed by a probe, and
    for it ``hidden`` returns the full logits and ``head`` passes them on.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model: Any = model
        self._split = self._head_is_a_product()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = next(self.model.parameters()).device
        return device

    def hidden(
        self, tokens: Tensor, mask: Tensor | None, positions: Tensor, cache: Any = None, **attention: Any
    ) -> Tensor:
        """Last hidden states, ``(batch, tokens, width)``.

        Args:
            tokens: Ids, ``(batch, tokens)``.
            mask: 1 where there is a token, ``(batch, past + tokens)``; None where there is no padding.
            positions: Place of each token in its row, ``(batch, tokens)``.
            cache: A transformers cache, filled in place; None where nothing follows.
            **attention: Handed on to the attention, for one that needs more than transformers' own.
        """
        arguments = {
            "input_ids": tokens,
            "attention_mask": mask,
            "position_ids": positions,
            "past_key_values": cache,
            "use_cache": cache is not None,
            **attention,
        }
        if self._split:
            states: Tensor = self._body()(**arguments).last_hidden_state
            return states
        logits: Tensor = self.model(**arguments).logits
        return logits

    def packed_hidden(self, tokens: Tensor, lengths: tuple[int, ...]) -> Tensor:
        """Last hidden states of records that lie end to end in one row, each as if it were alone.

        Needs the attention that ``trainers.packing`` puts in.

        Args:
            tokens: Ids, ``(1, tokens)``.
            lengths: Tokens of each record, in the order of the row.
        """
        positions = torch.cat([torch.arange(length, device=tokens.device) for length in lengths])[None]
        arguments = {"input_ids": tokens, "position_ids": positions, "use_cache": False, "lengths": lengths}
        if self._split:
            states: Tensor = self._body()(**arguments).last_hidden_state
            return states
        logits: Tensor = self.model(**arguments).logits
        return logits

    @property
    def head_weight(self) -> Tensor | None:
        """The head's matrix, ``(vocabulary, width)``, where the head is that product and nothing else."""
        head = self.model.get_output_embeddings()
        return head.weight if self._split and type(head) is nn.Linear and head.bias is None else None

    def head(self, hidden: Tensor) -> Tensor:
        """Logits of hidden states: ``(n, width)`` to ``(n, vocabulary)``."""
        if not self._split:
            return hidden
        logits: Tensor = self.model.get_output_embeddings()(hidden)
        return logits

    def _body(self) -> Any:
        return getattr(self.model, self.model.base_model_prefix)

    def _head_is_a_product(self) -> bool:
        if not hasattr(self.model, self.model.base_model_prefix) or self.model.get_output_embeddings() is None:
            return False
        probe = torch.arange(1, 5, device=self.device)[None]
        with torch.no_grad():
            want = self.model(input_ids=probe, use_cache=False).logits
            states = self._body()(input_ids=probe, use_cache=False).last_hidden_state
            got = self.model.get_output_embeddings()(states)
        return bool((want - got).abs().max() <= _HEAD_TOLERANCE * want.abs().max())


def load_network(folder: Path, *, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Network:
    """Load a folder of safetensors.

    Raises:
        NotSupported: The architecture is unknown to transformers, is no causal language model, a file is damaged, or
            weights are missing or of another shape: such a tensor would otherwise be filled with noise.
    """
    from transformers import AutoModelForCausalLM

    return Network(load_weights(AutoModelForCausalLM, folder, device, dtype, attn_implementation="sdpa"))


def set_attention_dropout(network: Network, share: float) -> None:
    """Leave out a share of attention weights while training, in every layer that can."""
    for layer in network.model.modules():
        if isinstance(getattr(layer, "attention_dropout", None), float):
            layer.attention_dropout = share


@quiet_transformers()
def load_weights(
    kind: Any, folder: Path, device: str, dtype: torch.dtype, *, spare: tuple[str, ...] = (), **settings: Any
) -> Any:
    """A folder of safetensors as a transformers model, ready to compute.

    Args:
        kind: The ``AutoModel…`` class that says what the model is for.
        folder: With ``config.json``; no code in it is run.
        device: ``cpu``, ``cuda``, ….
        dtype: Number format of the weights.
        spare: How the names of tensors begin whose values are never used; they may be missing.
        **settings: How to read the folder otherwise: entries of its configuration, the kind of attention.

    Raises:
        NotSupported: As ``load_network``.
    """
    from safetensors import SafetensorError

    try:
        model, info = kind.from_pretrained(
            str(folder),
            dtype=dtype,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            # Else transformers raises without a name; they are refused below.
            ignore_mismatched_sizes=True,
            **settings,
        )
    except (ValueError, OSError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        words = str(error).strip().partition("\n")[0]
        raise NotSupported(f"{folder}: the model can't be loaded ({words})") from error
    for fault, names in (
        ("missing", [key for key in info["missing_keys"] if not key.startswith(spare)]),
        ("of another shape than config.json says", [key[0] for key in info["mismatched_keys"]]),
    ):
        if names:
            shown = ", ".join(sorted(names)[:5])
            raise NotSupported(f"{folder}: tensors are {fault} ({shown}); fetch the model again")
    return model.to(device).eval()
