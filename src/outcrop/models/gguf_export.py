"""Writing a GGUF file, as llama.cpp reads it, without a compiler: one tensor at a time, by the ``gguf`` library."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from outcrop.domain.errors import NotSupported
from outcrop.models.gguf_names import EMBEDDINGS, gguf_name, heads_of, in_halves, interleaved
from outcrop.models.gguf_vocabulary import Vocabulary, read_vocabulary
from outcrop.models.reading import Weights

if TYPE_CHECKING:
    from gguf import GGMLQuantizationType, GGUFWriter

#: For each ``--type``: the types of matrices and of embeddings, and the number that llama.cpp calls the mix by.
_TYPES = {"f16": ("F16", "F16", 1), "q8_0": ("Q8_0", "Q8_0", 7), "q4_1": ("Q4_1", "Q8_0", 3)}

#: GGUF's names of special tokens.
_SPECIAL = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}

#: Its names for more ends of a turn than one.
_STOPS = ("eot", "eom")


@dataclass(frozen=True)
class _Shape:
    """What a Llama's ``config.json`` says of its network."""

    layers: int
    width: int
    inner: int
    heads: int
    kv_heads: int
    head_size: int
    context: int
    vocabulary: int
    epsilon: float
    theta: float
    tied: bool


class GgufExport:
    """A Llama model on its way into a GGUF file."""

    def __init__(self, folder: Path, number_type: str) -> None:
        """Read configuration and tokenizer, before anything is written.

        Args:
            folder: The base's folder, with ``config.json`` and tokenizer.
            number_type: A key of ``domain.exports.NUMBER_TYPES``.

        Raises:
            NotSupported: The network or the tokenizer has something that llama.cpp would read otherwise.
        """
        self._shape = _read_shape(folder)
        self._vocabulary = read_vocabulary(folder, self._shape.vocabulary)
        self._matrices, self._embeddings, self._file_type = _TYPES[number_type]

    def write(self, weights: Weights, file: Path, *, name: str, licence: str) -> None:
        """Write the file; memory for one tensor at a time.

        Raises:
            NotSupported: A tensor has no place in a GGUF file, or one is missing.
        """
        from gguf import GGUFWriter

        places = self._places(weights)
        writer = GGUFWriter(str(file), "llama")
        try:
            self._add_settings(writer, name, licence)
            _add_vocabulary(writer, self._vocabulary)
            for place, source in places.items():
                shape, kind = weights.shapes()[source], self._kind(place, weights.shapes()[source])
                writer.add_tensor_info(place, shape, np.dtype(np.float32), _size(shape, kind), raw_dtype=kind)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
            for place, source in places.items():
                writer.write_tensor_data(self._encoded(place, weights.read(source).numpy()))
        finally:
            writer.close()

    def warnings(self) -> tuple[str, ...]:
        """What the file can't say."""
        unsaid = ", ".join(map(str, self._vocabulary.stops[len(_STOPS) :]))
        if not unsaid:
            return ()
        return (f"a GGUF file has no place for so many ends of a turn; llama.cpp may not stop at {unsaid}",)

    def rounded(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        """The float32 values that the file has of a tensor, its rows in the network's order."""
        from gguf.quants import dequantize

        place = self._place(name)
        found = dequantize(self._encoded(place, tensor.numpy()), self._kind(place, tuple(tensor.shape)))
        return torch.from_numpy(self._ordered(place, found, back=True).copy())

    def fill(self, model: Any, file: Path) -> None:
        """Give a network in memory the weights that a written file has, in place.

        Raises:
            NotSupported: A tensor of the network is not in the file.
        """
        from gguf import GGUFReader
        from gguf.quants import dequantize

        stored = {tensor.name: tensor for tensor in GGUFReader(str(file)).tensors}
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                tensor = stored.get(self._place(name))
                if tensor is None:
                    raise NotSupported(f"{file}: has no tensor {self._place(name)}")
                values = dequantize(tensor.data, tensor.tensor_type).reshape(parameter.shape)
                parameter.copy_(torch.from_numpy(self._ordered(tensor.name, values, back=True).copy()))

    def _places(self, weights: Weights) -> dict[str, str]:
        """The tensor for each place in the file."""
        # Old checkpoints hold the rotary frequencies, which follow from the configuration.
        found = {self._place(name): name for name in weights.shapes() if not name.endswith(".rotary_emb.inv_freq")}
        if self._shape.tied:
            found.pop("output.weight", None)
        expected = {"token_embd.weight", "output_norm.weight"} | (set() if self._shape.tied else {"output.weight"})
        missing = expected - found.keys()
        if missing or len(found) != len(expected) + 9 * self._shape.layers:
            raise NotSupported(
                f"the model has {len(found)} tensors, which are not all that a Llama's configuration says"
            )
        return found

    def _place(self, name: str) -> str:
        place = gguf_name(name)
        if place is None:
            raise NotSupported(f"tensor {name} has no place in a Llama's GGUF file; export the model as safetensors")
        return place

    def _kind(self, place: str, shape: tuple[int, ...]) -> GGMLQuantizationType:
        from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

        if len(shape) == 1:
            return GGMLQuantizationType.F32
        kind = GGMLQuantizationType[self._embeddings if place in EMBEDDINGS else self._matrices]
        # Blocks lie within a row; llama.cpp keeps rows that are no whole number of blocks in 16 bits.
        return kind if shape[-1] % GGML_QUANT_SIZES[kind][0] == 0 else GGMLQuantizationType.F16

    def _encoded(self, place: str, values: NDArray[np.float32]) -> NDArray[Any]:
        from gguf.quants import quantize

        found: NDArray[Any] = quantize(self._ordered(place, values), self._kind(place, values.shape))
        return np.ascontiguousarray(found)

    def _ordered(self, place: str, values: NDArray[np.float32], *, back: bool = False) -> NDArray[np.float32]:
        heads = heads_of(place, self._shape.heads, self._shape.kv_heads)
        if heads is None:
            return values
        return in_halves(values, heads) if back else interleaved(values, heads)

    def _add_settings(self, writer: GGUFWriter, name: str, licence: str) -> None:
        shape = self._shape
        writer.add_type("model")
        writer.add_name(name)
        if licence:
            writer.add_license(licence)
        writer.add_file_type(self._file_type)
        writer.add_quantization_version(2)
        writer.add_block_count(shape.layers)
        writer.add_context_length(shape.context)
        writer.add_embedding_length(shape.width)
        writer.add_feed_forward_length(shape.inner)
        writer.add_head_count(shape.heads)
        writer.add_head_count_kv(shape.kv_heads)
        writer.add_layer_norm_rms_eps(shape.epsilon)
        writer.add_rope_freq_base(shape.theta)
        writer.add_rope_dimension_count(shape.head_size)
        if shape.head_size * shape.heads != shape.width:
            writer.add_key_length(shape.head_size)
            writer.add_value_length(shape.head_size)
        writer.add_vocab_size(shape.vocabulary)


def _add_vocabulary(writer: GGUFWriter, vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.rule)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    # An empty list has no type in GGUF; a vocabulary of single bytes has no merges.
    if vocabulary.merges:
        writer.add_token_merges(vocabulary.merges)
    for name, number in vocabulary.special.items():
        writer.add_uint32(f"tokenizer.ggml.{_SPECIAL[name]}_token_id", number)
    for name, number in zip(_STOPS, vocabulary.stops, strict=False):
        writer.add_uint32(f"tokenizer.ggml.{name}_token_id", number)
    writer.add_add_space_prefix(False)
    writer.add_add_bos_token(vocabulary.adds_bos)
    writer.add_add_eos_token(vocabulary.adds_eos)
    if vocabulary.template is not None:
        writer.add_chat_template(vocabulary.template)


def _size(shape: tuple[int, ...], kind: GGMLQuantizationType) -> int:
    from gguf import GGML_QUANT_SIZES

    block, taken = GGML_QUANT_SIZES[kind]
    return math.prod(shape) // int(block) * int(taken)


def _read_shape(folder: Path) -> _Shape:
    from transformers import AutoConfig

    plain = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    architecture = str((plain.get("architectures") or ["unknown"])[0])
    if architecture != "LlamaForCausalLM":
        raise NotSupported(
            f"{folder}: is a {architecture}; only LlamaForCausalLM can be exported as GGUF, because each architecture "
            "has names and an order of rows of its own; export it as safetensors"
        )
    config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    rope = config.rope_parameters
    odd = [f"{name} {getattr(config, name)}" for name in ("attention_bias", "mlp_bias") if getattr(config, name)]
    odd += [f"activation {config.hidden_act}"] if config.hidden_act != "silu" else []
    odd += [f"rope type {rope['rope_type']}"] if rope.get("rope_type", "default") != "default" else []
    if odd:
        raise NotSupported(f"{folder}: has {', '.join(odd)}, which is not written yet; export it as safetensors")
    return _Shape(
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        inner=config.intermediate_size,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        head_size=config.head_dim,
        context=config.max_position_embeddings,
        vocabulary=config.vocab_size,
        epsilon=config.rms_norm_eps,
        theta=rope["rope_theta"],
        tied=bool(config.tie_word_embeddings),
    )
