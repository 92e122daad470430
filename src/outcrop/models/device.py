"""Where models compute."""

from __future__ import annotations

from outcrop.domain.errors import NotSupported


def choose_device(setting: str) -> str:
    """The device that the setting ``OUTCROP_DEVICE`` means on this machine.

    Raises:
        NotSupported: The device is not there, or is unknown to torch.
    """
    import torch

    if setting == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(setting)
    except RuntimeError as error:
        raise NotSupported(f"OUTCROP_DEVICE is {setting!r}; expected auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise NotSupported(f"OUTCROP_DEVICE is {setting!r}; torch sees {torch.cuda.device_count()} CUDA devices here")
    return setting


def has_bfloat16(device: str) -> bool:
    """Whether a GPU computes bfloat16 in units of its own."""
    import torch

    return bool(torch.cuda.get_device_properties(device).major >= 8)
