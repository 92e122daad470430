"""Whether the machine and the home folder are fit for work: a finding for each thing that is looked at."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from outcrop.domain.errors import Fault, InvalidInput, NotFound, NotSupported, OutcropError
from outcrop.domain.jobs import HELD, Status
from outcrop.domain.units import size
from outcrop.models.device import choose_device
from outcrop.models.hub import hub_address, reach_hub
from outcrop.models.memory import usable_memory
from outcrop.roof import Roof, kept_roof, raise_roof
from outcrop.services import open_catalog, open_services
from outcrop.settings import SETTINGS, Settings, read_settings
from outcrop.stores.local import free_bytes
from outcrop.stores.opening import open_store
from outcrop.versions import cores, machine, versions

#: Versions of Python that the unit tests were run with.
TESTED = ((3, 11), (3, 12), (3, 13))

#: What each extra of the package is for.
EXTRAS = {
    "dev": "working on Outcrop itself",
    "local-aws": "stand-ins for S3, IAM and STS beside the server",
    "parquet": "tables in Parquet files",
    "postgres": "a catalog in PostgreSQL",
    "s3": "a store in an S3 bucket, and models of Amazon Bedrock",
    "server": "Bedrock's API over HTTP, and keys that sign requests",
    "vllm": "responses and log-likelihoods by vLLM, on a machine with a GPU",
}

#: Bytes of free disk below which the default model hardly fits, and below which full training of it may not.
_FULL, _LOW = 1_000_000_000, 5_000_000_000

#: Bytes of memory that the estimate gives for training the default model on the example, by LoRA, as by default.
_TRAINING = 4_200_000_000

#: Seconds that the hub gets to connect, and again to answer.
_PATIENCE = 3.0


class State(Enum):
    """Whether a thing is in order, works but not as it could, or keeps something from working."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: Which thing.
        state: Whether it is in order.
        found: What was found, for a person; passwords are masked.
        advice: What to do; "" where nothing need be done.
        values: What was found, for a program: sizes in bytes, rates per second; which keys depends on the name.
    """

    name: str
    state: State
    found: str
    advice: str = ""
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Diagnosis:
    """All findings, in the order in which they were made; ``healthy`` where none is a problem."""

    healthy: bool
    findings: tuple[Finding, ...]


def diagnose(home: str | Path | None = None, *, measure: bool = False) -> Diagnosis:
    """Look at the machine, the installation and the home folder; never raises for what it finds there.

    As every command does, it makes the home folder where there is none, and sees to jobs whose worker died.

    Args:
        home: The folder; ``OUTCROP_HOME`` or ``~/.outcrop`` where None.
        measure: Measure the machine's roof also where one is kept; the better figures are kept.
    """
    settings, faults = _settings(home)
    catalog = _look("catalog", partial(_catalog, settings))
    findings = [
        _look("python", _python),
        *_installation(),
        _look("settings", partial(_in_force, settings, faults)),
        _look("processor", _processor),
        _look("memory", _memory),
        _look("device", partial(_device, settings)),
        _look("roof", partial(_roof, settings, again=measure)),
        _look("disk", partial(_disk, settings)),
        catalog,
        _look("store", partial(_store, settings)),
        _look("jobs", partial(_jobs, settings, catalog)),
        _look("hub", _hub),
    ]
    return Diagnosis(all(finding.state is not State.PROBLEM for finding in findings), tuple(findings))


def _look(name: str, look: Callable[[], Finding]) -> Finding:
    advice = _ADVICE.get(name, _UNKNOWN)
    try:
        found = look()
    except OutcropError as error:
        found = Finding(name, State.PROBLEM, str(error), advice)
    except Exception as error:  # noqa: BLE001 - one trouble must not hide what else there is
        found = Finding(name, State.PROBLEM, f"{type(error).__name__}: {error}", advice)
    return replace(found, found=_masked(found.found), advice=_masked(found.advice))


_PLACE = "make it readable and writable, or set OUTCROP_HOME to another folder"
_THERE = "see that it answers and lets you in, or name another"

#: What to do about what a look raises.
_ADVICE = {
    "device": "set OUTCROP_DEVICE to a device that is there, or to auto",
    "disk": _PLACE,
    "catalog": f"{_THERE}: OUTCROP_CATALOG_URL, OUTCROP_HOME",
    "store": f"{_THERE}: OUTCROP_STORE, OUTCROP_HOME",
    "jobs": "mend what the sentence names; the next command looks again",
}
_UNKNOWN = "this was not foreseen: report it with what `outcrop doctor --json` prints"


def _masked(text: str) -> str:
    """The text without the passwords of addresses in it."""
    return re.sub(r"([?&]password=)[^&\s]*", r"\1***", re.sub(r"(://[^:/\s]*:)\S*@", r"\1***@", text))


# the installation


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    values = {"version": version, "executable": sys.executable}
    if sys.version_info[:2] in TESTED:
        return Finding("python", State.OK, f"{version}, {sys.executable}", values=values)
    tested = ", ".join(f"{major}.{minor}" for major, minor in TESTED)
    return Finding("python", State.WARNING, f"{version} is untested", f"use one of {tested}", values)


def _installation() -> list[Finding]:
    """The libraries, and each extra that the installed package offers."""
    try:
        offered = metadata.metadata("outcrop").get_all("Provides-Extra") or []
        required = metadata.requires("outcrop") or []
    except metadata.PackageNotFoundError:
        text = f"{_named(versions())}; Outcrop itself is not installed: extras can't be told"
        return [Finding("libraries", State.WARNING, text, "pip install its folder", dict(versions()))]
    return [
        _look("libraries", partial(_libraries, required)),
        *(_look(f"extra {name}", partial(_extra, name, required)) for name in offered),
    ]


def _libraries(required: list[str]) -> Finding:
    found = versions()
    missing = [name for name, version in _packages(required, None).items() if version is None]
    if missing:
        text, advice = f"{_named(found)}; missing: {', '.join(missing)}", f"pip install {' '.join(missing)}"
        return Finding("libraries", State.PROBLEM, text, advice, dict(found))
    return Finding("libraries", State.OK, _named(found), values=dict(found))


def _named(found: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in found.items() if name != "python")


def _extra(name: str, required: list[str]) -> Finding:
    packages = _packages(required, name)
    missing = [package for package, version in packages.items() if version is None]
    purpose = f"for {EXTRAS[name]}" if name in EXTRAS else "for a purpose that this version does not know"
    if missing:
        text = f"not installed; {purpose}: pip install 'outcrop[{name}]' (brings {', '.join(missing)})"
    else:
        text = f"installed; {purpose}"
    return Finding(f"extra {name}", State.OK, text, values={"installed": not missing, "packages": packages})


def _packages(required: list[str], extra: str | None) -> dict[str, str | None]:
    """The packages that an extra needs, or the package itself where None; the version of those that are installed."""
    found: dict[str, str | None] = {}
    for requirement in required:
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        marker = re.search(r"""extra\s*==\s*["']([\w.-]+)["']""", requirement)
        if extra == (marker[1] if marker else None):
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                found[name] = None
    return found


# the settings


def _settings(home: str | Path | None) -> tuple[Settings, list[Fault]]:
    """The settings, with the default where a variable can't be used, and the faults of those."""
    try:
        return read_settings(home=home), []
    except InvalidInput as error:
        faulty = {fault.field for fault in error.faults}
        sound = {name: value for name, value in os.environ.items() if name not in faulty}
        return read_settings(sound, home=home), list(error.faults)


def _in_force(settings: Settings, faults: list[Fault]) -> Finding:
    values = {setting.variable: _masked(str(getattr(settings, setting.name))) for setting in SETTINGS}
    changed = [name for name in values if os.environ.get(name)]
    unknown = sorted(name for name in os.environ if name.startswith("OUTCROP_") and name not in values)
    text = ", ".join(f"{name}={values[name]}" for name in changed) or f"all as by default; home {settings.home}"
    if faults:
        advice = "correct or unset it; the rest was looked at with the default"
        return Finding("settings", State.PROBLEM, "; ".join(map(str, faults)), advice, values)
    if unknown:
        advice = f"there is no such setting; known are {', '.join(values)}"
        return Finding("settings", State.WARNING, f"{text}; unknown: {', '.join(unknown)}", advice, values)
    return Finding("settings", State.OK, text, values=values)


# the machine


def _processor() -> Finding:
    threads = _threads()
    values = {"cores": cores(), "threads": threads}
    text = machine() if threads is None else f"{machine()}; PyTorch uses {threads} threads"
    if threads is not None and threads > cores():
        return Finding("processor", State.WARNING, text, f"set OMP_NUM_THREADS to {cores()} or less", values)
    return Finding("processor", State.OK, text, values=values)


def _threads() -> int | None:
    try:
        import torch
    except (ImportError, OSError):
        return None
    return torch.get_num_threads()


def _memory() -> Finding:
    total = usable_memory()
    available = min(int(psutil.virtual_memory().available), total)
    values = {"total": total, "available": available}
    text = f"{size(total)}, {size(available)} of it available"
    if available < _TRAINING:
        advice = f"training the default model takes about {size(_TRAINING)}: end other programs, or lower --batch-size"
        return Finding("memory", State.WARNING, text, advice, values)
    return Finding("memory", State.OK, text, values=values)


def _device(settings: Settings) -> Finding:
    try:
        import torch
    except (ImportError, OSError) as error:
        advice = "install it: pip install torch; docs/how-to/install.md says how to get the CPU build"
        return Finding("device", State.PROBLEM, f"PyTorch can't be loaded ({error})", advice)
    device = choose_device(settings.device)
    gpus = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    values = {"device": device, "gpus": [{"name": gpu.name, "memory": gpu.total_memory} for gpu in gpus]}
    text = "; ".join([device, *(f"{gpu.name}, {size(gpu.total_memory)}" for gpu in gpus)])
    if not gpus and settings.device == "auto" and shutil.which("nvidia-smi"):
        advice = "install a CUDA build of PyTorch that suits the driver, or set OUTCROP_DEVICE to cpu"
        seen = f"{text}; there is an NVIDIA driver, and PyTorch {torch.__version__} sees no GPU"
        return Finding("device", State.WARNING, seen, advice, values)
    return Finding("device", State.OK, text, values=values)


def _roof(settings: Settings, *, again: bool) -> Finding:
    try:
        device = choose_device(settings.device)
    except (ImportError, OSError, NotSupported):
        return Finding("roof", State.WARNING, "not measured: there is no device to measure", "mend the device first")
    kept = None if again else kept_roof(settings.cache_folder, device)
    if kept is not None:
        return Finding("roof", State.OK, _rates(kept), values={"device": device, **vars(kept)})
    load = os.getloadavg()[0]
    roof = raise_roof(settings.cache_folder, device)
    text, values = f"{_rates(roof)}, measured now", {"device": device, **vars(roof), "load": load}
    if load > cores() / 2:
        advice = "estimates rest on it: `outcrop doctor --measure` when the machine is idle"
        return Finding("roof", State.WARNING, f"{text} under a load of {load:.1f}", advice, values)
    return Finding("roof", State.OK, text, values=values)


def _rates(roof: Roof) -> str:
    return f"matrix product {roof.flops / 1e9:,.0f} GFLOP/s, memory copy {roof.bytes / 1e9:,.1f} GB/s"


def _hub() -> Finding:
    address = hub_address()
    if address is None:
        return Finding("hub", State.OK, "not asked: the hub's client is set to be offline", values={"reachable": None})
    try:
        reach_hub(address, _PATIENCE)
    except NotFound as error:
        advice = (
            "check network, proxy and HF_ENDPOINT; folders and Python packages have models too: outcrop models list"
        )
        return Finding("hub", State.WARNING, str(error), advice, {"reachable": False})
    return Finding("hub", State.OK, f"{address} answers", values={"reachable": True})


# the home folder


def _disk(settings: Settings) -> Finding:
    return _room("disk", f"{settings.home}: ", free_bytes(settings.home))


def _room(name: str, text: str, free: int) -> Finding:
    """A finding of free space, in bytes; its text is put behind ``text``."""
    state = State.PROBLEM if free < _FULL else State.WARNING if free < _LOW else State.OK
    advice = "" if state is State.OK else "make room; `outcrop disk` shows what may go"
    return Finding(name, state, f"{text}{size(free)} free", advice, {"free": free})


def _catalog(settings: Settings) -> Finding:
    with closing(open_catalog(settings)) as catalog:
        catalog.check()
        models, jobs = len(catalog.models()), len(catalog.jobs())
    values = {"models": models, "jobs": jobs}
    return Finding("catalog", State.OK, f"{settings.catalog_url}: writable; {models} models, {jobs} jobs", "", values)


def _store(settings: Settings) -> Finding:
    store = open_store(settings)
    key, sent = f"doctor-{secrets.token_hex(8)}", secrets.token_bytes(64)
    store.write(key, sent)
    try:
        same = store.read(key) == sent
    finally:
        store.delete(key)
    text = f"{store.address(key).removesuffix(key)}: "
    if not same or store.exists(key):
        done = "deleted is still there" if same else "written comes back otherwise"
        return Finding("store", State.PROBLEM, f"{text}what was {done}", _PLACE)
    free = store.free()
    text += "writable"
    return (
        Finding("store", State.OK, text, values={"free": None}) if free is None else _room("store", f"{text}; ", free)
    )


def _jobs(settings: Settings, catalog: Finding) -> Finding:
    if catalog.state is State.PROBLEM:
        return Finding("jobs", State.WARNING, "not looked at: the catalog can't be used", "mend the catalog first")
    with closing(open_services(settings)) as services:
        seen = services.recover()
        going_on = len(services.catalog.jobs([Status.QUEUED, *HELD]))
    text, values = f"{going_on} queued or running", {"going_on": going_on, "orphans": seen}
    if seen:
        advice = "`outcrop jobs logs JOB` says what became of each"
        return Finding("jobs", State.WARNING, f"{text}; orphans seen to: {'; '.join(seen)}", advice, values)
    return Finding("jobs", State.OK, f"{text}, no orphan", values=values)
