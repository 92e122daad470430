"""The machine's roof: the best matrix product and memory copy, measured once per machine and kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

_SIZE = 1536
_REPEATS = 5


@dataclass(frozen=True)
class Roof:
    """What the machine can do at best: floating-point operations and bytes copied, both per second, in float32."""

    flops: float
    bytes: float
    threads: int


def read_roof(folder: Path, device: str) -> Roof:
    """The roof kept in a folder, measured first (about a second) where there is none for this device."""
    import torch

    file = folder / f"roof-{device.replace(':', '-')}-{torch.get_num_threads()}.json"
    try:
        return Roof(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        roof = measure(device)
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(roof)), encoding="utf-8")
        return roof


def measure(device: str) -> Roof:
    """Measure now: the best of a few products of square matrices, and of a few copies."""
    import torch

    left, right = torch.randn(_SIZE, _SIZE, device=device), torch.randn(_SIZE, _SIZE, device=device)
    block = torch.zeros(1 << 26, dtype=torch.uint8, device=device)
    other = torch.empty_like(block)

    def wait() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    product = _best(lambda: torch.mm(left, right), wait)
    copy = _best(lambda: other.copy_(block), wait)
    return Roof(2 * _SIZE**3 / product, 2 * block.numel() / copy, torch.get_num_threads())


def _best(work: Callable[[], object], wait: Callable[[], None]) -> float:
    """Seconds of the fastest of several runs."""
    times = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        work()
        wait()
        times.append(time.perf_counter() - began)
    return min(times)
