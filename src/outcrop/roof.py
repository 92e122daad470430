"""The machine's roof: the best matrix product and memory copy, measured once per machine and kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
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
    kept = kept_roof(folder, device)
    return raise_roof(folder, device) if kept is None else kept


def kept_roof(folder: Path, device: str) -> Roof | None:
    """The roof kept in a folder for this device and number of threads; None where there is none that can be read."""
    try:
        return Roof(**json.loads(_file(folder, device).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def raise_roof(folder: Path, device: str) -> Roof:
    """Measure now and keep the better figure of each kind: a busy machine shows less than it can do.

    Where the folder can't be written it is measured again the next time.
    """
    kept, roof = kept_roof(folder, device), measure(device)
    if kept is not None:
        roof = Roof(max(kept.flops, roof.flops), max(kept.bytes, roof.bytes), roof.threads)
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        _file(folder, device).write_text(json.dumps(asdict(roof)), encoding="utf-8")
    return roof


def _file(folder: Path, device: str) -> Path:
    import torch

    return folder / f"roof-{device.replace(':', '-')}-{torch.get_num_threads()}.json"


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
