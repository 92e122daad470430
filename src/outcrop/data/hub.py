"""Datasets of the Hugging Face hub, as Parquet files: nothing of a repository is ever run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from outcrop.data.reading import content_hash
from outcrop.domain.errors import Fault, InvalidInput, NotFound, StorageFailure

PREFIX = "hub:"

#: The branch on which the hub keeps every dataset it can read as Parquet, at CONFIG/SPLIT/0000.parquet.
CONVERTED = "refs/convert/parquet"

_ADDRESS = re.compile(
    r"hub:(?P<repository>[\w.-]+/[\w.-]+?)(?:/(?P<config>[\w.+-]+))?(?::(?P<split>[\w.-]+))?(?:@(?P<revision>[\w./-]+))?"
)


@dataclass(frozen=True)
class HubDataset:
    """One split of a dataset on the hub.

    Attributes:
        repository: ``owner/name``.
        config: The configuration, which the hub's pages call a subset; "" for the one called default, or the only one.
        split: ``test``, ``train``, …; "" where there is only one.
        revision: A commit, tag or branch with Parquet files; "" for the hub's own conversion of the newest.
    """

    repository: str
    config: str = ""
    split: str = ""
    revision: str = ""

    def __str__(self) -> str:
        """The address, as ``parse_hub`` reads it."""
        config, split = f"/{self.config}" if self.config else "", f":{self.split}" if self.split else ""
        return f"{PREFIX}{self.repository}{config}{split}{f'@{self.revision}' if self.revision else ''}"


@dataclass(frozen=True)
class HubFiles:
    """A split as it was fetched: its Parquet files in order, and the commit they are of."""

    files: tuple[Path, ...]
    commit: str


def parse_hub(address: str) -> HubDataset:
    """The dataset that an address names.

    Args:
        address: ``hub:OWNER/NAME[/CONFIG][:SPLIT][@REVISION]``.

    Raises:
        InvalidInput: It is not of this form.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        expected = "hub:OWNER/NAME[/CONFIG][:SPLIT][@REVISION], such as hub:google/boolq:validation"
        raise InvalidInput([Fault("dataset", None, "", repr(address)[:120], expected)])
    return HubDataset(**{name: value or "" for name, value in match.groupdict().items()})


def fetch_split(dataset: HubDataset, folder: Path) -> HubFiles:
    """Download a split's Parquet files into a folder, and compare each with the SHA-256 that the hub says it has.

    Raises:
        NotFound: The hub can't be reached, wants a login, or has no such repository, revision, configuration or split;
            the message lists those that there are.
        StorageFailure: A file is not what the hub says it is.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    api, where = HfApi(), dataset.revision or CONVERTED
    try:
        info = api.dataset_info(dataset.repository, revision=where, files_metadata=True)
        chosen = _split_files(dataset, [file for file in info.siblings or [] if file.rfilename.endswith(".parquet")])
        paths = [
            api.hf_hub_download(
                dataset.repository, file.rfilename, repo_type="dataset", revision=info.sha, local_dir=folder
            )
            for file in chosen
        ]
    except (_no_answer(), LocalEntryNotFoundError, HFValidationError, OSError) as error:
        words = str(error).strip().splitlines() or [type(error).__name__]
        raise NotFound(
            f"the hub gave no dataset {dataset.repository!r} at {where!r} ({words[0]}); check the name, the network, "
            "and `hf auth login` for a gated dataset; a file of your own needs no hub"
        ) from error
    for file, path in zip(chosen, paths, strict=True):
        _compare(file, Path(path))
    return HubFiles(tuple(map(Path, paths)), str(info.sha))


def _split_files(dataset: HubDataset, files: Sequence[Any]) -> list[Any]:
    """The files of the dataset's split among the Parquet files of a commit, in order."""
    places = {file.rfilename: _place(PurePosixPath(file.rfilename)) for file in files}
    configs = {config for config, _ in places.values()}
    config = _one("configuration", dataset.config, configs, dataset)
    split = _one("split", dataset.split, {split for own, split in places.values() if own == config}, dataset)
    wanted = (config, split)
    return sorted((file for file in files if places[file.rfilename] == wanted), key=lambda file: str(file.rfilename))


def _place(path: PurePosixPath) -> tuple[str, str]:
    """Configuration and split of a file: CONFIG/SPLIT/0000.parquet, or FOLDER/SPLIT-00000-of-00001.parquet."""
    if re.fullmatch(r"\d+", path.stem) and len(path.parts) > 2:
        return path.parts[-3], path.parts[-2].removeprefix("partial-")
    folder = path.parts[-2] if len(path.parts) > 1 else "data"
    return "default" if folder == "data" else folder, re.sub(r"-\d+-of-\d+(-\w+)?$", "", path.stem)


def _one(kind: str, wanted: str, there: set[str], dataset: HubDataset) -> str:
    """The one that is wanted; where none is named, the one called default, or the only one.

    Raises:
        NotFound: There is no such one, or more than one to choose from.
    """
    wanted = wanted or ("default" if "default" in there else "")
    found = wanted if wanted in there else next(iter(there)) if not wanted and len(there) == 1 else None
    if found is None:
        named = f"no {kind} {wanted!r}" if wanted else f"more than one {kind}" if there else "no Parquet files"
        listed = f"; there is {', '.join(sorted(there))}" if there else ""
        raise NotFound(f"{dataset}: the hub's dataset has {named}{listed}: hub:OWNER/NAME/CONFIG:SPLIT names one")
    return found


def _compare(file: Any, path: Path) -> None:
    pinned = file.lfs.sha256 if file.lfs is not None else None
    if file.size is not None and path.stat().st_size != file.size:
        raise StorageFailure(f"{file.rfilename}: has {path.stat().st_size} bytes, not the hub's {file.size}; try again")
    if pinned is not None and (found := content_hash(path)) != pinned:
        raise StorageFailure(f"{file.rfilename}: has the hash {found}, not the hub's {pinned}; try again")


def _no_answer() -> type[Exception]:
    """What the hub's HTTP client raises where there is no answer; which client that is depends on the version."""
    from huggingface_hub.errors import HfHubHTTPError

    found: type[Exception] = HfHubHTTPError.__mro__[1]
    return found
