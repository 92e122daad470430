"""Models for tests of exports: tokenizers of three rules, adapters that change every layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from outcrop.domain.hyperparameters import choose
from outcrop.domain.models import Customization
from outcrop.models.gguf_vocabulary import LLAMA_3
from outcrop.models.network import load_network
from outcrop.trainers.adapters import LoraNetwork
from tests.tiny_model import CHATML, CONTEXT, SPECIAL

#: Where tokenizers differ: digits, spaces, ends of lines, other scripts, code, added tokens.
GOLDEN = (
    "a  12",
    "    1. Foo",
    "\n\n3",
    "Chapter 1234567: 3.14159 and 1,000,000",
    "I'M sure they'll say we've DON'T",
    "Grüße 🏔️👩‍🚀 and naïve façades",
    "花崗岩とは何ですか。 ١٢٣ שלום мир",
    "def f(x: int) -> str:\n\treturn f'{x:>10}'\r\n",
    "<|im_start|>user\nHi<|im_end|>\n<think> so </think>",
    "  trailing   \t \n \n",
    "",
)

RULES = ("smollm", "gpt-2", "llama-bpe")


def splitter(rule: str) -> Any:
    """The pre-tokenizer that a rule's name stands for in llama.cpp."""
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if rule == "smollm":
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), plain])
    if rule == "gpt-2":
        return plain
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA_3), "isolated"), bytes_only])


def trained_tokenizer(rule: str) -> PreTrainedTokenizerFast:
    """A byte-level BPE of some 600 tokens, trained on the golden texts, that splits by a rule."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=rule == "llama-bpe"))
    tokenizer.pre_tokenizer = splitter(rule)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        [*GOLDEN] * 4,
        trainers.BpeTrainer(
            vocab_size=600, special_tokens=[*SPECIAL], initial_alphabet=alphabet, show_progress=False, min_frequency=2
        ),
    )
    tokenizer.add_tokens([AddedToken("<think>", normalized=False), AddedToken("</think>", normalized=False)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=CONTEXT,
        chat_template=CHATML,
    )


def llama(folder: Path, rule: str = "smollm", *, tied: bool = True, spare: int = 0, **changes: Any) -> Path:
    """A random Llama with grouped-query attention and a trained tokenizer; ``spare`` rows have no token."""
    tokenizer = trained_tokenizer(rule)
    tokenizer.save_pretrained(str(folder))
    settings: dict[str, Any] = {
        "vocab_size": len(tokenizer) + spare,
        "hidden_size": 64,
        "intermediate_size": 160,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": tied,
        "initializer_range": 0.3,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        LlamaForCausalLM(LlamaConfig(**settings | changes)).save_pretrained(str(folder))
    return folder


def adapter(base: Path, folder: Path, spread: float = 0.02, **hyperparameters: Any) -> Path:
    """An adapter that changes every layer: PEFT begins with B = 0, so B is drawn here."""
    lora = LoraNetwork(load_network(base), choose(Customization.LORA, {"seed": 3} | hyperparameters), "the base")
    folder.mkdir()
    lora.save(folder)
    tensors = load_file(folder / "adapter_model.safetensors")
    generator = torch.Generator().manual_seed(1)
    for name, tensor in tensors.items():
        if "lora_B" in name:
            assert not tensor.any()
            tensors[name] = torch.randn(tensor.shape, generator=generator) * spread
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder
