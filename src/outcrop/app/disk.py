"""What takes space in a home folder, and how it may go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from outcrop.domain.jobs import ENDED
from outcrop.services import Services
from outcrop.stores.local import files_of


@dataclass(frozen=True)
class DiskUse:
    """What takes space: ``bytes`` under ``what``, and the command that lets it go, "" where it is needed."""

    what: str
    bytes: int
    freed_by: str


def disk_use(services: Services) -> list[DiskUse]:
    """What takes space, largest first."""
    sizes: dict[str, int] = {}
    for entry in services.store.entries():
        place = "/".join(entry.key.split("/")[:2])
        sizes[place] = sizes.get(place, 0) + entry.size
    uses = [*_models(services, sizes), *_jobs(services, sizes), *_other(services)]
    # What is left belongs to nothing: a job that was killed while it kept a model, say.
    uses += [
        DiskUse(f"{place} (unused)", size, f"deleting {services.store.address(place)}") for place, size in sizes.items()
    ]
    return sorted(uses, key=lambda use: -use.bytes)


def _models(services: Services, sizes: dict[str, int]) -> list[DiskUse]:
    names: dict[str, list[str]] = {}
    for model in services.catalog.models():
        names.setdefault(model.uri, []).append(model.name)
    return [
        DiskUse(f"model {', '.join(sharing)}", sizes.pop(uri, 0), f"outcrop models remove {sharing[0]}")
        for uri, sharing in names.items()
    ]


def _jobs(services: Services, sizes: dict[str, int]) -> list[DiskUse]:
    return [
        DiskUse(
            f"job {job.name} ({job.status.value})",
            size,
            f"outcrop jobs delete {job.name}" if job.status in ENDED else "",
        )
        for job in services.catalog.jobs()
        if (size := sizes.pop(f"jobs/{job.id}", 0))
    ]


def _other(services: Services) -> list[DiskUse]:
    home = services.settings.home
    folders = {
        services.settings.cache_folder: ("cache", "deleting {}: it is made again when needed"),
        home / "scratch": ("unfinished work", "itself, after a day"),
        home / "capture": ("records of requests", "a server, which delivers them"),
        Path(services.settings.store) / ".partial": ("unfinished writes", "itself, after a day"),
    }
    sizes = {folder: sum(size for _, size in files_of(folder)) for folder in folders}
    return [
        DiskUse(what, sizes[folder], how.format(folder)) for folder, (what, how) in folders.items() if sizes[folder]
    ]
