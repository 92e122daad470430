"""What rounding leaves of a custom model's update, and of what the update is for.

    python bench/update_kept.py NAME --data validation.jsonl [--threads 1]

``NAME`` is a custom model of the home that ``OUTCROP_HOME`` names; the data hold ``prompt`` and ``completion`` on each
line. For each number type the model and its base are rounded as an export rounds them, and the loss of both on the
completions is measured: mean nats per token, the end of the turn included. One JSON document on stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from outcrop import Outcrop
from outcrop.domain.models import ModelKind
from outcrop.domain.records import Message, Role
from outcrop.models.chat import ChatTokenizer
from outcrop.models.gguf_export import GgufExport
from outcrop.models.merging import MergedWeights
from outcrop.models.network import Network, load_network
from outcrop.models.reading import StoredWeights, Weights
from outcrop.models.update_kept import measure_update
from outcrop.models.writing import rounded
from outcrop.versions import versions

TYPES = ("bf16", "f16", "q8_0", "q4_1")

Rows = list[tuple[list[int], list[int]]]
Rounding = Callable[[str, Tensor], Tensor]


def main() -> None:
    """Read the arguments, measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    with Outcrop() as outcrop:
        model = outcrop.models.show(given.name)
        assert model.lineage is not None
        base = outcrop.models.show(model.lineage.base)
        files, base_files = (outcrop.services.store.get_folder(one.uri) for one in (model, base))
    stored = StoredWeights(base_files)
    custom = MergedWeights(base_files, files) if model.kind is ModelKind.ADAPTER else StoredWeights(files)
    tokenizer, network = ChatTokenizer.load(base_files), load_network(base_files)
    rows = encode(tokenizer, given.data)

    def measured(weights: Weights, rounding: Rounding) -> float:
        fill(network.model, weights, rounding)
        return loss(network, rows)

    found: dict[str, object] = {
        "versions": versions(),
        "model": model.name,
        "weights": model.identity.weights,
        "records": len(rows),
    }
    exact: Rounding = lambda name, tensor: tensor  # noqa: E731
    found["fp32"] = {"loss_base": measured(stored, exact), "loss": measured(custom, exact)}
    for kind in TYPES:
        rounding = rounding_to(kind, base_files)
        kept = measure_update(stored, custom, rounding, stored.shapes())
        shares = sorted(tensor.share for tensor in kept.tensors)
        found[kind] = {
            "share": kept.share,
            "cosine": kept.cosine,
            "share_of_tensors": [shares[0], shares[len(shares) // 2], shares[-1]],
            "loss_base": measured(stored, rounding),
            "loss": measured(custom, rounding),
        }
        print(kind, found[kind], file=sys.stderr)
    print(json.dumps(found, indent=1))


def rounding_to(kind: str, folder: Path) -> Rounding:
    """What an export of that type leaves of a tensor."""
    if kind == "bf16":
        return lambda name, tensor: rounded(tensor, kind)
    return GgufExport(folder, kind).rounded


def encode(tokenizer: ChatTokenizer, file: Path) -> Rows:
    """Prompt and completion of each line, as tokens."""
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        prompt = tokenizer.encode_prompt([Message(Role.USER, record["prompt"])])
        found.append((prompt, [*tokenizer.encode_text(record["completion"]), *sorted(tokenizer.stop_ids)[:1]]))
    return found


def fill(model: nn.Module, weights: Weights, rounding: Rounding) -> None:
    """Give a network rounded weights."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(rounding(name, weights.read(name)))


@torch.no_grad()
def loss(network: Network, rows: Rows) -> float:
    """Mean nats per token of the completions."""
    total, count = 0.0, 0
    for prompt, completion in rows:
        tokens = torch.tensor([prompt + completion])
        hidden = network.hidden(tokens, None, torch.arange(tokens.shape[1])[None])[0, len(prompt) - 1 : -1]
        total += float(nn.functional.cross_entropy(network.head(hidden), torch.tensor(completion), reduction="sum"))
        count += len(completion)
    return total / count


if __name__ == "__main__":
    main()
